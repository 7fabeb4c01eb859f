/* The files of a configuration: judged, read, parsed. */
#include "adapters/config_scan.h"
#include "adapters/config_tree.h"
#include "adapters/safe_open.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX (16 * 1024 * 1024)
#define INCLUDES_MAX 10 /* nested; libconfig's own limit */

/* ---- Places */

/* Places borrow file names from the configuration, which keeps one of each. */
static const char *keep_name(struct config *c, const char *file)
{
	for (size_t i = 0; i < c->n_files; i++)
		if (strcmp(c->files[i], file) == 0)
			return c->files[i];
	c->files = config_grow(c->files, c->n_files, sizeof(*c->files));
	c->files[c->n_files] = strdup(file);
	return c->files[c->n_files++];
}

static struct config_source *source_of(const struct config_loader *l, const config_setting_t *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (s->config == &l->sources[i].tree)
			return &l->sources[i];
	return NULL;
}

struct config_place config_place_of(struct config_loader *l, const config_setting_t *s)
{
	const struct config_source *source = source_of(l, s);
	const char *included = config_setting_source_file(s);
	struct config_place place = { "", config_setting_source_line(s) };
	struct buf path = { NULL, 0, 0 };

	if (source == NULL)
		return place;
	if (included == NULL) {
		place.file = keep_name(l->config, source->file);
		return place;
	}
	buf_printf(&path, "%s%s", source->folder, included);
	place.file = keep_name(l->config, path.data);
	buf_free(&path);
	return place;
}

bool config_is_misread(struct config_loader *l, const config_setting_t *s)
{
	struct config_place at = config_place_of(l, s);

	/* Names are kept once, so that pointers tell. */
	for (size_t i = 0; i < l->n_misread; i++)
		if (l->misread[i].file == at.file && l->misread[i].line == at.line)
			return true;
	return false;
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

/* ---- Reading */

static char *read_text(int fd, char *why, size_t size)
{
	struct buf text = { NULL, 0, 0 };
	char chunk[16384];
	const char *fault = NULL;
	ssize_t n;

	buf_add(&text, "", 0);
	while (fault == NULL && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0)
			fault = errno == EINTR ? NULL : strerror(errno);
		else if (memchr(chunk, '\0', (size_t)n) != NULL)
			fault = "holds a NUL byte";
		else if (text.len + (size_t)n > FILE_MAX)
			fault = "is larger than 16 MiB";
		else
			buf_add(&text, chunk, (size_t)n);
	}
	if (fault == NULL && text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		fault = "begins with a byte order mark: save it as UTF-8 without one";
	if (fault == NULL)
		return text.data;
	snprintf(why, size, "%s", fault);
	buf_free(&text);
	return NULL;
}

/* The text of a file, owned; NULL with `why`, in which the file is not named. */
static char *slurp(struct config_loader *l, const char *file, char *why, size_t size)
{
	struct buf path = { NULL, 0, 0 };
	int fd = safe_open(file, l->lenient, why, size);
	char *text;

	buf_printf(&path, "%s: ", file);
	if (strncmp(why, path.data, path.len) == 0)
		memmove(why, why + path.len, strlen(why + path.len) + 1);
	buf_free(&path);
	if (fd < 0)
		return NULL;
	if (why[0] != '\0')
		config_problem_add(l->problems, false, file, 0, "%s", why);
	text = read_text(fd, why, size);
	close(fd);
	return text;
}

struct scan_state {
	struct config_loader *l;
	const struct config_source *source;
	const char *file;
	unsigned depth;
	bool ok;
};

static void scan_text(struct scan_state *s, const char *text);

static void bad_number(void *arg, unsigned line, const char *digits, size_t len)
{
	struct scan_state *s = arg;
	struct config_loader *l = s->l;

	l->misread = config_grow(l->misread, l->n_misread, sizeof(*l->misread));
	l->misread[l->n_misread++] = (struct config_place){ keep_name(l->config, s->file), line };
	config_problem_add(l->problems, true, s->file, line,
	    "the number %.*s does not fit: write an amount as a string with its unit (\"64MB\"), a number above 32 bits with L behind it",
	    (int)len, digits);
}

/* The same rules for an included file; libconfig then opens it by the same path. */
static void include(void *arg, unsigned line, const char *name, size_t len)
{
	struct scan_state *s = arg, below = *s;
	struct buf path = { NULL, 0, 0 };
	char why[1024] = "nested too deep", *text = NULL;

	buf_printf(&path, "%s%.*s", s->source->folder, (int)len, name);
	below.file = path.data;
	below.depth++;
	if (below.depth <= INCLUDES_MAX)
		text = slurp(s->l, path.data, why, sizeof(why));
	if (text == NULL) {
		config_problem_add(
		    s->l->problems, true, s->file, line, "cannot include %s: %s", path.data, why);
		s->ok = false;
	} else {
		scan_text(&below, text);
		s->ok &= below.ok;
	}
	free(text);
	buf_free(&path);
}

static void scan_text(struct scan_state *s, const char *text)
{
	const struct config_scan found = { bad_number, include, s };

	config_scan(text, &found);
}

static void parse(struct config_loader *l, struct config_source *s, const char *text)
{
	const char *included, *fault;
	struct buf path = { NULL, 0, 0 };

	config_init(&s->tree);
	config_set_include_dir(&s->tree, s->folder[0] == '\0' ? "." : s->folder);
	s->parsed = config_read_string(&s->tree, text) == CONFIG_TRUE;
	if (s->parsed)
		return;
	included = config_error_file(&s->tree);
	if (included != NULL)
		buf_printf(&path, "%s%s", s->folder, included);
	fault = config_error_text(&s->tree);
	config_problem_add(l->problems, true, included == NULL ? s->file : path.data,
	    (unsigned)config_error_line(&s->tree), "%s%s", fault,
	    strcmp(fault, "syntax error") == 0
		? " here or just before: texts and values with a unit stand in quotes, groups in { }"
		: "");
	buf_free(&path);
	config_destroy(&s->tree);
}

static void read_file(struct config_loader *l, const char *file, bool main_file)
{
	/* Room was made before: libconfig's settings point to their config_t, which must not move. */
	struct config_source *s = &l->sources[l->n++];
	struct scan_state scan = { l, s, file, 0, true };
	const char *slash = strrchr(file, '/');
	char why[1024], *text;

	*s = (struct config_source){ .file = strdup(file),
		.folder = strndup(file, slash == NULL ? 0 : (size_t)(slash - file) + 1),
		.main = main_file };
	keep_name(l->config, file);
	text = slurp(l, file, why, sizeof(why));
	if (text == NULL) {
		config_problem_add(l->problems, true, file, 0, "%s", why);
	} else {
		scan_text(&scan, text);
		if (scan.ok)
			parse(l, s, text);
	}
	l->incomplete |= !s->parsed;
	free(text);
}

/* ---- The folder */

static int is_drop_in(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && d->d_name[0] != '.' && strcmp(d->d_name + len - 5, ".conf") == 0;
}

/* By bytes, whatever the locale says. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void config_tree_load(struct config_loader *l, const char *file)
{
	struct dirent **names = NULL;
	struct buf folder = { NULL, 0, 0 }, path = { NULL, 0, 0 };
	const char *slash = strrchr(file, '/');
	int n;

	config_env_load(&l->env, l->lenient, l->problems);
	buf_printf(&folder, "%.*sconf.d", slash == NULL ? 0 : (int)(slash - file) + 1, file);
	n = scandir(folder.data, &names, is_drop_in, by_name);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
		config_problem_add(l->problems, true, folder.data, 0, "%s", strerror(errno));
		l->incomplete = true;
	}
	l->sources = calloc((size_t)(n < 0 ? 0 : n) + 1, sizeof(*l->sources));
	if (l->sources == NULL)
		abort();
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
		free(l->sources[i].folder);
	}
	free(l->sources);
	free(l->misread);
	free(l->subscriptions);
	free(l->handlers);
	free(l->routes);
	config_env_free(&l->env);
}
