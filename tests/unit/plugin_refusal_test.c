/* Every refusal of a plugin, with its text; settings; what a good one gets. */
#include "adapters/config_file.h"
#include "adapters/plugin.h"

#include "lib/unit.h"

#include <errno.h>

#ifndef PLUGINS
#error "PLUGINS: the folder of the bad plugins"
#endif

/* What inspecting, or else loading, says of a file. */
static const char *refusal(const char *file)
{
	static char why[1024];
	struct plugin_facts facts;
	struct config_handler h = { .name = (char *)(uintptr_t) "h",
		.plugin_file = (char *)(uintptr_t)file,
		.workers = 1,
		.batch = 1 };
	struct config_problems problems = { NULL, 0, 0 };
	struct metrics *m = metrics_new();
	struct plugin *p;

	if (plugin_inspect(file, false, &facts, why, sizeof(why)) == 0 &&
	    plugin_load(&h, false, m, &problems, &p, why, sizeof(why)) == 0) {
		plugin_close(p);
		why[0] = '\0';
	}
	config_problems_free(&problems);
	metrics_free(m);
	return why;
}

static void expect(const char *name, const char *text)
{
	char file[512];
	const char *why;

	snprintf(file, sizeof(file), "%s/bad_%s.so", PLUGINS, name);
	why = refusal(file);
	ck_assert_msg(strncmp(why, file, strlen(file)) == 0, "%s: no file in: %s", name, why);
	ck_assert_msg(strstr(why, text) != NULL, "%s: expected \"%s\" in: %s", name, text, why);
}

START_TEST(each_refusal_says_what_was_found_and_what_to_do)
{
	expect("no_symbol",
	    "found no symbol semel_handler, expected one; define the handler with SEMEL_HANDLER() and export it");
	expect("no_data", "found semel_handler that is not data");
	expect("magic", "found magic 0x12345678, expected 0x4c4d4553");
	expect(
	    "major", "built for handler ABI 2.0, this host has 1.0: rebuild it with this host's semel-dev");
	expect("minor", "built for handler ABI 1.99, newer than this host's 1.0: upgrade the host");
	expect("small", "found a semel_handler of 120 bytes, expected");
	expect("flags", "found flags 0x4, expected 0");
	expect("no_name", "found no name, expected 1 to 63 printable characters");
	expect("no_version", "found no version, expected 1 to 31 printable characters");
	expect("no_handle", "found neither handle nor handle_batch");
	/* Loaded after another one: each gets its own object. */
	expect("unresolved",
	    "it cannot be loaded: undefined symbol: semel_test_unresolved: link it with everything it uses");
	expect("missing_library", "a library it needs is missing: libbad_gone.so: cannot open shared object");
}
END_TEST

static void copy(const char *from, const char *to, size_t limit)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	int c;

	for (size_t n = 0; n < limit && (c = fgetc(in)) != EOF; n++)
		fputc(c, out);
	fclose(in);
	fclose(out);
	chmod(to, 0755);
}

START_TEST(files_that_are_no_plugin)
{
	char folder[64], path[128];

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/x.so", folder);
	ck_assert_ptr_nonnull(strstr(refusal(path), "No such file"));
	unit_write(folder, "x.so", "just text\n");
	ck_assert_ptr_nonnull(strstr(refusal(path), "found no ELF file"));
	unit_write(folder, "x.so", "");
	ck_assert_ptr_nonnull(strstr(refusal(path), "found no ELF file"));
	ck_assert_ptr_nonnull(strstr(refusal(folder), "is not a regular file"));
	remove(path);
	mkfifo(path, 0644);
	ck_assert_ptr_nonnull(strstr(refusal(path), "is not a regular file"));
	remove(path);
	copy(PLUGINS "/bad_good.so", path, 3000);
	ck_assert_msg(strstr(refusal(path), "truncated") != NULL || strstr(refusal(path), "no ELF") != NULL,
	    "%s", refusal(path));
	copy("/proc/self/exe", path, SIZE_MAX);
	ck_assert_ptr_nonnull(strstr(refusal(path), "found no symbol semel_handler"));
	unit_remove(folder);
}
END_TEST

/* The machine of the header, changed to another. */
START_TEST(another_machine)
{
	char folder[64], path[128];
	FILE *f;

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/x.so", folder);
	copy(PLUGINS "/bad_good.so", path, SIZE_MAX);
	f = fopen(path, "r+e");
	fseek(f, 18, SEEK_SET);
	fputc(243, f); /* RISC-V */
	fclose(f);
	ck_assert_ptr_nonnull(strstr(refusal(path), "found a riscv file of 64 bits, expected x86-64"));
	unit_remove(folder);
}
END_TEST

START_TEST(writable_by_others)
{
	char folder[64], path[128];

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/x.so", folder);
	copy(PLUGINS "/bad_good.so", path, SIZE_MAX);
	chmod(path, 0757);
	ck_assert_ptr_nonnull(strstr(refusal(path), "is writable by everybody (mode 0757"));
	chmod(path, 0755);
	chmod(folder, 0777);
	ck_assert_ptr_nonnull(strstr(refusal(path), "its folder"));
	chmod(folder, 0755);
	ck_assert_str_eq(refusal(path), "");
	unit_remove(folder);
}
END_TEST

static void judge_file(char *path)
{
	struct config_handler h = { .name = (char *)(uintptr_t) "h", .plugin_file = path };
	struct config_problems problems = { NULL, 0, 0 };

	plugin_judge_settings(&h, false, &problems);
	config_problems_free(&problems);
}

/* A plugin cut anywhere is refused, never a crash. */
START_TEST(cut_files_never_crash)
{
	char folder[64], path[128];
	struct plugin_facts facts;
	char why[1024];

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/x.so", folder);
	for (size_t n = 0; n < 16000; n += 131) {
		copy(PLUGINS "/bad_good.so", path, n);
		plugin_inspect(path, false, &facts, why, sizeof(why));
		judge_file(path);
	}
	unit_remove(folder);
}
END_TEST

/* Nor one with any byte changed; 8 bytes of 0xff are a pointer to nowhere, too. */
START_TEST(changed_files_never_crash)
{
	char folder[64], path[128];
	struct stat st;
	FILE *f;

	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/x.so", folder);
	ck_assert_int_eq(stat(PLUGINS "/bad_good.so", &st), 0);
	copy(PLUGINS "/bad_good.so", path, SIZE_MAX);
	f = fopen(path, "r+e");
	setvbuf(f, NULL, _IONBF, 0);
	for (long at = 0; at + 8 <= st.st_size; at += 24) {
		char was[8];

		fseek(f, at, SEEK_SET);
		ck_assert_uint_eq(fread(was, 1, 8, f), 8);
		fseek(f, at, SEEK_SET);
		fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, at % 16 == 0 ? 8 : 1, f);
		judge_file(path);
		fseek(f, at, SEEK_SET);
		fwrite(was, 1, 8, f);
	}
	fclose(f);
	unit_remove(folder);
}
END_TEST

static char file[] = PLUGINS "/bad_good.so";
static struct config_handler handler; /* of the last load */

static int load(
    struct config_setting *settings, size_t n, struct config_problems *problems, struct plugin **ret_plugin)
{
	static char why[1024];
	static struct metrics *m;

	if (m == NULL)
		m = metrics_new();
	handler = (struct config_handler){ .name = (char *)(uintptr_t) "h",
		.plugin_file = file,
		.workers = 1,
		.batch = 1,
		.settings = settings,
		.n_settings = n,
		.place = { "semel.conf", 7 } };
	return plugin_load(&handler, false, m, problems, ret_plugin, why, sizeof(why));
}

#define SETTING(path_, text_, line_)                                                                         \
	{                                                                                                    \
		.path = (char *)(uintptr_t)(path_), .text = (char *)(uintptr_t)(text_), .place = {           \
			"semel.conf",                                                                        \
			line_                                                                                \
		}                                                                                            \
	}
#define GROUP(path_, line_)                                                                                  \
	{                                                                                                    \
		.path = (char *)(uintptr_t)(path_), .is_group = true, .place = { "semel.conf", line_ }       \
	}

/* The handler that was loaded last is judged the same from its file, however its pointers are relocated. */
static void judged_in_the_file(const char *expected)
{
	static char *const files[] = { PLUGINS "/bad_good.so", PLUGINS "/bad_relr.so" };
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };

	for (size_t i = 0; i < 2; i++) {
		handler.plugin_file = files[i];
		ck_assert_int_eq(plugin_judge_settings(&handler, false, &problems), -EINVAL);
		config_problems_print(&problems, &out);
		ck_assert_str_eq(out.data, expected);
		config_problems_free(&problems);
		buf_clear(&out);
	}
	buf_free(&out);
	handler.plugin_file = (char *)(uintptr_t)PLUGINS "/bad_made.so";
	ck_assert_int_eq(plugin_judge_settings(&handler, false, &problems), -ENOTSUP);
	handler.plugin_file = (char *)(uintptr_t)PLUGINS "/good_cxx.so";
	ck_assert_int_eq(plugin_judge_settings(&handler, false, &problems), -EINVAL);
	ck_assert_uint_eq(problems.errors, handler.n_settings);
	config_problems_free(&problems);
}

START_TEST(settings_are_judged_with_file_and_line)
{
	struct config_setting bad[] = { SETTING("urll", "x", 11), SETTING("wait", "soon", 12),
		GROUP("pool", 13), SETTING("pool/size", "many", 14),
		SETTING("token_file", "/nonexistent", 15) };
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	struct plugin *p = NULL;

	ck_assert_int_eq(load(bad, 5, &problems, &p), -EINVAL);
	config_problems_print(&problems, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "semel.conf:7: error: handler h: settings.url must be given"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel.conf:11: error: plugin good has no setting urll; did you mean url?"));
	ck_assert_ptr_nonnull(strstr(out.data, "semel.conf:12: error: settings.wait: expected a duration"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel.conf:14: error: settings.pool/size: expected an integer"));
	ck_assert_ptr_nonnull(
	    strstr(out.data, "semel.conf:15: error: settings.token_file: /nonexistent: No such file"));
	ck_assert_uint_eq(problems.errors, 5);
	config_problems_free(&problems);
	judged_in_the_file(out.data);
	buf_free(&out);
}
END_TEST

START_TEST(settings_reach_open)
{
	struct config_setting good[] = { SETTING("url", "http://x", 11), SETTING("wait", "250ms", 12),
		GROUP("tags", 13), SETTING("tags/0", "a", 13), SETTING("tags/1", "b", 13) };
	struct config_problems problems = { NULL, 0, 0 };
	struct plugin *p = NULL;
	char why[512];

	ck_assert_int_eq(load(good, 5, &problems, &p), 0);
	ck_assert_int_eq(plugin_open(p, why, sizeof(why)), 0);
	plugin_close(p);
	ck_assert_int_eq(load(good, 4, &problems, &p), 0);
	ck_assert_int_eq(plugin_open(p, why, sizeof(why)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "semel.conf:11: error: settings.url: the test says so"));
	plugin_close(p);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { each_refusal_says_what_was_found_and_what_to_do,
		files_that_are_no_plugin, another_machine, writable_by_others, cut_files_never_crash,
		changed_files_never_crash, settings_are_judged_with_file_and_line, settings_reach_open,
		NULL };

	return unit_run("plugin refusals", tests);
}
