/* The pure parts of plugins/webhook, and how its settings are judged. */
#include "adapters/config_file.h"
#include "adapters/plugin.h"

#include "headers.h"
#include "json_check.h"
#include "sign.h"
#include "status.h"
#include "text.h"
#include "url.h"

#include "lib/config.h"

#include <errno.h>

/* ---- Status codes */

START_TEST(defaults_of_status)
{
	static const struct {
		long status;
		enum semel_outcome outcome;
	} expected[] = { { 200, SEMEL_OK }, { 201, SEMEL_OK }, { 204, SEMEL_OK }, { 302, SEMEL_RETRY },
		{ 400, SEMEL_REJECT }, { 401, SEMEL_RETRY }, { 404, SEMEL_RETRY }, { 409, SEMEL_RETRY },
		{ 410, SEMEL_REJECT }, { 422, SEMEL_REJECT }, { 429, SEMEL_RETRY }, { 500, SEMEL_RETRY },
		{ 503, SEMEL_RETRY }, { 99, SEMEL_RETRY }, { 999, SEMEL_RETRY }, { 0, SEMEL_RETRY } };
	struct status_rules s = { .exact = { { 0 } } };

	status_add_defaults(&s, STATUS_OK_DEFAULT, SEMEL_OK);
	status_add_defaults(&s, STATUS_REJECT_DEFAULT, SEMEL_REJECT);
	status_add_defaults(&s, STATUS_RETRY_DEFAULT, SEMEL_RETRY);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_int_eq(status_outcome(&s, expected[i].status), expected[i].outcome);
}
END_TEST

START_TEST(exact_beats_class_and_configured_beats_default)
{
	struct status_rules s = { .exact = { { 0 } } };

	ck_assert_int_eq(status_add(&s, "409", SEMEL_OK, false), 0);
	status_add_defaults(&s, STATUS_RETRY_DEFAULT, SEMEL_RETRY);
	ck_assert_int_eq(status_add(&s, "4xx", SEMEL_RETRY, false), 0);
	ck_assert_int_eq(status_add(&s, "418", SEMEL_REJECT, false), 0);
	ck_assert_int_eq(status_outcome(&s, 409), SEMEL_OK);
	ck_assert_int_eq(status_outcome(&s, 418), SEMEL_REJECT);
	ck_assert_int_eq(status_outcome(&s, 400), SEMEL_RETRY);
	ck_assert_int_eq(status_add(&s, "409", SEMEL_REJECT, false), -EEXIST);
	ck_assert_int_eq(status_add(&s, "409", SEMEL_OK, false), 0);
}
END_TEST

START_TEST(what_is_no_pattern)
{
	static const char *const bad[] = { "", "4", "4x", "4x9", "49x", "600", "0xx", "099", "4xxx", "2XX",
		"-10", NULL };
	struct status_rules s = { .exact = { { 0 } } };

	for (size_t i = 0; bad[i] != NULL; i++)
		ck_assert_msg(status_add(&s, bad[i], SEMEL_OK, false) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(status_add(&s, NULL, SEMEL_OK, false), -EINVAL);
}
END_TEST

/* ---- Encoding */

static void encodes(const char *bytes, size_t len, enum text_kept kept, const char *expected)
{
	struct text t = { .data = NULL };

	text_encode(&t, (struct semel_bytes){ bytes, len }, kept);
	ck_assert_str_eq(t.data, expected);
	text_free(&t);
}

START_TEST(any_bytes_are_a_legal_value)
{
	char all[256];
	struct text t = { .data = NULL };

	encodes("4f1c-A_~.9", 10, KEEP_UNRESERVED, "4f1c-A_~.9");
	encodes("a/b c", 5, KEEP_UNRESERVED, "a%2Fb%20c");
	encodes("a.b", 3, KEEP_NO_DOT, "a%2Eb");
	encodes("\r\nX: y\0", 7, KEEP_VISIBLE, "%0D%0AX: y%00");
	encodes(" a b ", 5, KEEP_VISIBLE, "%20a b%20");
	encodes("50%", 3, KEEP_VISIBLE, "50%25");
	encodes("\xc3\xa4 \"", 4, KEEP_CLOUDEVENTS, "%C3%A4%20%22");
	encodes("", 0, KEEP_VISIBLE, "");
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	for (int kept = KEEP_UNRESERVED; kept <= KEEP_CLOUDEVENTS; kept++) {
		text_clear(&t);
		text_encode(&t, (struct semel_bytes){ all, sizeof(all) }, (enum text_kept)kept);
		ck_assert(header_value_is_legal(t.data));
		for (size_t i = 0; i < t.len; i++)
			ck_assert_int_lt(t.data[i], 0x7f);
	}
	text_free(&t);
}
END_TEST

START_TEST(names_of_headers)
{
	ck_assert(header_name_is_legal("X-Team_1.a"));
	ck_assert(!header_name_is_legal(""));
	ck_assert(!header_name_is_legal("a b"));
	ck_assert(!header_name_is_legal("a:b"));
	ck_assert(!header_name_is_legal("a\r\nb"));
	ck_assert(!header_name_is_legal("\xc3\xa4"));
	ck_assert(header_is_ours("content-LENGTH"));
	ck_assert(header_is_ours("Host"));
	ck_assert(!header_is_ours("X-Host"));
	ck_assert(header_matches("x-*", "X-Team"));
	ck_assert(header_matches("*", "anything"));
	ck_assert(header_matches("TraceParent", "traceparent"));
	ck_assert(!header_matches("x-*", "y-team"));
	ck_assert(!header_matches("x-", "x-team"));
}
END_TEST

START_TEST(json)
{
	static const char *const good[] = { "1", "\"a\"", "null", "{\"a\":[1,2.5e3,\"\\u0000\"]}",
		" [123456789012345678901234567890] ", NULL };
	static const char *const bad[] = { "", "{", "{} {}", "nul", "'a'", "{\"a\":1},\"b\":2", NULL };

	for (size_t i = 0; good[i] != NULL; i++)
		ck_assert_msg(json_is_valid((struct semel_bytes){ good[i], strlen(good[i]) }), "%s", good[i]);
	for (size_t i = 0; bad[i] != NULL; i++)
		ck_assert_msg(!json_is_valid((struct semel_bytes){ bad[i], strlen(bad[i]) }), "%s", bad[i]);
}
END_TEST

START_TEST(times)
{
	struct text t = { .data = NULL };

	text_time(&t, 1714564800123);
	ck_assert_str_eq(t.data, "2024-05-01T12:00:00.123Z");
	text_free(&t);
}
END_TEST

/* ---- URLs */

static const char *refused(const char *url)
{
	static char why[256];
	struct url u;

	why[0] = '\0';
	if (url_make(url, &u, why, sizeof(why)) == 0)
		url_free(&u);
	return why;
}

START_TEST(urls_that_are_refused)
{
	static const struct {
		const char *url, *why;
	} bad[] = { { "", "does not begin with http://" }, { "example.org/x", "does not begin with http://" },
		{ "file:///etc/passwd", "does not begin with http://" },
		{ "ftp://example.org/", "does not begin with http://" },
		{ "gopher://example.org/", "does not begin with http://" },
		{ "https://user:geheim@example.org/", "holds credentials" },
		{ "https://example.org/#a", "fragment" }, { "https://", "" }, { "https://exa mple.org/", "" },
		{ "https://example.org/a b", "" }, { "https://example.org:70000/", "" },
		{ "https://example.org/\r\nX: y", "" },
		{ "https://{key}.example.org/", "in path and query only" },
		{ "https://{id}/", "in path and query only" }, { "{topic}://x/", "in path and query only" },
		{ "https://example.org/{name}", "{name} is none of {id}, {key}, {topic}" },
		{ "https://example.org/{", "a brace itself" }, { "https://example.org/}", "a brace itself" },
		{ "https://example.org/../{key}", "may not hold . or .." } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = refused(bad[i].url);

		ck_assert_msg(why[0] != '\0', "accepted: %s", bad[i].url);
		ck_assert_msg(strstr(why, bad[i].why) != NULL, "%s: %s", bad[i].url, why);
		ck_assert_msg(strstr(why, "geheim") == NULL, "%s", why);
	}
	ck_assert_str_eq(refused("http://127.0.0.1:8080/x?a=b"), "");
	ck_assert_str_eq(refused("HTTPS://[::1]/orders/{topic}/{key}?id={id}"), "");
}
END_TEST

/* What a URL becomes for an event, or "!" and why there is none. */
static const char *expanded(const char *url, const char *key, size_t len)
{
	static char out[512];
	char why[256];
	struct url u;
	struct text t = { .data = NULL };
	struct semel_event e = { .id = { "e/1", 3 }, .key = { key, len }, .topic = "orders" };
	const char *fault;

	ck_assert_int_eq(url_make(url, &u, why, sizeof(why)), 0);
	fault = url_expand(&u, &e, &t);
	snprintf(out, sizeof(out), "%s%s", fault == NULL ? "" : "!", fault == NULL ? t.data : fault);
	text_free(&t);
	url_free(&u);
	return out;
}

START_TEST(no_event_chooses_path_or_server)
{
	ck_assert_str_eq(
	    expanded("http://h/{topic}/{key}?id={id}", "k 1", 3), "http://h/orders/k%201?id=e%2F1");
	ck_assert_str_eq(expanded("http://h/{key}", "a/../b?c#d@e", 12), "http://h/a%2F..%2Fb%3Fc%23d%40e");
	ck_assert_str_eq(expanded("http://h/{key}", "\0\r\n", 3), "http://h/%00%0D%0A");
	ck_assert_ptr_nonnull(strstr(expanded("http://h/x/{key}", "..", 2), "its url would hold . or .."));
	ck_assert_int_eq(expanded("http://h/x/{key}", "..", 2)[0], '!');
	ck_assert_int_eq(expanded("http://h/x/{key}/y", ".", 1)[0], '!');
	ck_assert_int_eq(expanded("http://h/x/.{key}", ".", 1)[0], '!');
	ck_assert_int_eq(expanded("http://h/x/%2e{key}?a", ".", 1)[0], '!');
	ck_assert_int_eq(expanded("http://h/x/{key}{key}", ".", 1)[0], '!');
	ck_assert_str_eq(expanded("http://h/x?{key}", "..", 2), "http://h/x?..");
	ck_assert_str_eq(expanded("http://h/x/{key}", "...", 3), "http://h/x/...");
	ck_assert_str_eq(expanded("http://h/{key}", NULL, 0), "!its url needs a key, and the event has none");
	ck_assert_str_eq(expanded("http://h/{key}", "", 0), "!its url needs a key, and the event has none");
}
END_TEST

/* ---- Signatures */

static const char *signature(
    const char *secrets, enum sign_form form, const char *id, int64_t when, const char *body)
{
	static char out[1024];
	char why[160];
	struct signer s;
	struct text t = { .data = NULL };

	ck_assert_msg(signer_make(secrets, form, &s, why, sizeof(why)) == 0, "%s", why);
	sign(&s, id, when, (struct semel_bytes){ body, strlen(body) }, &t);
	snprintf(out, sizeof(out), "%s", t.data);
	text_free(&t);
	signer_free(&s);
	return out;
}

START_TEST(signatures)
{
	/* printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef */
	ck_assert_str_eq(signature("0123456789abcdef", SIGN_SEMEL, "x", 1700000000, "{\"a\":1}"),
	    "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23");
	/* The example of the Standard Webhooks specification's libraries. */
	ck_assert_str_eq(signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SIGN_STANDARD,
			     "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}"),
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	/* Two secrets: two signatures, in the order of their lines. */
	ck_assert_ptr_nonnull(strstr(
	    signature("0123456789abcdef\r\n\nfedcba9876543210\n", SIGN_SEMEL, "x", 1700000000, "{\"a\":1}"),
	    "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23,v1="));
}
END_TEST

START_TEST(secrets_that_are_refused)
{
	struct signer s;
	char why[160];

	ck_assert_int_eq(signer_make("short", SIGN_SEMEL, &s, why, sizeof(why)), -EINVAL);
	ck_assert_str_eq(why, "secret 1 has fewer than 16 bytes");
	ck_assert_int_eq(signer_make("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n*not base64, but long enough*",
			     SIGN_STANDARD, &s, why, sizeof(why)),
	    -EINVAL);
	ck_assert_str_eq(why, "secret 2 is no base64, or has fewer than 16 bytes");
	ck_assert_int_eq(
	    signer_make("0123456789abcde1\n0123456789abcde2\n0123456789abcde3\n0123456789abcde4\n"
			"0123456789abcde5",
		SIGN_SEMEL, &s, why, sizeof(why)),
	    -EINVAL);
	ck_assert_str_eq(why, "more than 4 secrets");
}
END_TEST

/* ---- Settings */

/* What open says of these settings; "": it takes them. */
static char *opened(const char *settings)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf text = { NULL, 0, 0 };
	struct metrics *m = metrics_new();
	struct plugin *p;
	struct config *c;
	char *said, why[2048];

	buf_printf(&text,
	    CONF_HEAD
	    "plugin_path = [ \"%s\" ];\nhandlers = { w = { plugin = \"webhook.so\"; settings = {\n%s\n}; }; };\n",
	    PLUGINS, settings);
	conf_setup();
	said = conf_load(text.data, &c);
	ck_assert_msg(c != NULL, "%s", said);
	free(said);
	buf_clear(&text);
	if (plugin_load(&c->handlers[0], false, m, &problems, &p, why, sizeof(why)) == 0) {
		why[0] = '\0';
		plugin_open(p, why, sizeof(why));
		plugin_close(p);
	}
	config_problems_print(&problems, &text);
	buf_text(&text, why);
	config_problems_free(&problems);
	config_free(c);
	metrics_free(m);
	conf_teardown();
	return text.data;
}

START_TEST(bad_settings_are_told_with_their_line)
{
	static const struct {
		const char *settings, *said;
	} bad[] = {
		{ "", "settings.url must be given" },
		{ "url = \"file:///etc/passwd\";",
		    "semel.conf:5: error: settings.url: it does not begin with http://" },
		{ "url = \"http://h\";\nmethod = \"GET\";",
		    "semel.conf:6: error: settings.method: is none of POST" },
		{ "url = \"http://h\";\nmode = \"xml\";",
		    "semel.conf:6: error: settings.mode: is none of raw" },
		{ "url = \"http://h\";\nstatus = {\nok = [ \"2xx\",\n\"teapot\" ]; };",
		    "semel.conf:8: error: settings.status/ok/1: is neither a status code" },
		{ "url = \"http://h\";\nstatus = { ok = [ \"409\" ];\nreject = [ \"409\" ]; };",
		    "semel.conf:7: error: settings.status/reject/0: stands in another list" },
		{ "url = \"http://h\";\nheaders = {\nX-A = \"b\\r\\nX-B: c\"; };",
		    "semel.conf:7: error: settings.headers/X-A: is no text, or holds a control character" },
		{ "url = \"http://h\"; headers = { Host = \"x\"; };", "it belongs to the connection" },
		{ "url = \"http://h\"; headers = { Authorization = \"x\"; };", "authorization_file" },
		{ "url = \"http://h\"; headers = { Semel-Attempt = \"x\"; };", "is set by this plugin" },
		{ "url = \"http://h\"; headers = { idempotency-key = \"x\"; };", "is the id_header" },
		{ "url = \"http://h\"; id_header = \"a b\";", "is no name of a header" },
		{ "url = \"http://h\"; timeout = \"0s\";", "is none of 1ms to 24h" },
		{ "url = \"http://h\"; redirects = 21;", "is none of 0 to 20" },
		{ "url = \"http://h\"; tls = { ca_file = \"/nonexistent/ca.pem\"; };",
		    "settings.tls/ca_file: No such file" },
		{ "url = \"http://h\"; secret = \"inline\";", "has no setting secret" },
		{ "url = \"http://h\"; content_typo = \"x\";", "did you mean content_type?" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *said = opened(bad[i].settings);

		ck_assert_msg(strstr(said, bad[i].said) != NULL, "%s:\n%s", bad[i].settings, said);
		free(said);
	}
}
END_TEST

START_TEST(all_faults_at_once_and_good_settings)
{
	char *said = opened("url = \"x\";\nmethod = \"GET\";\ntombstone = \"no\";");

	for (int line = 5; line <= 7; line++) {
		char at[24];

		snprintf(at, sizeof(at), "semel.conf:%d: error", line);
		ck_assert_msg(strstr(said, at) != NULL, "%s", said);
	}
	free(said);
	said = opened(
	    "url = \"https://h/{key}\"; method = \"PUT\"; tombstone = \"delete\"; pass_headers = [ \"x-*\" ];\n"
	    "headers = { X-Team = \"b\"; X-Empty = \"\"; X-Number = 3; }; status = { ok = [ \"2xx\", \"409\" ]; retry = []; };\n"
	    "mode = \"structured\"; cloudevents = { source = \"/a\"; type = \"t\"; }; keep_alive = \"0s\";");
	ck_assert_str_eq(said, "");
	free(said);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { defaults_of_status, exact_beats_class_and_configured_beats_default,
		what_is_no_pattern, any_bytes_are_a_legal_value, names_of_headers, json, times,
		urls_that_are_refused, no_event_chooses_path_or_server, signatures, secrets_that_are_refused,
		bad_settings_are_told_with_their_line, all_faults_at_once_and_good_settings, NULL };

	return unit_run("webhook", tests);
}
