/* semel check and semel config, as a person calls them. */
#include "cli/cli.h"

#include "lib/config.h"

#include <fcntl.h>
#include <jansson.h>

/* Runs a command with -c FOLDER/semel.conf and up to two options; its exit status, *ret_out (owned) what it printed. */
static int run(int (*command)(int argc, char **argv), const char *name, const char *option, char **ret_out)
{
	char out[128], file[128], words[3][16], *argv[] = { words[0], words[1], file, words[2], NULL };
	char *text = calloc(1, 65536);
	int saved = dup(STDOUT_FILENO), fd, r;
	ssize_t n;

	snprintf(words[0], sizeof(words[0]), "%s", name);
	snprintf(words[1], sizeof(words[1]), "-c");
	snprintf(words[2], sizeof(words[2]), "%s", option == NULL ? "" : option);
	snprintf(file, sizeof(file), "%s/semel.conf", conf_folder);
	snprintf(out, sizeof(out), "%s/out", conf_folder);
	fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	r = command(option == NULL ? 3 : 4, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = pread(fd, text, 65535, 0);
	ck_assert_int_ge(n, 0);
	close(fd);
	*ret_out = text;
	return r;
}

/* Ten different errors are ten lines with the right numbers, in a file that has no other fault. */
START_TEST(ten_errors)
{
	static const char conf[] =
	    "kafka = {\n"
	    "\tbootstrap_servers = \"k:9092\";\n"
	    "\tgroup_id = \"g\";\n" /* 3: owned by the host */
	    "\tsasl_password = \"geheim\";\n" /* 4: a secret */
	    "};\n"
	    "ledger = {\n"
	    "\turl = \"http://r\";\n" /* 7: no Redis */
	    "\tlease = 10;\n" /* 8: no duration */
	    "\tretenton = \"24h\";\n" /* 9: mistyped */
	    "};\n"
	    "subscriptions = {\n"
	    "\tbilling = {\n"
	    "\t\ttopics = [ \"orders\", \"billing.dead\" ];\n" /* 13: its own dead letters */
	    "\t\tid = [ \"header:event-id\" ];\n"
	    "\t\tunrouted = \"skip\";\n"
	    "\t\tmax_in_flight = 0;\n" /* 16: out of range */
	    "\t\tretry = { attempts = 5000000000; };\n" /* 17: does not fit */
	    "\t};\n"
	    "};\n"
	    "handlers = { charge = {\n"
	    "\tplugin = \"/nonexistent/charge.so\";\n" /* 21: is not there */
	    "}; };\n"
	    "routes = {\n"
	    "\torders = {\n"
	    "\t\tsubscription = \"biling\";\n" /* 25: no such subscription */
	    "\t\thandler = \"charge\";\n"
	    "\t};\n"
	    "};\n";
	static const struct {
		unsigned line;
		const char *text;
	} expected[] = { { 3, "group_id cannot be set" }, { 4, "sasl_password is a secret" },
		{ 7, "url: \"http://r\" is neither" }, { 8, "lease: expected a duration in quotes" },
		{ 9, "unknown key retenton; did you mean retention?" }, { 13, "its own dead-letter topic" },
		{ 16, "max_in_flight: 0 is out of range" }, { 17, "the number 5000000000 does not fit" },
		{ 21, "handler charge: /nonexistent/charge.so: No such file" },
		{ 25, "there is no subscription named biling" } };
	char *out, *at, where[160];

	conf_setup();
	unit_write(conf_folder, "semel.conf", conf);
	ck_assert_int_eq(run(cmd_check, "check", NULL, &out), EXIT_CONFIGURATION);
	at = out;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		char *end = strchr(at, '\n'), *hit = strstr(at, expected[i].text);

		ck_assert_ptr_nonnull(end);
		snprintf(where, sizeof(where), "%s/semel.conf:%u: error: ", conf_folder, expected[i].line);
		ck_assert_msg(
		    strncmp(at, where, strlen(where)) == 0, "line %u expected:\n%s", expected[i].line, at);
		ck_assert_msg(hit != NULL && hit < end, "'%s' expected:\n%s", expected[i].text, at);
		at = end + 1;
	}
	snprintf(where, sizeof(where), "%s/semel.conf: 10 errors, 0 warnings\n", conf_folder);
	ck_assert_str_eq(at, where);
	ck_assert_ptr_null(strstr(out, "geheim"));
	free(out);
	conf_teardown();
}
END_TEST

START_TEST(summaries)
{
	char *out, text[160];
	json_t *all;

	conf_setup();
	unit_write(conf_folder, "semel.conf",
	    CONF_HEAD
	    "subscriptions = { s = { topics = [ \"t\" ]; id = \"key\"; unrouted = \"skip\"; }; };\n");
	ck_assert_int_eq(run(cmd_check, "check", NULL, &out), EXIT_YES);
	snprintf(text, sizeof(text), "%s/semel.conf: 0 errors, 1 warning\n", conf_folder);
	ck_assert_ptr_nonnull(strstr(out, text));
	free(out);
	ck_assert_int_eq(run(cmd_check, "check", "--json", &out), EXIT_YES);
	all = json_loads(out, 0, NULL);
	ck_assert_msg(all != NULL, "%s", out);
	ck_assert_int_eq(json_integer_value(json_object_get(all, "warnings")), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(all, "problems")), 1);
	json_decref(all);
	free(out);
	ck_assert_int_eq(run(cmd_config, "config", NULL, &out), EXIT_YES);
	ck_assert_ptr_nonnull(strstr(out, "ledger.url = \"redis://r:6379/0\";"));
	free(out);
	unit_write(conf_folder, "semel.conf", "x = ;\n");
	ck_assert_int_eq(run(cmd_check, "check", NULL, &out), EXIT_CONFIGURATION);
	snprintf(text, sizeof(text), "%s/semel.conf: 1 error, 0 warnings\n", conf_folder);
	ck_assert_ptr_nonnull(strstr(out, text));
	free(out);
	ck_assert_int_eq(run(cmd_config, "config", NULL, &out), EXIT_CONFIGURATION);
	ck_assert_str_eq(out, "");
	free(out);
	ck_assert_int_eq(run(cmd_check, "check", "more", &out), EXIT_USAGE);
	free(out);
	conf_teardown();
}
END_TEST

/* Nothing to say: the one line says so.  The plugin is a real one. */
START_TEST(a_good_one_is_ok)
{
	char *out, conf[1024], text[160];

	conf_setup();
	snprintf(conf, sizeof(conf),
	    CONF_HEAD "subscriptions = { s = { topics = [ \"t\" ]; id = \"key\"; }; };\n"
		      "handlers = { h = { plugin = \"%s/log.so\"; }; };\n"
		      "routes = { r = { subscription = \"s\"; handler = \"h\"; }; };\n",
	    PLUGINS);
	unit_write(conf_folder, "semel.conf", conf);
	ck_assert_int_eq(run(cmd_check, "check", NULL, &out), EXIT_YES);
	snprintf(text, sizeof(text), "%s/semel.conf: ok\n", conf_folder);
	ck_assert_str_eq(out, text);
	free(out);
	conf_teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { ten_errors, summaries, a_good_one_is_ok, NULL };

	return unit_run("config_check", tests);
}
