/* From records to events: ids, routes, lanes. */
#include "engine/decode.h"

#include "adapters/json.h"
#include "adapters/keyed_hash.h"
#include "core/backoff.h"
#include "core/event_id.h"

#include "lib/unit.h"

struct test_header {
	const char *name;
	const char *value;
};

static const struct test_header *headers;

static struct bytes header(struct message *m, const char *name)
{
	struct bytes last = { NULL, 0 };

	(void)m;
	for (const struct test_header *h = headers; h != NULL && h->name != NULL; h++)
		if (strcmp(h->name, name) == 0)
			last = bytes_of_text(h->value);
	return last;
}

static void nothing(struct message *m)
{
	m->native = NULL;
}

static const struct message_ops ops = { header, NULL, NULL, nothing };
static const uint8_t key[16] = { 1 };

static void record(struct event *ev, const struct test_header *h, const char *k, struct bytes payload)
{
	memset(ev, 0, sizeof(*ev));
	headers = h;
	ev->msg = (struct message){ .ops = &ops,
		.topic = "orders",
		.partition = 3,
		.offset = 42,
		.timestamp_ms = 1000,
		.key = bytes_of_text(k),
		.payload = payload };
}

static struct config config;
static struct config_subscription *sub;
static struct config_route routes[2];
static struct field id_fields[3];
static unsigned order[2];

static struct decoder *decoder(void)
{
	static struct config_subscription subs[1];

	ck_assert_int_eq(keyed_hash_setup(), 0);
	memset(&config, 0, sizeof(config));
	memset(subs, 0, sizeof(subs));
	memset(routes, 0, sizeof(routes));
	sub = subs;
	config.subscriptions = subs;
	config.n_subscriptions = 1;
	config.routes = routes;
	config.n_routes = 1;
	id_fields[0] = (struct field){ FIELD_HEADER, (char *)(uintptr_t) "event-id" };
	sub->id = id_fields;
	sub->n_id = 1;
	order[0] = 0;
	sub->routes = order;
	sub->n_routes = 1;
	return decoder_new(&config, sub, key, key);
}

#define PAYLOAD(text) bytes_of_text(text)

START_TEST(id_of_a_header)
{
	struct decoder *d = decoder();
	struct event ev, other;
	const struct test_header h[] = { { "event-id", "first" }, { "event-id", "last" }, { NULL, NULL } };

	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 2000);
	ck_assert_int_eq(ev.fate, FATE_HANDLE);
	ck_assert(bytes_equal(ev.id, bytes_of_text("last")));
	ck_assert_ptr_eq(ev.id.data, ev.id_inline);
	record(&other, h, "k2", PAYLOAD("y"));
	decode_event(d, &other, 2000);
	ck_assert_mem_eq(ev.id_hash, other.id_hash, 16);
	ck_assert_uint_ne(ev.check, other.check);
	ck_assert(ev.lane_key != other.lane_key);
	event_clear(&ev);
	event_clear(&other);
	decoder_free(d);
}
END_TEST

START_TEST(ids_that_are_none)
{
	static char huge[1100];
	struct decoder *d = decoder();
	struct event ev;
	struct test_header h[] = { { "event-id", "" }, { NULL, NULL } };

	record(&ev, NULL, "k", PAYLOAD("x"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_NO_ID);
	ck_assert_str_eq(ev.run.why, "header:event-id is not there");
	event_clear(&ev);
	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_BAD_ID);
	event_clear(&ev);
	memset(huge, 'x', 1024);
	h[0].value = huge;
	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_HANDLE);
	ck_assert_uint_eq(ev.id.len, 1024);
	event_clear(&ev);
	memset(huge, 'x', 1025);
	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_BAD_ID);
	event_clear(&ev);
	sub->missing_id = MISSING_ID_OFFSET;
	record(&ev, NULL, "k", PAYLOAD("x"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_HANDLE);
	event_clear(&ev);
	decoder_free(d);
}
END_TEST

START_TEST(joined_ids_cannot_be_confused)
{
	struct buf a = { NULL, 0, 0 }, b = { NULL, 0, 0 }, shown = { NULL, 0, 0 };

	event_id_join(&a, bytes_of_text("a"));
	event_id_join(&a, bytes_of_text("bc"));
	event_id_join(&b, bytes_of_text("ab"));
	event_id_join(&b, bytes_of_text("c"));
	ck_assert(!bytes_equal((struct bytes){ a.data, a.len }, (struct bytes){ b.data, b.len }));
	ck_assert(event_id_show((struct bytes){ a.data, a.len }, &shown));
	ck_assert_str_eq(shown.data, "a|bc");
	ck_assert(!event_id_show(bytes_of_text("plain id"), &shown));
	buf_free(&a);
	buf_free(&b);
	buf_free(&shown);
}
END_TEST

START_TEST(ids_of_json_key_payload)
{
	struct decoder *d = decoder();
	struct event ev;

	id_fields[0] = (struct field){ FIELD_JSON, (char *)(uintptr_t) "/a/0/b~1c" };
	id_fields[1] = (struct field){ FIELD_KEY, NULL };
	id_fields[2] = (struct field){ FIELD_PAYLOAD, NULL };
	record(&ev, NULL, "k", PAYLOAD("{\"a\":[{\"b/c\":17}]}"));
	decode_event(d, &ev, 0);
	ck_assert(bytes_equal(ev.id, bytes_of_text("17")));
	event_clear(&ev);
	record(&ev, NULL, "k", PAYLOAD("{\"a\":"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_BAD_ID);
	ck_assert_ptr_nonnull(strstr(ev.run.why, "not JSON"));
	event_clear(&ev);
	record(&ev, NULL, "k", PAYLOAD("{\"a\":[{\"b/c\":null}]}"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_NO_ID);
	event_clear(&ev);
	sub->n_id = 3;
	record(&ev, NULL, "k", PAYLOAD("{\"a\":[{\"b/c\":\"x\"}]}"));
	decode_event(d, &ev, 0);
	ck_assert_int_eq(ev.fate, FATE_HANDLE);
	ck_assert_uint_eq(ev.id.len, 4 + 1 + 4 + 1 + 4 + 32);
	event_clear(&ev);
	decoder_free(d);
}
END_TEST

START_TEST(routes_and_ages)
{
	static char *values[] = { (char *)(uintptr_t) "A*" };
	struct config_test test = { .field = { FIELD_HEADER, (char *)(uintptr_t) "type" },
		.kind = TEST_GLOB,
		.values = values,
		.n = 1 };
	struct decoder *d = decoder();
	struct event ev;
	struct test_header h[] = { { "event-id", "1" }, { "type", "Alpha" }, { NULL, NULL } };

	routes[0].tests = &test;
	routes[0].n_tests = 1;
	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 2000);
	ck_assert_int_eq(ev.fate, FATE_HANDLE);
	h[1].value = "Beta";
	decode_event(d, &ev, 2000);
	ck_assert_int_eq(ev.fate, FATE_UNROUTED);
	event_clear(&ev);
	test.negate = true;
	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 2000);
	ck_assert_int_eq(ev.fate, FATE_HANDLE);
	sub->max_age_ms = 500;
	decode_event(d, &ev, 2000);
	ck_assert_int_eq(ev.fate, FATE_TOO_OLD);
	event_clear(&ev);
	sub->max_age_ms = 0;
	test.negate = false;
	sub->unrouted = UNROUTED_SKIP;
	record(&ev, h, "k", PAYLOAD("x"));
	decode_event(d, &ev, 2000);
	ck_assert_int_eq(ev.fate, FATE_SKIP_UNROUTED);
	event_clear(&ev);
	decoder_free(d);
}
END_TEST

START_TEST(lanes_follow_order)
{
	struct decoder *d = decoder();
	struct event a, b;
	const struct test_header h[] = { { "event-id", "1" }, { NULL, NULL } };

	record(&a, h, "k", PAYLOAD("x"));
	record(&b, h, "k", PAYLOAD("x"));
	b.msg.offset = 43;
	decode_event(d, &a, 0);
	decode_event(d, &b, 0);
	ck_assert(a.lane_key == b.lane_key);
	a.msg.key = b.msg.key = (struct bytes){ NULL, 0 };
	decode_event(d, &a, 0);
	decode_event(d, &b, 0);
	ck_assert(a.lane_key != b.lane_key);
	sub->order = ORDER_PARTITION;
	decode_event(d, &a, 0);
	decode_event(d, &b, 0);
	ck_assert(a.lane_key == b.lane_key);
	sub->order = ORDER_NONE;
	decode_event(d, &a, 0);
	decode_event(d, &b, 0);
	ck_assert(a.lane_key != b.lane_key);
	decoder_free(d);
}
END_TEST

/* Random bytes as JSON, as event lines, as pointers: an answer or an error, never a crash. */
START_TEST(random_input_never_crashes)
{
	uint64_t rng = 99;

	for (unsigned i = 0; i < 20000; i++) {
		static const char alphabet[] = "{}[]\",:/~01aetrufn\\u\x00\xff -.e";
		char text[64], why[128];
		size_t len = backoff_random(&rng) % sizeof(text);
		struct json_doc *doc;
		struct json_event e;
		struct buf out = { NULL, 0, 0 };

		for (size_t k = 0; k < len; k++)
			text[k] = alphabet[backoff_random(&rng) % (sizeof(alphabet) - 1)];
		if (json_parse((struct bytes){ text, len }, &doc, why, sizeof(why)) == 0) {
			json_pointer(doc, "/a/0", &out, NULL);
			json_pointer(doc, "", &out, NULL);
			json_free(doc);
		}
		if (json_event_parse((struct bytes){ text, len }, &e, why, sizeof(why)) == 0)
			json_event_free(&e);
		buf_free(&out);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { id_of_a_header, ids_that_are_none, joined_ids_cannot_be_confused,
		ids_of_json_key_payload, routes_and_ages, lanes_follow_order, random_input_never_crashes,
		NULL };

	return unit_run("decode", tests);
}
