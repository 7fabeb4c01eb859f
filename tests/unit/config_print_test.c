/* What is in effect, the reference of keys, and the files that show them. */
#include "lib/config.h"

#include <jansson.h>

static char *slurp(const char *path)
{
	struct buf text = { NULL, 0, 0 };
	char chunk[4096];
	size_t n;
	FILE *f = fopen(path, "re");

	ck_assert_msg(f != NULL, "%s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&text, chunk, n);
	fclose(f);
	return text.data;
}

/* The text between two marks, owned; both must be there. */
static char *between(const char *text, const char *from, const char *to)
{
	const char *start = strstr(text, from), *end;

	ck_assert_msg(start != NULL, "no %s", from);
	start += strlen(from);
	end = strstr(start, to);
	ck_assert_msg(end != NULL, "no %s", to);
	return strndup(start, (size_t)(end - start));
}

#define CONF                                                                                                           \
	CONF_HEAD                                                                                                      \
	"node = \"${UNIT_NODE:-n1}\";\n"                                                                               \
	"subscriptions = { s = { topics = [ \"t\", \"^a\\\\.\" ]; id = \"key\"; }; };\n"                               \
	"handlers = { h = { plugin = \"h.so\"; workers = 2; settings = { big = 5000000000L; pool = { size = 3; };\n"   \
	"  url = \"pg://u:geheim@h/x?a=@b\"; api_token = \"geheim\"; token_file = \"/t\"; }; }; };\n"                  \
	"routes = { r = { subscription = \"s\"; handler = \"h\"; when = ( { field = \"key\"; exists = true; } ); };\n" \
	"  rest = { subscription = \"s\"; handler = \"h\"; }; };\n"

static char *print(bool json)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/semel.conf", conf_folder);
	ck_assert_int_eq(config_print(path, json, &out, &problems), 0);
	config_problems_free(&problems);
	return out.data;
}

START_TEST(each_value_has_its_place)
{
	static const struct {
		const char *line;
		unsigned from; /* 0: a default */
	} expected[] = { { "node = \"n1\";", 3 }, { "kafka.bootstrap_servers = \"k:9092\";", 1 },
		{ "ledger.url = \"redis://r:6379/0\";", 2 }, { "ledger.lease = \"10s\";", 0 },
		{ "subscriptions.s.group = \"s\";", 0 },
		{ "subscriptions.s.topics = [ \"t\", \"^a\\\\.\" ];", 4 },
		{ "subscriptions.s.dead_letter.topic = \"s.dead\";", 0 },
		{ "subscriptions.s.retry.attempts = 8;", 0 }, { "handlers.h.workers = 2;", 5 },
		{ "handlers.h.batch = 1;", 0 }, { "handlers.h.settings.big = 5000000000L;", 5 },
		{ "handlers.h.settings.pool.size = 3;", 5 },
		{ "handlers.h.settings.url = \"pg://u:***@h/x?a=@b\";", 6 },
		{ "handlers.h.settings.api_token = \"(hidden)\";", 6 },
		{ "handlers.h.settings.token_file = \"/t\";", 6 },
		{ "routes.r.when = ( { field = \"key\"; exists = true; } );", 7 },
		{ "routes.r.priority = 500;", 0 }, { "routes.rest.priority = 1000;", 0 } };
	char *text, line[256];

	conf_setup();
	unit_write(conf_folder, "semel.conf", CONF);
	text = print(false);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (expected[i].from > 0)
			snprintf(line, sizeof(line), "%s  # %s/semel.conf:%u\n", expected[i].line,
			    conf_folder, expected[i].from);
		else
			snprintf(line, sizeof(line), "%s  # default\n", expected[i].line);
		ck_assert_msg(strstr(text, line) != NULL, "no '%s' in:\n%s", line, text);
	}
	ck_assert_ptr_null(strstr(text, "geheim"));
	free(text);
	conf_teardown();
}
END_TEST

START_TEST(json_holds_the_same)
{
	json_t *all, *one;
	char *text;

	conf_setup();
	unit_write(conf_folder, "semel.conf", CONF);
	text = print(true);
	all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(all != NULL, "%s", text);
	one = json_object_get(all, "handlers.h.workers");
	ck_assert_int_eq(json_integer_value(json_object_get(one, "value")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(one, "line")), 5);
	one = json_object_get(all, "routes.r.when");
	one = json_array_get(json_object_get(one, "value"), 0);
	ck_assert(json_is_true(json_object_get(one, "exists")));
	ck_assert(json_is_null(json_object_get(json_object_get(all, "ledger.lease"), "file")));
	ck_assert_ptr_null(strstr(text, "geheim"));
	json_decref(all);
	free(text);
	conf_teardown();
}
END_TEST

START_TEST(problems_as_json)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	json_t *all;

	config_problem_add(&problems, false, "b", 3, "w \"%d\"", 1);
	config_problem_add(&problems, true, "b", 3, "e");
	config_problem_add(&problems, true, "a", 0, "whole");
	config_problem_add(&problems, true, "b", 3, "e");
	config_problems_sort(&problems);
	ck_assert_uint_eq(problems.n, 3);
	ck_assert_uint_eq(problems.errors, 2);
	config_problems_print(&problems, &out);
	ck_assert_str_eq(out.data, "a: error: whole\nb:3: error: e\nb:3: warning: w \"1\"\n");
	buf_clear(&out);
	config_problems_json(&problems, &out);
	all = json_loads(out.data, 0, NULL);
	ck_assert_uint_eq(json_array_size(all), 3);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(all, 2), "severity")), "warning");
	ck_assert(json_is_null(json_object_get(json_array_get(all, 0), "line")));
	json_decref(all);
	buf_free(&out);
	config_problems_free(&problems);
}
END_TEST

/* docs/configuration.md holds what `semel config --keys --markdown` prints; make it again if this fails. */
START_TEST(the_manual_is_the_table)
{
	char *manual = slurp(SOURCE "/docs/configuration.md"), *table;
	struct buf keys = { NULL, 0, 0 };

	table = between(manual, "<!-- keys: made by semel config --keys --markdown -->\n", "<!-- /keys -->");
	config_keys(true, &keys);
	ck_assert_str_eq(table, keys.data);
	buf_clear(&keys);
	config_keys(false, &keys);
	ck_assert_ptr_nonnull(strstr(keys.data,
	    "\nledger\n  url                  redis://HOST:PORT/DB, rediss:// (TLS) or unix:/PATH; must be given\n"));
	ck_assert_ptr_nonnull(strstr(keys.data, "  stop_timeout         duration 0s to 1h; default 30s\n"));
	buf_free(&keys);
	free(table);
	free(manual);
}
END_TEST

START_TEST(the_manuals_example_and_the_shipped_file_are_good)
{
	char *text = slurp(SOURCE "/docs/configuration.md"), *example, *head;

	conf_setup();
	head = strstr(text, "## The smallest one");
	ck_assert_ptr_nonnull(head);
	example = between(head, "```\n", "```");
	config_free(conf_expect_good(example, ""));
	free(example);
	free(text);
	text = slurp(SOURCE "/etc/semel.conf");
	unsetenv("SEMEL_KAFKA");
	unsetenv("SEMEL_REDIS");
	unit_write(conf_folder, "semel.conf", text);
	{
		struct config *c;
		char *problems = conf_load_file(&c);

		ck_assert_msg(c != NULL, "%s", problems);
		free(problems);
		config_free(c);
	}
	free(text);
	conf_teardown();
}
END_TEST

/* What stands commented out in the shipped file works once the # are taken away. */
START_TEST(the_shipped_examples_are_good)
{
	char *text = slurp(SOURCE "/etc/semel.conf"), *at = strstr(text, "# subscriptions = {");
	struct buf active = { NULL, 0, 0 };

	conf_setup();
	ck_assert_ptr_nonnull(at);
	buf_add(&active, text, (size_t)(at - text));
	for (char *end; *at != '\0'; at = end + 1) {
		end = strchr(at, '\n');
		buf_add(&active, at + 1, (size_t)(end - at));
	}
	config_free(conf_expect_good(active.data, ""));
	buf_free(&active);
	free(text);
	conf_teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { each_value_has_its_place, json_holds_the_same, problems_as_json,
		the_manual_is_the_table, the_manuals_example_and_the_shipped_file_are_good,
		the_shipped_examples_are_good, NULL };

	return unit_run("config_print", tests);
}
