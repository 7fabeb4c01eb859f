/* Each bundled handler has its page, docs/handlers/NAME.md, with the table of its settings as the compiled plugin has
 * it (`handler_docs_test print NAME` prints that), and its drop-in, packaging/conf.d/NAME.conf, which passes. */
#include "cli/cli.h"
#include "adapters/plugin.h"

#include "lib/config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>

#if !defined(PLUGINS) || !defined(SOURCE)
#error "PLUGINS: the folder of the built plugins; SOURCE: that of the sources"
#endif

/* Of the folders in plugins/: handlers that are made for tests only. */
static bool is_bundled(const char *name)
{
	return strcmp(name, "debug") != 0;
}

/* ---- The table */

static const struct semel_handler *load(const char *name)
{
	char path[512];
	void *so;

	snprintf(path, sizeof(path), "%s/%s.so", PLUGINS, name);
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (so == NULL)
		fprintf(stderr, "%s\n", dlerror());
	return so == NULL ? NULL : dlsym(so, "semel_handler");
}

static const char *type_name(enum semel_type type)
{
	static const char *const names[] = { "?", "text", "integer", "boolean", "list", "map", "duration",
		"size", "file" };

	return names[type >= SEMEL_TEXT && type <= SEMEL_SECRET ? type : 0];
}

static void cell(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			buf_char(out, '\\');
		buf_char(out, *text);
	}
}

static void print_table(const struct semel_handler *h, struct buf *out)
{
	buf_text(out, "| setting | type | default | meaning |\n|---|---|---|---|\n");
	for (const struct semel_setting *s = h->settings; s != NULL && s->name != NULL; s++) {
		buf_printf(out, "| `%s%s` | %s | ", s->name, s->type == SEMEL_SECRET ? "_file" : "",
		    type_name(s->type));
		if (s->fallback == NULL)
			buf_text(out, "required");
		else if (s->fallback[0] == '\0')
			buf_text(out, "none");
		else
			buf_printf(out, "`%s`", s->fallback);
		buf_text(out, " | ");
		cell(out, s->help == NULL ? "" : s->help);
		buf_text(out, " |\n");
	}
}

/* ---- Files */

/* Its content, owned; NULL if it is not there. */
static char *read_file(const char *before, const char *name, const char *after)
{
	char path[512], *text;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s%s", SOURCE, before, name, after);
	f = fopen(path, "re");
	if (f == NULL)
		return NULL;
	text = calloc(1, 200000);
	text[fread(text, 1, 199999, f)] = '\0';
	fclose(f);
	return text;
}

/* Calls it with each NAME of the files that match, between `before` and `after`. */
static size_t each(const char *before, const char *after, void (*visit)(const char *name))
{
	char pattern[512], name[64];
	size_t n = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%s*%s", SOURCE, before, after);
	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *at = found.gl_pathv[i] + strlen(SOURCE) + 1 + strlen(before);

		snprintf(name, sizeof(name), "%.*s", (int)(strlen(at) - strlen(after)), at);
		if (!is_bundled(name))
			continue;
		visit(name);
		n++;
	}
	globfree(&found);
	return n;
}

/* ---- Pages */

static void has_its_table(const char *name)
{
	const struct semel_handler *h = load(name);
	char *page = read_file("docs/handlers/", name, ".md");
	struct buf table = { NULL, 0, 0 };

	ck_assert_msg(h != NULL, "%s: no plugin %s.so was built", name, name);
	ck_assert_str_eq(h->name, name);
	ck_assert_msg(page != NULL, "handler %s has no page docs/handlers/%s.md", name, name);
	print_table(h, &table);
	if (h->settings != NULL)
		ck_assert_msg(strstr(page, table.data) != NULL,
		    "docs/handlers/%s.md does not hold the table that `handler_docs_test print %s` prints:\n%s",
		    name, name, table.data);
	buf_free(&table);
	free(page);
}

START_TEST(each_handler_has_a_page_with_its_settings)
{
	ck_assert_uint_ge(each("plugins/", "/CMakeLists.txt", has_its_table), 3);
	/* and no page is left over */
	each("docs/handlers/", ".md", has_its_table);
}
END_TEST

/* ---- Drop-ins */

/* A line of a commented example: "#" and what libconfig reads; words for people begin with "# ". */
static char *without_marks(const char *text)
{
	char *out = strdup(text), *to = out;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '#' && (p == text || p[-1] == '\n') && p[1] != ' ' && p[1] != '\n')
			continue;
		*to++ = *p;
	}
	*to = '\0';
	return out;
}

/* Writes semel.conf as it is shipped, with the plugins of this build, and the drop-in beside it. */
static void install(const char *name, const char *drop_in)
{
	char folder[128], file[128];
	char *main_file = read_file("etc/", "semel", ".conf");
	struct buf text = { NULL, 0, 0 };

	ck_assert_ptr_nonnull(main_file);
	buf_printf(&text, "plugin_path = [ \"%s\" ];\n", PLUGINS);
	buf_text(&text, main_file);
	unit_write(conf_folder, "semel.conf", text.data);
	snprintf(folder, sizeof(folder), "%s/conf.d", conf_folder);
	ck_assert(mkdir(folder, 0755) == 0 || errno == EEXIST);
	snprintf(file, sizeof(file), "%s.conf", name);
	unit_write(folder, file, drop_in);
	buf_free(&text);
	free(main_file);
}

/* Exit status of `semel check`. */
static int check(void)
{
	char file[128], *argv[] = { (char *)(uintptr_t) "check", (char *)(uintptr_t) "-c", file, NULL };

	snprintf(file, sizeof(file), "%s/semel.conf", conf_folder);
	return cmd_check(3, argv);
}

/* The settings are judged against the plugin's table, and nothing flows. */
static void judge(const char *name, bool wanted)
{
	struct config *c;
	struct metrics *m = metrics_new();
	struct config_problems problems = { NULL, 0, 0 };
	struct buf text = { NULL, 0, 0 };
	char *said = conf_load_file(&c), why[1024];
	struct plugin *p;

	ck_assert_msg(c != NULL, "%s.conf: %s", name, said);
	ck_assert_uint_eq(c->n_routes, 0);
	if (wanted)
		ck_assert_uint_ge(c->n_handlers, 1);
	for (size_t i = 0; i < c->n_handlers; i++) {
		if (plugin_load(&c->handlers[i], false, m, &problems, &p, why, sizeof(why)) == 0)
			plugin_close(p);
		config_problems_print(&problems, &text);
		ck_assert_msg(why[0] == '\0' && text.len == 0, "%s.conf: %s%s", name, why, text.data);
	}
	config_free(c);
	metrics_free(m);
	free(said);
}

static void passes(const char *name)
{
	char *shipped = read_file("packaging/conf.d/", name, ".conf"), *example;

	ck_assert_msg(shipped != NULL, "handler %s has no packaging/conf.d/%s.conf", name, name);
	conf_setup();
	install(name, shipped);
	ck_assert_int_eq(check(), EXIT_YES);
	judge(name, false);
	example = without_marks(shipped);
	install(name, example);
	ck_assert_msg(
	    check() == EXIT_YES, "the commented example in packaging/conf.d/%s.conf is refused", name);
	judge(name, true);
	free(example);
	free(shipped);
	conf_teardown();
}

START_TEST(each_handler_has_a_drop_in_that_passes_as_it_is_and_uncommented)
{
	ck_assert_uint_ge(each("plugins/", "/CMakeLists.txt", passes), 3);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = { each_handler_has_a_page_with_its_settings,
		each_handler_has_a_drop_in_that_passes_as_it_is_and_uncommented, NULL };
	struct buf out = { NULL, 0, 0 };
	const struct semel_handler *h;

	if (argc != 3)
		return unit_run("handler docs", tests);
	h = load(argv[2]);
	if (h == NULL)
		return 1;
	print_table(h, &out);
	fputs(out.data, stdout);
	buf_free(&out);
	return 0;
}
