#include "adapters/config_file.h"

#include "lib/unit.h"

static char folder[64];

static void setup_folder(void)
{
	unit_folder(folder);
	setenv("SEMEL_DEFAULTS", "/nonexistent", 1);
}

/* Loads folder/semel.conf; the printed problems, owned. */
static char *load(struct config **ret_config)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	char path[128];

	*ret_config = NULL;
	snprintf(path, sizeof(path), "%s/semel.conf", folder);
	config_load(path, false, ret_config, &problems);
	config_problems_print(&problems, &out);
	buf_add(&out, "", 0);
	config_problems_free(&problems);
	return out.data;
}

#define GOOD                                                                                                       \
	"node = \"n\";\nkafka = { bootstrap_servers = \"k:9092\"; };\nledger = { url = \"redis://r:6380/2\"; };\n" \
	"subscriptions = { s = { topics = [ \"t\" ]; id = [ \"key\" ]; }; };\n"                                    \
	"handlers = { h = { plugin = \"h.so\"; }; };\nroutes = { r = { subscription = \"s\"; handler = \"h\"; }; };\n"

START_TEST(a_good_file_is_read_with_defaults)
{
	struct config *c;
	char *text;

	setup_folder();
	unit_write(folder, "semel.conf", GOOD);
	text = load(&c);
	ck_assert_str_eq(text, "");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->node, "n");
	ck_assert_str_eq(c->ledger.servers[0].host, "r");
	ck_assert_uint_eq(c->ledger.servers[0].port, 6380);
	ck_assert_uint_eq(c->ledger.database, 2);
	ck_assert_int_eq(c->ledger.lease_ms, 10000);
	ck_assert_int_eq(c->stop_timeout_ms, 30000);
	ck_assert_str_eq(c->http.host, "127.0.0.1");
	ck_assert_uint_eq(c->http.port, 9464);
	ck_assert_uint_eq(c->n_subscriptions, 1);
	ck_assert_str_eq(c->subscriptions[0].group, "s");
	ck_assert_uint_eq(c->subscriptions[0].max_in_flight, 10000);
	ck_assert_int_eq(c->subscriptions[0].max_in_flight_bytes, INT64_C(268435456));
	ck_assert_str_eq(c->subscriptions[0].dead_letter.topic, "s.dead");
	ck_assert_uint_eq(c->subscriptions[0].retry.attempts, 8);
	ck_assert_uint_eq(c->handlers[0].workers, 8);
	ck_assert_uint_eq(c->routes[0].priority, 1000);
	config_free(c);
	free(text);
	unit_remove(folder);
}
END_TEST

/* The promise: ten different errors, ten lines, the right numbers. */
START_TEST(ten_errors_are_ten_lines)
{
	static const char file[] =
	    "nod = \"x\";\n" /* 1 unknown key */
	    "stop_timeout = \"30\";\n" /* 2 no unit */
	    "kafka = { bootstrap_servers = \"k\";\n"
	    "  group_id = \"g\"; };\n" /* 4 owned */
	    "ledger = { url = \"http://x\";\n" /* 5 scheme */
	    "  lease = \"10ms\"; };\n" /* 6 range */
	    "log = { level = \"loud\"; };\n" /* 7 choice */
	    "subscriptions = { s = { topics = [ \"t\" ]; unrouted = \"skip\";\n"
	    "  id = [ \"head:x\" ];\n" /* 9 id */
	    "  max_in_flight = 0; }; };\n" /* 10 range */
	    "handlers = { H = { plugin = \"h.so\"; }; };\n" /* 11 name */
	    "routes = { r = { subscription = \"nobody\"; handler = \"H\"; }; };\n"; /* 12 reference */
	static const unsigned lines[] = { 1, 2, 4, 5, 6, 7, 9, 10, 11, 12 };
	struct config *c;
	char *text, *at;

	setup_folder();
	unit_write(folder, "semel.conf", file);
	text = load(&c);
	ck_assert_ptr_null(c);
	at = text;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char want[128];

		snprintf(want, sizeof(want), "%s/semel.conf:%u: error: ", folder, lines[i]);
		ck_assert_msg(strncmp(at, want, strlen(want)) == 0, "expected %s, found %s", want, at);
		at = strchr(at, '\n') + 1;
	}
	/* The warning about the subscription without a route is no error. */
	while (*at != '\0') {
		ck_assert_msg(strstr(at, "warning:") != NULL, "one more: %s", at);
		at = strchr(at, '\n') + 1;
	}
	ck_assert_ptr_nonnull(strstr(text, "unknown key nod; did you mean node?"));
	free(text);
	unit_remove(folder);
}
END_TEST

START_TEST(drop_ins_are_united_and_clashes_show_both_places)
{
	struct config *c;
	char *text, path[128];

	setup_folder();
	unit_write(folder, "semel.conf", GOOD);
	snprintf(path, sizeof(path), "%s/conf.d", folder);
	mkdir(path, 0755);
	unit_write(path, "10-more.conf", "handlers = { more = { plugin = \"m.so\"; }; };\n");
	text = load(&c);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->n_handlers, 2);
	ck_assert_ptr_nonnull(strstr(text, "10-more.conf:1: warning: handler more has no route"));
	config_free(c);
	free(text);
	unit_write(path, "20-clash.conf", "\nhandlers = { h = { plugin = \"x.so\"; }; };\nnode = \"x\";\n");
	text = load(&c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, "20-clash.conf:2: error: handlers.h is there already, at "));
	ck_assert_ptr_nonnull(strstr(text, "semel.conf:5"));
	ck_assert_ptr_nonnull(strstr(text, "20-clash.conf:3: error: node stands only in the main file"));
	free(text);
	unit_remove(folder);
}
END_TEST

START_TEST(variables_come_from_the_environment_and_the_defaults_file)
{
	struct config *c;
	char *text, path[128];

	setup_folder();
	unit_write(folder, "defaults", "# a comment\nUNIT_NODE='from file'\nUNIT_B=file\n");
	snprintf(path, sizeof(path), "%s/defaults", folder);
	setenv("SEMEL_DEFAULTS", path, 1);
	setenv("UNIT_B", "environment", 1);
	unsetenv("UNIT_C");
	unit_write(folder, "semel.conf",
	    "node = \"${UNIT_B}-${UNIT_C:-c}\";\nstate_dir = \"/${UNIT_NODE}\";\nkafka = { bootstrap_servers = \"k\"; };\n"
	    "ledger = { url = \"unix:/x\"; };\n");
	text = load(&c);
	ck_assert_msg(c != NULL, "%s", text);
	ck_assert_str_eq(c->node, "environment-c");
	ck_assert_str_eq(c->state_dir, "/from file");
	config_free(c);
	free(text);
	unit_write(folder, "semel.conf",
	    "node = \"${UNIT_C}\";\nkafka = { bootstrap_servers = \"k\"; };\nledger = { url = \"unix:/x\"; };\n");
	text = load(&c);
	ck_assert_ptr_nonnull(strstr(text, "semel.conf:1: error: node: the variable UNIT_C is not set"));
	free(text);
	unit_remove(folder);
}
END_TEST

START_TEST(files_that_others_can_write_are_refused)
{
	struct config *c;
	char *text, path[128];

	setup_folder();
	unit_write(folder, "semel.conf", GOOD);
	snprintf(path, sizeof(path), "%s/semel.conf", folder);
	chmod(path, 0666);
	text = load(&c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, "is writable by everybody"));
	free(text);
	chmod(path, 0644);
	chmod(folder, 0777);
	text = load(&c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, "its folder"));
	free(text);
	chmod(folder, 01777); /* sticky: safe */
	text = load(&c);
	ck_assert_msg(c != NULL, "%s", text);
	config_free(c);
	free(text);
	unit_remove(folder);
}
END_TEST

START_TEST(secrets_stand_in_files)
{
	struct config *c;
	char *text, conf[512];

	setup_folder();
	unit_write(folder, "pw", "geheim\n");
	snprintf(conf, sizeof(conf),
	    "kafka = { bootstrap_servers = \"k\"; sasl_password_file = \"%s/pw\"; sasl_username = \"u\"; };\n"
	    "ledger = { url = \"unix:/x\"; password_file = \"%s/pw\"; };\n",
	    folder, folder);
	unit_write(folder, "semel.conf", conf);
	text = load(&c);
	ck_assert_msg(c != NULL, "%s", text);
	ck_assert_str_eq(c->ledger.password, "geheim");
	ck_assert_str_eq(c->kafka.list[1].name, "sasl.password");
	ck_assert_str_eq(c->kafka.list[1].value, "geheim");
	ck_assert(c->kafka.list[1].secret);
	config_free(c);
	free(text);
	unit_write(folder, "semel.conf",
	    "kafka = { bootstrap_servers = \"k\"; sasl_password = \"x\"; };\nledger = { url = \"unix:/x\"; };\n");
	text = load(&c);
	ck_assert_ptr_nonnull(strstr(text, "sasl_password is a secret: put it into a file"));
	free(text);
	unit_remove(folder);
}
END_TEST

START_TEST(integers_that_do_not_fit_are_found)
{
	struct config *c;
	char *text;

	setup_folder();
	unit_write(folder, "semel.conf",
	    "kafka = { bootstrap_servers = \"k\"; # 99999999999\n fetch_max_bytes = 5000000000; };\nledger = { url = \"unix:/x\"; };\n");
	text = load(&c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, "semel.conf:2: error: the number 5000000000 does not fit"));
	free(text);
	unit_remove(folder);
}
END_TEST

START_TEST(routes_are_ordered_and_hidden_ones_found)
{
	struct config *c;
	char *text;

	setup_folder();
	unit_write(folder, "semel.conf",
	    "kafka = { bootstrap_servers = \"k\"; };\nledger = { url = \"unix:/x\"; };\n"
	    "subscriptions = { s = { topics = [ \"t\" ]; id = [ \"key\" ]; }; };\nhandlers = { h = { plugin = \"h\"; }; };\n"
	    "routes = {\n all = { subscription = \"s\"; handler = \"h\"; };\n"
	    " late = { subscription = \"s\"; handler = \"h\"; priority = 600; when = ( { field = \"key\"; equals = \"a\"; } ); };\n"
	    " first = { subscription = \"s\"; handler = \"h\"; when = ( { field = \"key\"; in = [ \"a\", \"b\" ]; } ); }; };\n");
	text = load(&c);
	ck_assert_msg(c != NULL, "%s", text);
	ck_assert_str_eq(c->routes[c->subscriptions[0].routes[0]].name, "first");
	ck_assert_str_eq(c->routes[c->subscriptions[0].routes[1]].name, "late");
	ck_assert_str_eq(c->routes[c->subscriptions[0].routes[2]].name, "all");
	ck_assert_ptr_nonnull(strstr(text, "semel.conf:7: warning: route late never matches: first"));
	config_free(c);
	free(text);
	unit_remove(folder);
}
END_TEST

/* A file cut anywhere is an error or a configuration, never a crash. */
START_TEST(a_cut_file_never_crashes)
{
	struct config *c;
	char cut[sizeof(GOOD)], *text;

	setup_folder();
	for (size_t n = 0; n < sizeof(GOOD); n++) {
		memcpy(cut, GOOD, n);
		cut[n] = '\0';
		unit_write(folder, "semel.conf", cut);
		text = load(&c);
		config_free(c);
		free(text);
	}
	unit_remove(folder);
}
END_TEST

START_TEST(durations_and_sizes)
{
	int64_t v;

	ck_assert_int_eq(config_duration("250ms", &v), 0);
	ck_assert_int_eq(v, 250);
	ck_assert_int_eq(config_duration("7d", &v), 0);
	ck_assert_int_eq(v, INT64_C(604800000));
	ck_assert_int_eq(config_size("3KB", &v), 0);
	ck_assert_int_eq(v, 3000);
	ck_assert_int_eq(config_size("3KiB", &v), 0);
	ck_assert_int_eq(v, 3072);
	ck_assert_int_lt(config_duration("5", &v), 0);
	ck_assert_int_lt(config_duration("-5s", &v), 0);
	ck_assert_int_lt(config_duration("99999999999999999d", &v), 0);
	ck_assert_int_lt(config_size("", &v), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_good_file_is_read_with_defaults, ten_errors_are_ten_lines,
		drop_ins_are_united_and_clashes_show_both_places,
		variables_come_from_the_environment_and_the_defaults_file,
		files_that_others_can_write_are_refused, secrets_stand_in_files,
		integers_that_do_not_fit_are_found, routes_are_ordered_and_hidden_ones_found,
		a_cut_file_never_crashes, durations_and_sizes, NULL };

	return unit_run("config", tests);
}
