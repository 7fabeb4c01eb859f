/* Files to trees, trees to typed values. */
#include "adapters/config_tree.h"

#include "adapters/safe_open.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX (16 * 1024 * 1024)

struct config_place config_place_of(const struct config_loader *l, const config_setting_t *s)
{
	const char *included = config_setting_source_file(s);
	const config_t *tree = s->config;

	for (size_t i = 0; i < l->n; i++)
		if (tree == &l->sources[i].tree)
			return (struct config_place){ included != NULL ? included : l->sources[i].file,
				config_setting_source_line(s) };
	return (struct config_place){ "", 0 };
}

static void problem(struct config_loader *l, bool error, const config_setting_t *s, const char *format,
    va_list ap) __attribute__((format(printf, 4, 0)));

static void problem(
    struct config_loader *l, bool error, const config_setting_t *s, const char *format, va_list ap)
{
	struct config_place place = config_place_of(l, s);
	struct buf text = { NULL, 0, 0 };

	buf_vprintf(&text, format, ap);
	config_problem_add(l->problems, error, place.file, place.line, "%s", text.data);
	buf_free(&text);
}

void config_fault(struct config_loader *l, const config_setting_t *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	problem(l, true, s, format, ap);
	va_end(ap);
}

void config_warn(struct config_loader *l, const config_setting_t *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	problem(l, false, s, format, ap);
	va_end(ap);
}

/* ---- Files */

static char *slurp(struct config_loader *l, const char *file)
{
	char why[512];
	struct buf text = { NULL, 0, 0 };
	char chunk[16384];
	ssize_t n = 0;
	int fd = safe_open(file, l->lenient, why, sizeof(why));

	if (fd < 0) {
		/* The reason begins with the file's name, which stands before it already. */
		const char *reason = strncmp(why, file, strlen(file)) == 0 ? why + strlen(file) + 2 : why;

		config_problem_add(l->problems, true, file, 0, "%s", reason);
		return NULL;
	}
	if (why[0] != '\0')
		config_problem_add(l->problems, false, file, 0, "%s", why);
	while (text.len < FILE_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&text, chunk, (size_t)n);
	close(fd);
	if (n < 0 || text.len >= FILE_MAX || (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)) {
		config_problem_add(l->problems, true, file, 0, "%s",
		    n < 0                  ? strerror(errno)
		    : text.len >= FILE_MAX ? "is larger than 16 MiB"
					   : "holds a NUL byte");
		buf_free(&text);
		return NULL;
	}
	if (text.data == NULL)
		buf_add(&text, "", 0);
	return text.data;
}

/* libconfig 1.5 reads an integer that does not fit into 32 bits as another one, silently.  It cannot be seen after
 * parsing, so digits are counted before. */
static void scan_integers(struct config_loader *l, const char *file, const char *text)
{
	unsigned line = 1;
	bool word = false;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n')
			line++;
		if (*p == '"') {
			for (p++; *p != '\0' && *p != '"'; p++) {
				line += *p == '\n';
				p += *p == '\\' && p[1] != '\0';
			}
			if (*p == '\0')
				return;
		} else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
			p += strcspn(p, "\n") - 1;
		} else if (p[0] == '/' && p[1] == '*') {
			const char *end = strstr(p, "*/");

			for (; *p != '\0' && p != end; p++)
				line += *p == '\n';
			if (*p == '\0')
				return;
			p++;
		} else if (isdigit((unsigned char)*p) && !word) {
			size_t n = strspn(p, "0123456789");

			if (n > 9 && p[n] != 'L' && p[n] != '.' && strtoull(p, NULL, 10) > INT32_MAX)
				config_problem_add(l->problems, true, file, line,
				    "the number %.*s does not fit: write it as a string with a unit, or with L behind it",
				    (int)n, p);
			p += n - 1;
		}
		word = isalnum((unsigned char)*p) || *p == '_' || *p == '-';
	}
}

static void read_file(struct config_loader *l, const char *file, bool main_file)
{
	/* Room was made before: libconfig's settings point to their config_t, which must not move. */
	struct config_source *s = &l->sources[l->n++];
	char *text, *slash, *folder;

	*s = (struct config_source){ .file = strdup(file), .main = main_file };
	text = slurp(l, file);
	if (text == NULL)
		return;
	scan_integers(l, file, text);
	config_init(&s->tree);
	folder = strdup(file);
	slash = strrchr(folder, '/');
	if (slash != NULL) {
		*slash = '\0';
		config_set_include_dir(&s->tree, folder);
	}
	if (config_read_string(&s->tree, text) == CONFIG_TRUE) {
		s->parsed = true;
	} else {
		const char *included = config_error_file(&s->tree);

		config_problem_add(l->problems, true, included == NULL ? file : included,
		    (unsigned)config_error_line(&s->tree), "%s", config_error_text(&s->tree));
		config_destroy(&s->tree);
	}
	free(folder);
	free(text);
}

static int is_drop_in(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && d->d_name[0] != '.' && strcmp(d->d_name + len - 5, ".conf") == 0;
}

static void reserve(struct config_loader *l, size_t n)
{
	l->sources = calloc(n, sizeof(*l->sources));
	if (l->sources == NULL)
		abort();
}

void config_tree_load(struct config_loader *l, const char *file)
{
	struct dirent **names = NULL;
	struct buf folder = { NULL, 0, 0 }, path = { NULL, 0, 0 };
	const char *slash = strrchr(file, '/');
	int n;

	config_env_load(&l->env);
	buf_printf(&folder, "%.*sconf.d", slash == NULL ? 0 : (int)(slash - file) + 1, file);
	n = scandir(folder.data, &names, is_drop_in, alphasort);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		config_problem_add(l->problems, true, folder.data, 0, "%s", strerror(errno));
	reserve(l, (size_t)(n < 0 ? 0 : n) + 1);
	read_file(l, file, true);
	for (int i = 0; i < n; i++) {
		buf_clear(&path);
		buf_printf(&path, "%s/%s", folder.data, names[i]->d_name);
		read_file(l, path.data, false);
		free(names[i]);
	}
	free(names);
	buf_free(&folder);
	buf_free(&path);
}

void config_tree_free(struct config_loader *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->sources[i].parsed)
			config_destroy(&l->sources[i].tree);
		free(l->sources[i].file);
	}
	free(l->sources);
	config_env_free(&l->env);
}
