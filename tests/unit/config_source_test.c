/* Files, drop-ins, variables, secrets, properties; and files that are none. */
#include "adapters/config_scan.h"
#include "adapters/config_values.h"

#include "lib/config.h"

#include <errno.h>

/* libconfig 1.5 forgets the string before a syntax error; once for a file that is then refused. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

#define PARTS                                                                                                \
	"subscriptions = { s = { topics = [ \"t\" ]; id = \"key\"; unrouted = \"skip\"; }; };\n"             \
	"handlers = { h = { plugin = \"h.so\"; }; };\n"                                                      \
	"routes = { r = { subscription = \"s\"; handler = \"h\"; when = ( { field = \"key\"; equals = \"a\"; } ); }; };\n"

static char drop_ins[128];

static void setup_drop_ins(void)
{
	conf_setup();
	snprintf(drop_ins, sizeof(drop_ins), "%s/conf.d", conf_folder);
	mkdir(drop_ins, 0755);
}

START_TEST(drop_ins_are_read_in_the_order_of_their_names)
{
	struct config *c;

	setup_drop_ins();
	unit_write(drop_ins, "20-b.conf", "routes = { b = { subscription = \"s\"; handler = \"h\"; }; };\n");
	unit_write(drop_ins, "10-a.conf", "routes = { a = { subscription = \"s\"; handler = \"h\"; }; };\n");
	unit_write(drop_ins, "Z.conf", "handlers = { z = { plugin = \"z.so\"; }; };\n");
	unit_write(drop_ins, "a.conf", "handlers = { a = { plugin = \"a.so\"; }; };\n");
	unit_write(drop_ins, "30-c.conf.dpkg-new", "nonsense");
	unit_write(drop_ins, ".40-d.conf", "nonsense");
	unit_write(conf_folder, "semel.conf", CONF_HEAD PARTS);
	free(conf_load_file(&c));
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->n_routes, 3);
	ck_assert_str_eq(c->routes[0].name, "r");
	ck_assert_str_eq(c->routes[1].name, "a");
	ck_assert_str_eq(c->routes[2].name, "b");
	ck_assert_str_eq(c->handlers[1].name, "z");
	ck_assert_str_eq(c->handlers[2].name, "a");
	ck_assert(c->routes[2].never);
	ck_assert_ptr_nonnull(strstr(c->routes[2].place.file, "conf.d/20-b.conf"));
	config_free(c);
	conf_teardown();
}
END_TEST

/* One error of syntax a file; what may stand in that file is not missed, what is wrong elsewhere is told. */
START_TEST(a_broken_file_hides_nothing_and_blames_nobody)
{
	struct config *c;
	char *text;

	setup_drop_ins();
	unit_write(drop_ins, "10-broken.conf", "handlers = {\n h = { plugin = ; }; };\n");
	unit_write(drop_ins, "20-broken.conf", "\n\n}\n");
	text = conf_load(CONF_HEAD "log = { level = \"loud\"; };\n"
				   "subscriptions = { s = { topics = \"t\"; id = \"key\"; }; };\n"
				   "routes = { r = { subscription = \"s\"; handler = \"h\"; }; };\n",
	    &c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, "10-broken.conf:2: error: syntax error"));
	ck_assert_ptr_nonnull(strstr(text, "20-broken.conf:3: error: syntax error"));
	ck_assert_ptr_nonnull(strstr(text, "semel.conf:3: error: level: \"loud\""));
	ck_assert_ptr_null(strstr(text, "there is no handler"));
	ck_assert_ptr_null(strstr(text, "unrouted"));
	free(text);
	/* The same where the main file is the broken one. */
	unit_write(drop_ins, "20-broken.conf", "handlers = { b = { plugin = 3; }; };\nlog = { };\n");
	text = conf_load("x = ;\n", &c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, "semel.conf:1: error: syntax error"));
	ck_assert_ptr_nonnull(strstr(text, "20-broken.conf:1: error: plugin: expected a string"));
	ck_assert_ptr_nonnull(strstr(text, "20-broken.conf:2: error: log stands only in the main file"));
	ck_assert_ptr_null(strstr(text, "must be given"));
	free(text);
	conf_teardown();
}
END_TEST

START_TEST(files_that_are_not_there_or_not_text)
{
	struct config *c;
	char *text, path[160];
	FILE *f;

	setup_drop_ins();
	text = conf_load_file(&c);
	ck_assert_ptr_nonnull(strstr(text, "semel.conf: error: No such file or directory"));
	free(text);
	snprintf(path, sizeof(path), "%s/semel.conf", conf_folder);
	f = fopen(path, "we");
	fwrite("node = \"a\0b\";\n", 1, 14, f);
	fclose(f);
	text = conf_load_file(&c);
	ck_assert_ptr_nonnull(strstr(text, "semel.conf: error: holds a NUL byte"));
	free(text);
	conf_expect_error("\xef\xbb\xbf" CONF_HEAD PARTS, "semel.conf: error: begins with a byte order mark");
	/* What a message quotes is one line, and a terminal obeys nothing in it. */
	conf_expect_error(
	    CONF_HEAD PARTS "node = \"a\\n\\x1b[31m\";\n", "\"a\\n\\x1b[31m\" is no name for a host");
	conf_expect_error("", "semel.conf: error: ledger.url must be given");
	conf_expect_error("", "semel.conf: error: kafka.bootstrap_servers must be given");
	snprintf(path, sizeof(path), "%s/x.conf", drop_ins);
	mkdir(path, 0755);
	conf_expect_error(CONF_HEAD PARTS, "conf.d/x.conf: error: is not a regular file");
	conf_teardown();
}
END_TEST

START_TEST(included_files_are_judged_too_and_keep_their_places)
{
	struct config *c;
	char path[160];

	conf_setup();
	unit_write(conf_folder, "parts.inc", PARTS);
	c = conf_expect_good(CONF_HEAD "# @include \"no.inc\"\n@include \"parts.inc\"\n", "");
	ck_assert_uint_eq(c->n_routes, 1);
	ck_assert_uint_eq(c->routes[0].place.line, 3);
	snprintf(path, sizeof(path), "%s/parts.inc", conf_folder);
	ck_assert_str_eq(c->routes[0].place.file, path);
	config_free(c);
	chmod(path, 0666);
	conf_expect_error(CONF_HEAD "@include \"parts.inc\"\n", ":3: error: cannot include ");
	conf_expect_error(CONF_HEAD "@include \"nothing.inc\"\n", "nothing.inc: No such file or directory");
	unit_write(conf_folder, "parts.inc", "\nlog = { rate = 99999999999; };\n");
	conf_expect_error(
	    CONF_HEAD "@include \"parts.inc\"\n", "parts.inc:2: error: the number 99999999999 does not fit");
	unit_write(conf_folder, "parts.inc", "@include \"parts.inc\"\n");
	conf_expect_error(CONF_HEAD "@include \"parts.inc\"\n", "nested too deep");
	conf_teardown();
}
END_TEST

/* ---- Numbers */

struct seen {
	char text[256];
};

static void note(void *arg, unsigned line, const char *text, size_t len)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%u:%.*s ", line, (int)len, text);
}

START_TEST(numbers_that_libconfig_would_change)
{
	struct seen s = { "" };
	const struct config_scan scan = { note, note, &s };

	config_scan(
	    "a = 2147483647; b = 2147483648; c = -2147483648; d = -2147483649;\n"
	    "e = 9223372036854775807L; f = 9223372036854775808L; g = 0x7fffffff; h = 0x80000000;\n"
	    "i = \"5000000000\"; j = 5000000000.5; k = 5000000000e2; a5000000000 = 1; l-5000000000 = 1;\n"
	    "# 5000000000\n/* 5000000000\n */ // 5000000000\nm = \"\\\"5000000000\n5000000000\"; n = [ 5000000000 ];",
	    &scan);
	ck_assert_str_eq(
	    s.text, "1:2147483648 1:2147483649 2:9223372036854775808 2:0x80000000 8:5000000000 ");
	s.text[0] = '\0';
	config_scan(
	    "  @include \"a\"\nx = 1; @include \"b\"\n\"\n@include \"c\"\n\" /*\n@include \"d\"\n*/\n@include \"e\n",
	    &scan);
	ck_assert_str_eq(s.text, "1:a ");
}
END_TEST

/* ---- Values */

static void expand(const char *text, int expected, const char *result)
{
	struct config_env e = { NULL, 0 };
	struct buf out = { NULL, 0, 0 };
	char *unset = NULL;

	ck_assert_msg(config_expand(&e, text, &out, &unset) == expected, "%s", text);
	ck_assert_str_eq(expected == 0 ? out.data : unset == NULL ? "" : unset, result);
	buf_free(&out);
	free(unset);
}

START_TEST(variables)
{
	setenv("UNIT_A", "${UNIT_B}", 1);
	setenv("UNIT_EMPTY", "", 1);
	unsetenv("UNIT_B");
	expand("", 0, "");
	expand("a$b$$c{}", 0, "a$b$$c{}");
	expand("<${UNIT_A}>", 0, "<${UNIT_B}>");
	expand("${UNIT_EMPTY}", 0, "");
	expand("${UNIT_EMPTY:-d}", 0, "d");
	expand("x${UNIT_B:-}y${UNIT_B:-a:-b}", 0, "xya:-b");
	expand("${UNIT_B}", -ENOENT, "UNIT_B");
	expand("${UNIT_B", -EINVAL, "");
	expand("${}", -EINVAL, "");
	expand("${:-x}", -EINVAL, "");
	expand("${1A:-x}", -EINVAL, "");
	expand("${UNIT_B-x}", -EINVAL, "");
	expand("${UNIT B:-x}", -EINVAL, "");
}
END_TEST

START_TEST(the_defaults_file_is_judged)
{
	char path[128];

	conf_setup();
	snprintf(path, sizeof(path), "%s/defaults", conf_folder);
	setenv("SEMEL_DEFAULTS", path, 1);
	unsetenv("UNIT_NODE");
	unit_write(conf_folder, "defaults", "\n# c\n; c\n  UNIT_NODE = x\nUNIT_B\n");
	conf_expect_error(
	    "node = \"${UNIT_NODE:-n}\";\n" CONF_HEAD PARTS, "defaults:4: error: expected NAME=value");
	conf_expect_error(CONF_HEAD PARTS, "defaults:5: error: expected NAME=value");
	unit_write(conf_folder, "defaults", "UNIT_NODE=\"n\"\n");
	config_free(conf_expect_good("node = \"${UNIT_NODE}\";\n" CONF_HEAD PARTS, ""));
	chmod(path, 0666);
	conf_expect_error(CONF_HEAD PARTS, "defaults: error: it is writable by everybody");
	conf_teardown();
}
END_TEST

static void secret(const char *content, int expected, const char *result)
{
	char path[128], why[512], *text = NULL;

	unit_write(conf_folder, "pw", content);
	snprintf(path, sizeof(path), "%s/pw", conf_folder);
	ck_assert_int_eq(config_secret(path, false, &text, why, sizeof(why)), expected);
	if (expected == 0)
		ck_assert_str_eq(text, result);
	else
		ck_assert_msg(strstr(why, result) != NULL, "%s", why);
	free(text);
}

START_TEST(secrets_lose_one_newline)
{
	char *large = malloc(70000);

	conf_setup();
	secret("pw", 0, "pw");
	secret("pw\n", 0, "pw");
	secret("pw\r\n", 0, "pw");
	secret(" p w \n\n", 0, " p w \n");
	secret("", -EINVAL, "pw: is empty");
	secret("\n", -EINVAL, "pw: is empty");
	memset(large, 'x', 69999);
	large[69999] = '\0';
	secret(large, -EINVAL, "pw: is larger than 64 KiB");
	free(large);
	conf_teardown();
}
END_TEST

START_TEST(amounts_are_written_as_they_are_read)
{
	static const char *const durations[] = { "0s", "1ms", "1500ms", "90s", "5m", "25h", "7d" };
	static const char *const sizes[] = { "0B", "1B", "1500B", "64KB", "64KiB", "64MB", "256MiB", "3GB",
		"1GiB" };
	struct buf out = { NULL, 0, 0 };
	int64_t v;

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		ck_assert_int_eq(config_duration(durations[i], &v), 0);
		buf_clear(&out);
		config_duration_text(v, &out);
		ck_assert_str_eq(out.data, durations[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(config_size(sizes[i], &v), 0);
		buf_clear(&out);
		config_size_text(v, &out);
		ck_assert_str_eq(out.data, sizes[i]);
	}
	buf_free(&out);
}
END_TEST

START_TEST(numbers_and_addresses)
{
	struct config *c;

	setenv("UNIT_N", "3", 1);
	conf_setup();
	c = conf_expect_good(
	    "log = { rate = \"${UNIT_N}\"; };\nhttp = { listen = \"[::1]:0\"; };\n"
	    "kafka = { bootstrap_servers = \"k\"; };\nledger = { url = \"redis://[fe80::1]:7/3\"; };\n" PARTS,
	    "");
	ck_assert_uint_eq(c->log.rate, 3);
	ck_assert_str_eq(c->http.host, "::1");
	ck_assert_uint_eq(c->http.port, 0);
	ck_assert_str_eq(c->ledger.servers[0].host, "fe80::1");
	ck_assert_uint_eq(c->ledger.servers[0].port, 7);
	ck_assert_uint_eq(c->ledger.database, 3);
	config_free(c);
	c = conf_expect_good("http = { listen = \"off\"; };\nkafka = { bootstrap_servers = \"k\"; };\n"
			     "ledger = { url = \"unix:///run/r.sock\"; };\n" PARTS,
	    "");
	ck_assert_ptr_null(c->http.host);
	ck_assert_int_eq(c->ledger.scheme, LEDGER_UNIX);
	ck_assert_str_eq(c->ledger.servers[0].host, "/run/r.sock");
	config_free(c);
	conf_teardown();
}
END_TEST

START_TEST(the_host_names_the_node)
{
	struct config *c;
	char name[256] = "";

	conf_setup();
	gethostname(name, sizeof(name) - 1);
	c = conf_expect_good(CONF_HEAD PARTS, "");
	ck_assert_str_eq(c->node, name);
	config_free(c);
	conf_teardown();
}
END_TEST

/* ---- Properties of librdkafka */

static const char *property(const struct config_properties *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return p->list[i].value;
	return NULL;
}

static void refuse_property(const char *line, const char *expected)
{
	char text[512];

	snprintf(text, sizeof(text),
	    "kafka = { bootstrap_servers = \"k\";\n %s };\nledger = { url = \"unix:/x\"; };\n" PARTS, line);
	conf_expect_error(text, expected);
}

START_TEST(properties)
{
	struct config *c;

	conf_setup();
	c = conf_expect_good(
	    "kafka = { bootstrap_servers = \"k\"; security_protocol = \"ssl\"; log_level = 5;\n"
	    " socket_keepalive_enable = true; ssl_ca_location = \"/ca\";\n"
	    " partition_assignment_strategy = \"range\"; isolation_level = \"read_uncommitted\";\n"
	    " producer = { linger_ms = 3; compression_codec = \"lz4\"; }; };\n"
	    "ledger = { url = \"unix:/x\"; };\n" PARTS,
	    "");
	ck_assert_str_eq(property(&c->kafka, "security.protocol"), "ssl");
	ck_assert_str_eq(property(&c->kafka, "socket.keepalive.enable"), "true");
	ck_assert_str_eq(property(&c->kafka, "log_level"), "5");
	ck_assert_str_eq(property(&c->kafka, "ssl.ca.location"), "/ca");
	ck_assert_str_eq(property(&c->producer, "linger.ms"), "3");
	ck_assert_ptr_null(property(&c->kafka, "linger.ms"));
	config_free(c);
	refuse_property(
	    "group_id = \"g\";", ":2: error: group_id cannot be set: it is the subscription's group");
	refuse_property("enable_auto_commit = false;", "enable_auto_commit cannot be set");
	refuse_property("producer = { acks = 1; };", ":2: error: acks cannot be set");
	refuse_property("plugin_library_paths = \"x\";", "plugin_library_paths cannot be set: it loads code");
	refuse_property("sasl_password = \"x\";", "write sasl_password_file");
	refuse_property("sasl_password_file = \"pw\";", "sasl_password_file: expected a path from / on");
	refuse_property(
	    "sasl_password_file = \"/nonexistent/pw\";", "/nonexistent/pw: No such file or directory");
	refuse_property("sasl_usernam = \"x\";",
	    "unknown key sasl_usernam: librdkafka has no property sasl.usernam; did you mean sasl_username?");
	refuse_property("qwertzuiop = \"x\";", "librdkafka has no property qwertzuiop\n");
	refuse_property(
	    "security_protocol = \"sll\";", ":2: error: security_protocol: librdkafka does not take \"sll\"");
	refuse_property("rebalance_cb = \"x\";", "unknown key rebalance_cb");
	refuse_property("fetch_max_bytes = ( 1 );", "fetch_max_bytes: expected a value, found a list");
	refuse_property("producer = 3;", "producer: expected a group { ... }, found a number");
	conf_expect_error(
	    "kafka = { bootstrap_servers = \"${UNIT_UNSET:-}\"; };\nledger = { url = \"unix:/x\"; };\n" PARTS,
	    ":1: error: bootstrap_servers: must not be empty");
	conf_teardown();
}
END_TEST

/* ---- Settings */

START_TEST(settings_are_paths)
{
	static const struct {
		const char *path, *text;
	} expected[] = { { "url", "u" }, { "pool", NULL }, { "pool/size", "3" }, { "pool/in", NULL },
		{ "pool/in/deep", "true" }, { "list", NULL }, { "list/0", "a" }, { "list/1", "b" },
		{ "big", "5000000000" }, { "real", "0.1" } };
	const struct config_handler *h;
	struct config *c;
	char *text;

	conf_setup();
	text = conf_load(CONF_HEAD
	    "handlers = { h = { plugin = \"/p/h.so\"; settings = { url = \"${U:-u}\";\n"
	    " pool = { size = 3; in = { deep = true; }; }; list = [ \"a\", \"b\" ];\n"
	    " big = 5000000000L; real = 0.1; }; }; };\n",
	    &c);
	ck_assert_msg(c != NULL, "%s", text);
	h = &c->handlers[0];
	ck_assert_str_eq(h->plugin_file, "/p/h.so");
	ck_assert_uint_eq(h->n_settings, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < h->n_settings; i++) {
		ck_assert_str_eq(h->settings[i].path, expected[i].path);
		ck_assert_int_eq(h->settings[i].is_group, expected[i].text == NULL);
		if (expected[i].text != NULL)
			ck_assert_str_eq(h->settings[i].text, expected[i].text);
	}
	ck_assert_uint_eq(h->settings[2].place.line, 4);
	free(text);
	config_free(c);
	conf_teardown();
}
END_TEST

START_TEST(plugins_are_found_in_their_folders)
{
	struct config *c;
	char text[1024], path[160], *problems;

	conf_setup();
	snprintf(path, sizeof(path), "%s/two", conf_folder);
	mkdir(path, 0755);
	unit_write(path, "b.so", "x");
	snprintf(text, sizeof(text),
	    CONF_HEAD "plugin_path = [ \"%s/one\", \"%s/two\" ];\n"
		      "handlers = { a = { plugin = \"a.so\"; }; b = { plugin = \"b.so\"; }; };\n",
	    conf_folder, conf_folder);
	problems = conf_load(text, &c);
	ck_assert_msg(c != NULL, "%s", problems);
	snprintf(path, sizeof(path), "%s/one/a.so", conf_folder);
	ck_assert_str_eq(c->handlers[0].plugin_file, path);
	snprintf(path, sizeof(path), "%s/two/b.so", conf_folder);
	ck_assert_str_eq(c->handlers[1].plugin_file, path);
	free(problems);
	config_free(c);
	conf_teardown();
}
END_TEST

/* ---- Nonsense */

/* Bytes changed, taken out and doubled at random places: an error or a configuration, never a crash. */
START_TEST(damaged_files_never_crash)
{
	static const char full[] =
	    "node = \"${UNIT_X:-n}\"; log = { level = \"info\"; rate = 20L; };\n" CONF_HEAD
	    "admin = { socket = \"/a\"; }; plugin_path = [ \"/x\" ];\n" PARTS;
	static const char bytes[] = "{}[]()=;,\"\\$/#@*:.-0129aZ \n\x80";
	unsigned seed = 1;
	size_t good = 0;

	conf_setup();
	for (int round = 0; round < 3000; round++) {
		char text[sizeof(full) + 1];
		struct config *c;

		memcpy(text, full, sizeof(full));
		for (int k = (int)(seed % 3); k >= 0; k--) {
			size_t at = (seed = seed * 1103515245u + 12345u) / 65536u % (sizeof(full) - 1);
			size_t len = strlen(text);

			at = len == 0 ? 0 : at % len;
			if ((seed & 0x3000u) == 0)
				memmove(text + at, text + at + (len > 0), len - at);
			else if ((seed & 0x3000u) == 0x1000u)
				text[at] = '\0';
			else
				text[at] = bytes[seed / 7u % (sizeof(bytes) - 1)];
		}
		free(conf_load(text, &c));
		good += c != NULL;
		config_free(c);
	}
	/* Some damage does no harm; most does. */
	ck_assert_uint_gt(good, 10);
	ck_assert_uint_lt(good, 1500);
	conf_teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { drop_ins_are_read_in_the_order_of_their_names,
		a_broken_file_hides_nothing_and_blames_nobody, files_that_are_not_there_or_not_text,
		included_files_are_judged_too_and_keep_their_places, numbers_that_libconfig_would_change,
		variables, the_defaults_file_is_judged, secrets_lose_one_newline,
		amounts_are_written_as_they_are_read, numbers_and_addresses, the_host_names_the_node,
		properties, settings_are_paths, plugins_are_found_in_their_folders, damaged_files_never_crash,
		NULL };

	return unit_run("config_source", tests);
}
