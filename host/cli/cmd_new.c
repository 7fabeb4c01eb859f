/* semel new: a handler project, made of the templates beside this program. */
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LENGTH_MAX 63

struct language {
	const char *name; /* of --lang, and of the folder of its templates */
	const char *cmake, *standard, *end;
};

static const struct language languages[] = { { "c", "C", "11", "c" }, { "c++", "CXX", "17", "cc" },
	{ NULL, NULL, NULL, NULL } };

struct word { /* @NAME@ -> text */
	const char *name, *text;
};

struct making {
	struct word words[8];
	const char *name;
};

/* ---- Templates */

/* @WORD@ replaced; what is no word stays. */
static void expand(const struct making *m, const char *text, size_t len, struct buf *out)
{
	const char *end = text + len;

	while (text < end) {
		const struct word *w = m->words;

		while (*text == '@' && w->name != NULL && strncmp(text, w->name, strlen(w->name)) != 0)
			w++;
		if (*text == '@' && w->name != NULL) {
			buf_text(out, w->text);
			text += strlen(w->name);
		} else {
			buf_char(out, *text++);
		}
	}
}

/* NAME.c -> ship.c */
static void put_name(const struct making *m, const char *template, struct buf *out)
{
	const char *at = strncmp(template, "NAME", 4) == 0 ? template + 4 : template;

	buf_printf(out, "%s%s", at == template ? "" : m->name, at);
}

static int read_all(const char *path, struct buf *out)
{
	char chunk[4096];
	FILE *f = fopen(path, "re");
	size_t n;
	int r;

	if (f == NULL)
		return -errno;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
	r = ferror(f) ? -EIO : 0;
	fclose(f);
	return r;
}

/* A file that is there is never written over. */
static int write_new(const char *path, const struct buf *text, mode_t mode)
{
	FILE *f = fopen(path, "wxe");
	struct stat st;
	int r = 0;

	if (f == NULL)
		return -errno;
	if (text->len > 0 && fwrite(text->data, 1, text->len, f) != text->len)
		r = -EIO;
	/* Executable as the template is, for those who may read it. */
	if (r == 0 && (mode & S_IXUSR) != 0 &&
	    (fstat(fileno(f), &st) < 0 || fchmod(fileno(f), st.st_mode | (st.st_mode & 0444) >> 2) < 0))
		r = -errno;
	if (fclose(f) != 0 && r == 0)
		r = -errno;
	return r;
}

static int failed(const char *path, int r)
{
	fprintf(stderr, "semel new: %s: %s\n", path, strerror(-r));
	return r;
}

static int copy_folder(const struct making *m, const char *from, const char *to, struct buf *done);

static int copy_one(
    const struct making *m, const char *from, const char *to, const struct stat *st, struct buf *done)
{
	struct buf text = { NULL, 0, 0 }, expanded = { NULL, 0, 0 };
	int r;

	if (S_ISDIR(st->st_mode)) {
		r = mkdir(to, 0755) < 0 && errno != EEXIST ? failed(to, -errno)
							   : copy_folder(m, from, to, done);
	} else {
		r = read_all(from, &text);
		expand(m, text.data, text.len, &expanded);
		if (r == 0)
			r = write_new(to, &expanded, st->st_mode);
		if (r < 0)
			failed(to, r);
		else
			buf_printf(done, "%s\n", to);
	}
	buf_free(&text);
	buf_free(&expanded);
	return r;
}

static int visible(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* All of a folder; each file that was made is a line of `done`.  What fails is said. */
static int copy_folder(const struct making *m, const char *from, const char *to, struct buf *done)
{
	struct dirent **names;
	int n = scandir(from, &names, visible, alphasort), r = 0;

	if (n < 0)
		r = failed(from, -errno);
	for (int i = 0; i < n; i++) {
		struct buf source = { NULL, 0, 0 }, target = { NULL, 0, 0 };
		struct stat st;

		buf_printf(&source, "%s/%s", from, names[i]->d_name);
		buf_printf(&target, "%s/", to);
		put_name(m, names[i]->d_name, &target);
		if (r == 0)
			r = stat(source.data, &st) < 0 ? failed(source.data, -errno)
						       : copy_one(m, source.data, target.data, &st, done);
		buf_free(&source);
		buf_free(&target);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return r;
}

/* ../share/semel/template of an installed program, share/semel/template of a build folder. */
static int find_templates(struct buf *ret_path)
{
	static const char *const places[] = { "/../share/semel/template", "/share/semel/template" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		buf_clear(ret_path);
		buf_printf(ret_path, "%s%s", self, places[i]);
		if (access(ret_path->data, R_OK) == 0)
			return 0;
	}
	fprintf(stderr, "semel new: the templates are not there, at %s%s: install semel-dev (semel-devel)\n",
	    self, places[0]);
	return -ENOENT;
}

/* ---- The command */

static bool is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return name[n] == '\0' && n <= NAME_LENGTH_MAX && name[0] >= 'a' && name[0] <= 'z';
}

/* A name of C's: '-' is written '_'. */
static void c_name(const char *name, char *out)
{
	for (; *name != '\0'; name++)
		*out++ = *name == '-' ? '_' : *name;
	*out = '\0';
}

static const struct language *parse(int argc, char **argv, const char **ret_name)
{
	static const struct option options[] = { { "lang", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 } };
	const struct language *l = languages;
	const char *wanted = "c";
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'l') {
			cli_usage(argv[0], "unknown option, or one without its value: %s", argv[optind - 1]);
			return NULL;
		}
		wanted = optarg;
	}
	while (l->name != NULL && strcmp(l->name, wanted) != 0)
		l++;
	if (l->name == NULL)
		cli_usage(argv[0], "--lang %s: c or c++", wanted);
	else if (argc - optind != 1)
		cli_usage(argv[0], "expected one name");
	else if (!is_name(argv[optind]))
		cli_usage(argv[0], "%s is no name for a handler: [a-z][a-z0-9-]{0,62}", argv[optind]);
	else
		*ret_name = argv[optind];
	return *ret_name == NULL ? NULL : l;
}

static int copy_templates(const struct making *m, const char *templates, const char *folder, struct buf *done)
{
	struct buf from = { NULL, 0, 0 };
	int r;

	buf_printf(&from, "%s/%s", templates, folder);
	r = copy_folder(m, from.data, m->name, done);
	buf_free(&from);
	return r;
}

static int make_folder(const char *name)
{
	int r = mkdir(name, 0755) < 0 ? -errno : 0;

	if (r < 0)
		fprintf(stderr, "semel new: %s: %s\n", name,
		    r == -EEXIST ? "is there already; nothing was changed" : strerror(-r));
	return r;
}

static int make(const struct making *m, const struct language *l)
{
	struct buf templates = { NULL, 0, 0 }, done = { NULL, 0, 0 };
	int r = find_templates(&templates);
	bool made;

	if (r == 0)
		r = make_folder(m->name);
	made = r == 0;
	if (r == 0)
		r = copy_templates(m, templates.data, "common", &done);
	if (r == 0)
		r = copy_templates(m, templates.data, l->name, &done);
	if (r == 0)
		printf("%s", done.data);
	else if (made)
		fprintf(stderr, "semel new: %s is not complete: remove it\n", m->name);
	buf_free(&templates);
	buf_free(&done);
	return r;
}

int cmd_new(int argc, char **argv)
{
	const char *name = NULL;
	const struct language *l = parse(argc, argv, &name);
	const struct passwd *pw = getpwuid(getuid());
	char in_c[NAME_LENGTH_MAX + 1];
	struct making m;

	if (l == NULL)
		return EXIT_USAGE;
	c_name(name, in_c);
	m = (struct making){ .name = name,
		.words = { { "@NAME@", name }, { "@NAME_C@", in_c }, { "@LANGUAGE@", l->cmake },
		    { "@STANDARD@", l->standard }, { "@EXT@", l->end },
		    { "@USER@", pw == NULL ? "nobody" : pw->pw_name } } };
	return make(&m, l) < 0 ? EXIT_NO : EXIT_YES;
}
