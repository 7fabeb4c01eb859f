/* What is refused, what is warned of, and where. */
#include "lib/config.h"

#define SUB "subscriptions = { s = { topics = [ \"t\" ]; id = \"key\"; "
#define HANDLER "handlers = { h = { plugin = \"h.so\"; }; };\n"
#define ROUTE "routes = { r = { subscription = \"s\"; handler = \"h\"; }; };\n"

/* One key of a scope that must not be taken as it is; behind CONF_HEAD it stands on line 3. */
struct refused {
	const char *text, *expected;
};

static void refuse_all(const struct refused *r, size_t n, const char *before, const char *after)
{
	struct buf text = { NULL, 0, 0 };

	conf_setup();
	for (size_t i = 0; i < n; i++) {
		buf_clear(&text);
		buf_printf(&text, "%s%s%s", before, r[i].text, after);
		conf_expect_error(text.data, r[i].expected);
	}
	buf_free(&text);
	conf_teardown();
}

#define REFUSE_ALL(list, before, after) refuse_all(list, sizeof(list) / sizeof((list)[0]), before, after)

START_TEST(top_level_keys)
{
	static const struct refused r[] = {
		{ "nod = \"x\";", ":3: error: unknown key nod; did you mean node?" },
		{ "stop_tiemout = \"1s\";",
		    ":3: error: unknown key stop_tiemout; did you mean stop_timeout?" },
		{ "attempts = 3;", "unknown key attempts here; it belongs into subscriptions.NAME.retry" },
		{ "quux = 3;", ":3: error: unknown key quux\n" },
		{ "node = \"a b\";", ":3: error: node: \"a b\" is no name for a host" },
		{ "node = 3;", ":3: error: node: expected a string in quotes, found a number" },
		{ "state_dir = \"here\";", ":3: error: state_dir: expected a path from / on" },
		{ "state_dir = \"\";", ":3: error: state_dir: expected a path from / on" },
		{ "plugin_path = [ \"/a\", \"b\" ];", ":3: error: plugin_path: expected a path from / on" },
		{ "plugin_path = [ ];", ":3: error: plugin_path: the list is empty" },
		{ "stop_timeout = 30;",
		    ":3: error: stop_timeout: expected a duration in quotes (\"30s\"), found a bare number" },
		{ "stop_timeout = \"30\";", ":3: error: stop_timeout: \"30\" is no duration" },
		{ "stop_timeout = \"2h\";", ":3: error: stop_timeout: 2h is out of range: 0s to 1h" },
		{ "log = \"debug\";", ":3: error: log: expected a group { ... }, found a string" },
		{ "log = { level = \"loud\"; };",
		    ":3: error: level: \"loud\" is none of: debug info warning error" },
		{ "log = { rate = -1; };", ":3: error: rate: -1 is out of range: 0 to 1000000" },
		{ "log = { rate = \"x\"; };", ":3: error: rate: expected a number, found \"x\"" },
		{ "log = { rate = true; };", ":3: error: rate: expected a number, found a boolean" },
		{ "http = { listen = \"9464\"; };", ":3: error: listen: expected ADDRESS:PORT or \"off\"" },
		{ "http = { listen = \"h:70000\"; };",
		    ":3: error: listen: expected ADDRESS:PORT or \"off\"" },
		{ "http = { listen = \"::1:80\"; };", ":3: error: listen: expected ADDRESS:PORT or \"off\"" },
		{ "admin = { socket = \"s\"; };", ":3: error: socket: expected a path from / on" },
		{ "routes = [ ];", ":3: error: routes: expected a group { ... }, found an array" },
		{ "handlers = { h = 3; };", ":3: error: h: expected a group { ... }, found a number" },
		{ "x = ;", ":3: error: syntax error" },
		{ "node = \"a\";\nnode = \"b\";", ":4: error: duplicate setting name" },
	};

	REFUSE_ALL(r, CONF_HEAD, "\n");
}
END_TEST

START_TEST(ledger_keys)
{
	static const struct refused r[] = {
		{ "", ":2: error: ledger.url must be given" },
		{ "url = \"http://x\";", "url: \"http://x\" is neither redis://HOST:PORT/DB nor rediss://" },
		{ "url = \"unix:/x\"; mode = \"cluster\";", "url: a Unix socket needs mode = \"single\"" },
		{ "url = \"redis://u:p@x\";", "url: user and password do not stand here" },
		{ "url = \"redis://x:1y\";", "url: expected redis://HOST:PORT/DB" },
		{ "url = \"redis://x:0\";", "url: expected redis://HOST:PORT/DB" },
		{ "url = \"redis://x/one\";", "url: expected redis://HOST:PORT/DB" },
		{ "url = \"redis:///1\";", "url: expected redis://HOST:PORT/DB" },
		{ "url = \"redis://::1/1\";", "url: expected redis://HOST:PORT/DB" },
		{ "url = \"redis://r\"; mode = \"sentinel\";",
		    "ledger.master must be given with mode = \"sentinel\"" },
		{ "mode = \"cluster\"; url = \"redis://r/3\";", "url: a cluster has no database but 0" },
		{ "mode = \"double\";", "mode: \"double\" is none of: single sentinel cluster" },
		{ "servers = [ \"h:1\", \"h:2\" ];", "servers: mode = \"single\" has one server" },
		{ "servers = [ \"h\" ];", "servers: \"h\" is not HOST:PORT" },
		{ "url = \"redis://r\"; tls = { ca_file = \"/x\"; };",
		    "tls: the url must begin with rediss://" },
		{ "url = \"rediss://r\"; tls = { cert_file = \"/x\"; };",
		    "tls: cert_file and key_file belong together" },
		{ "tls = { ca_fil = \"/x\"; };", "unknown key ca_fil; did you mean ca_file?" },
		{ "durability = \"replicas:0\";",
		    "durability: \"replicas:0\" is neither none nor replicas:N" },
		{ "prefix = \"a{b}\";", "prefix: \"a{b}\" is none" },
		{ "prefix = \"\";", "prefix: must not be empty" },
		{ "lease = \"10ms\";", "lease: 10ms is out of range: 1s to 10m" },
		{ "filter_memory = \"1TB\";", "filter_memory: \"1TB\" is no size" },
		{ "password = \"x\";", "unknown key password" },
		{ "password_file = \"x\";", "password_file: expected a path from / on" },
	};

	REFUSE_ALL(r, "kafka = { bootstrap_servers = \"k:9092\"; };\nledger = { ", " };\n");
}
END_TEST

START_TEST(subscription_keys)
{
	static const struct refused r[] = {
		{ "", ":4: error: topics must be given" },
		{ "", ":4: error: id must be given" },
		{ "topics = [ ];", "topics: the list is empty" },
		{ "topics = \"a b\";", "topics: \"a b\" is no topic" },
		{ "topics = [ \"^a(\" ];", "topics: \"^a(\" is no pattern" },
		{ "topics = [ \"a\", \"b\", \"a\" ];", "topics: \"a\" stands there twice" },
		{ "topics = [ \"s.dead\" ];",
		    "subscription s would consume its own dead-letter topic s.dead" },
		{ "topics = [ \"^s\\\\..*\" ];", "subscription s would consume its own retry topic s.retry" },
		{ "id = [ ];", "id: the list is empty" },
		{ "id = \"topic\";", "id: \"topic\" is none of header:NAME" },
		{ "id = \"header:\";", "id: \"header:\" is none of header:NAME" },
		{ "id = \"json:a\";", "id: \"json:a\" is none of header:NAME" },
		{ "id = \"json:/a~2\";", "id: \"json:/a~2\" is none of header:NAME" },
		{ "id = [ \"key\", \"cloudevents\" ];", "id: cloudevents stands alone" },
		{ "id = { };", "id: expected a list of strings, found a group" },
		{ "unrouted = \"drop\";", "unrouted: \"drop\" is none of: dead-letter skip" },
		{ "max_in_flight = 0;", "max_in_flight: 0 is out of range: 1 to 1000000" },
		{ "max_in_flight_bytes = 5;", "expected a size in quotes (\"256MiB\"), found a bare number" },
		{ "retry = { mode = \"topics\"; };", "mode: \"topics\" is none of: hold topic" },
		{ "retry = { on_exhausted = \"wait\"; };",
		    "on_exhausted: \"wait\" is none of: dead-letter pause drop" },
		{ "retry = { backoff = \"2m\"; };", "retry.backoff is longer than retry.max_backoff" },
		{ "retry = { topic = \"s.dead\"; };", "dead_letter.topic: s.dead is the retry topic, too" },
		{ "dead_letter = { topic = \"a b\"; };", "dead_letter.topic: \"a b\" is no topic" },
		{ "dead_letter = { header_style = \"sprig\"; };",
		    "header_style: \"sprig\" is none of: native connect spring" },
		{ "retry = 3;", "retry: expected a group { ... }, found a number" },
		{ "group = \"other\";", "subscriptions s and other (" },
	};

	REFUSE_ALL(r,
	    CONF_HEAD
	    "subscriptions = { other = { topics = [ \"x\" ]; id = \"key\"; unrouted = \"skip\"; };\ns = { ",
	    " }; };\n");
}
END_TEST

START_TEST(handler_and_route_keys)
{
	static const struct refused r[] = {
		{ "handlers = { h = { }; };", ":3: error: plugin must be given" },
		{ "handlers = { h = { plugin = \"\"; }; };", "plugin: must not be empty" },
		{ "handlers = { h = { plugin = \"a/b.so\"; }; };",
		    "plugin: \"a/b.so\" is neither a file's name" },
		{ "handlers = { h = { plugin = \"a\"; timeout = \"10m\"; }; };",
		    "handler h: timeout is longer than max_run" },
		{ "handlers = { h = { plugin = \"a\"; emits = \"a b\"; }; };", "emits: \"a b\" is no topic" },
		{ "handlers = { h = { plugin = \"a\"; settings = 3; }; };",
		    "settings: expected a group { ... }, found a number" },
		{ "handlers = { Big = { plugin = \"a\"; }; };", "Big is no name: [a-z][a-z0-9-]{0,62}" },
		{ "routes = { r = { }; };", ":3: error: subscription must be given" },
		{ "routes = { r = { subscription = \"s\"; handler = \"nobody\"; }; };",
		    "there is no handler named nobody" },
		{ "routes = { r = { subscription = \"nobody\"; }; };",
		    "there is no subscription named nobody" },
		{ "routes = { r = { priority = 1001; }; };", "priority: expected a number from 0 to 1000" },
		{ "routes = { r = { when = 3; }; };", "when: expected a list of tests" },
		{ "routes = { r = { when = ( 3 ); }; };",
		    "when: expected a test { field = ...; equals = ...; }" },
		{ "routes = { r = { when = ( { equals = \"a\"; } ); }; };", "when: a test needs a field" },
		{ "routes = { r = { when = ( { field = \"offset\"; equals = \"a\"; } ); }; };",
		    "field: \"offset\" is none of topic, key" },
		{ "routes = { r = { when = ( { field = \"key\"; } ); }; };", "exists; found 0" },
		{ "routes = { r = { when = ( { field = \"key\"; equals = \"a\"; prefix = \"b\"; } ); }; };",
		    "exists; found 2" },
		{ "routes = { r = { when = ( { field = \"key\"; in = [ ]; } ); }; };",
		    "in: the list is empty" },
		{ "routes = { r = { when = ( { field = \"key\"; prefix = [ ]; } ); }; };",
		    "prefix: expected one string" },
		{ "routes = { r = { when = ( { field = \"key\"; equals = [ \"a\", \"b\" ]; } ); }; };",
		    "equals: expected one string" },
		{ "routes = { r = { when = ( { field = \"key\"; equals = 5; } ); }; };",
		    "equals: expected a string in quotes, found a number" },
		{ "routes = { r = { when = ( { field = \"key\"; exists = \"true\"; } ); }; };",
		    "exists: expected true or false, found a string" },
		{ "routes = { r = { when = ( { field = \"key\"; equals = \"a\"; not = \"yes\"; } ); }; };",
		    "not: expected true or false, found a string" },
		{ "routes = { r = { when = ( { field = \"key\"; equal = \"a\"; } ); }; };",
		    "unknown key equal; did you mean equals?" },
	};

	REFUSE_ALL(r, CONF_HEAD, "\n");
}
END_TEST

/* A route that is wrong itself brings no second complaint: about unrouted, or about what it hides. */
START_TEST(one_mistake_is_one_error)
{
	struct config *c;
	char *text;

	conf_setup();
	text = conf_load(CONF_HEAD SUB
	    "}; };\n" HANDLER "routes = { r = { subscription = \"s\"; handler = \"h\";\n"
	    "  when = ( { field = \"key\"; equal = \"a\"; equals = \"b\"; } ); };\n"
	    " q = { subscription = \"s\"; handler = \"g\"; }; };\n",
	    &c);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(text, ":6: error: unknown key equal"));
	ck_assert_ptr_nonnull(strstr(text, ":7: error: there is no handler named g"));
	ck_assert_msg(strchr(strchr(text, '\n') + 1, '\n')[1] == '\0', "two lines expected:\n%s", text);
	free(text);
	conf_teardown();
}
END_TEST

START_TEST(unrouted_is_needed_unless_a_route_takes_all)
{
	conf_setup();
	conf_expect_error(CONF_HEAD SUB "}; };\n", ":3: error: subscription s: unrouted must be given");
	conf_expect_error(CONF_HEAD SUB "}; };\n" HANDLER
					"routes = { r = { subscription = \"s\"; handler = \"h\"; "
					"when = ( { field = \"key\"; exists = true; } ); }; };\n",
	    ":3: error: subscription s: unrouted must be given");
	config_free(conf_expect_good(CONF_HEAD SUB "}; };\n" HANDLER ROUTE, ""));
	config_free(conf_expect_good(
	    CONF_HEAD SUB "unrouted = \"skip\"; }; };\n", "3: warning: subscription s has no route\n"));
	conf_teardown();
}
END_TEST

START_TEST(warnings)
{
	conf_setup();
	config_free(conf_expect_good(CONF_HEAD SUB
	    "}; };\n"
	    "handlers = { h = { plugin = \"h.so\";\n emits = [ \"a\", \"t\" ]; };\n"
	    " idle = { plugin = \"h.so\"; }; };\n" ROUTE,
	    "5: warning: handler h emits to t, which its subscription s consumes\n"
	    "6: warning: handler idle has no route\n"));
	config_free(conf_expect_good(
	    "kafka = { bootstrap_servers = \"k\"; };\nledger = { url = \"unix:/x\"; lease = \"2s\";\n"
	    "timeout = \"3s\"; };\n" SUB "}; };\n" HANDLER ROUTE,
	    "3: warning: ledger.timeout is more than half of ledger.lease: one slow answer can cost the lease\n"));
	conf_teardown();
}
END_TEST

START_TEST(routes_are_tried_by_priority_then_place)
{
	struct config *c;
	const char *names[4];

	conf_setup();
	c = conf_expect_good(CONF_HEAD SUB
	    "}; };\n" HANDLER "routes = { all = { subscription = \"s\"; handler = \"h\"; };\n"
	    "b = { subscription = \"s\"; handler = \"h\"; when = ( { field = \"key\"; prefix = \"b\"; } ); };\n"
	    "a = { subscription = \"s\"; handler = \"h\"; when = ( { field = \"key\"; prefix = \"a\"; } ); };\n"
	    "first = { subscription = \"s\"; handler = \"h\"; priority = 1; when = ( { field = \"topic\"; equals = \"x\"; } ); };\n"
	    "};\n",
	    "");
	ck_assert_uint_eq(c->subscriptions[0].n_routes, 4);
	for (size_t i = 0; i < 4; i++)
		names[i] = c->routes[c->subscriptions[0].routes[i]].name;
	ck_assert_str_eq(names[0], "first");
	ck_assert_str_eq(names[1], "b");
	ck_assert_str_eq(names[2], "a");
	ck_assert_str_eq(names[3], "all");
	config_free(c);
	conf_teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { top_level_keys, ledger_keys, subscription_keys, handler_and_route_keys,
		one_mistake_is_one_error, unrouted_is_needed_unless_a_route_takes_all, warnings,
		routes_are_tried_by_priority_then_place, NULL };

	return unit_run("config_judge", tests);
}
