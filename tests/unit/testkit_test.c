/* The test kit: what it gives a plugin and tells of it, and that it does as the host does. */
#include "adapters/keyed_hash.h"
#include "core/emit_id.h"
#include "semel/testkit.h"
#include "testkit/kit_private.h"

#include "lib/unit.h"

#include <errno.h>
#include <math.h>

/* ---- A plugin that does what a test tells it to */

static int (*act)(const struct semel_event *e);
static int (*act_open)(const struct semel_host *host, const struct semel_settings *s);
static const struct semel_host *host;
static int n_workers, n_flushes;

static const struct semel_setting table[] = { { "url", SEMEL_TEXT, NULL, "Where to." },
	{ "wait", SEMEL_DURATION, "5s", "How long." }, { "pool/size", SEMEL_INTEGER, "3", "How many." },
	{ "token", SEMEL_SECRET, "", "Secret." }, { "tags", SEMEL_LIST, "", "Words." },
	{ NULL, SEMEL_TEXT, NULL, NULL } };

static int open_(const struct semel_host *h, const struct semel_settings *s, void **ret_self)
{
	host = h;
	*ret_self = &n_workers;
	return act_open == NULL ? 0 : act_open(h, s);
}

static int worker_open(void *self, unsigned index, void **ret_worker)
{
	ck_assert_ptr_eq(self, &n_workers);
	ck_assert_uint_lt(index, host->workers);
	__atomic_add_fetch(&n_workers, 1, __ATOMIC_RELAXED);
	*ret_worker = &act;
	return 0;
}

static void worker_close(void *worker)
{
	ck_assert_ptr_eq(worker, &act);
	__atomic_sub_fetch(&n_workers, 1, __ATOMIC_RELAXED);
}

static int handle(void *self, void *worker, const struct semel_event *e)
{
	ck_assert_ptr_eq(self, &n_workers);
	ck_assert_ptr_eq(worker, &act);
	return act(e);
}

static void handle_batch(
    void *self, void *worker, const struct semel_event *const *e, int *outcomes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(outcomes[i], SEMEL_RETRY);
		outcomes[i] = handle(self, worker, e[i]);
	}
}

static void flush(void *self)
{
	ck_assert_ptr_eq(self, &n_workers);
	n_flushes++;
}

SEMEL_HANDLER("kit-test", "1.0", .settings = table, .open = open_, .worker_open = worker_open,
    .handle = handle, .handle_batch = handle_batch, .flush = flush, .worker_close = worker_close);

static struct semel_test *opened(int (*what)(const struct semel_event *e))
{
	struct semel_test *t = semel_test_new(&semel_handler);

	act = what;
	act_open = NULL;
	n_flushes = 0;
	semel_test_set(t, "url", "x");
	semel_test_emits(t, "out");
	semel_test_batch(t, 10);
	ck_assert_int_eq(semel_test_open(t), 0);
	return t;
}

static const struct semel_test_event plain;

/* ---- Settings */

static int ask_settings(const struct semel_host *h, const struct semel_settings *s)
{
	const char *name, *text;

	ck_assert_str_eq(h->text(s, "url"), "http://x");
	ck_assert_str_eq(h->text(s, "token"), "geheim");
	ck_assert_int_eq(h->number(s, "wait"), 250);
	ck_assert_int_eq(h->number(s, "pool/size"), 3);
	ck_assert(h->at(s, "tags", 1, &name, &text));
	ck_assert_str_eq(name, "1");
	ck_assert_str_eq(text, "b");
	ck_assert(!h->at(s, "tags", 2, &name, &text));
	ck_assert_str_eq(h->handler, "shop");
	ck_assert_uint_eq(h->batch, 1);
	return 0;
}

START_TEST(settings_reach_open)
{
	struct semel_test *t = semel_test_new(&semel_handler);

	act_open = ask_settings;
	semel_test_name(t, "shop");
	semel_test_set(t, "url", "y");
	semel_test_set(t, "url", "http://x");
	semel_test_set(t, "wait", "250ms");
	semel_test_set(t, "token", "geheim");
	semel_test_set(t, "tags/0", "a");
	semel_test_set(t, "tags/1", "b");
	ck_assert_int_eq(semel_test_open(t), 0);
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

static int refuse_url(const struct semel_host *h, const struct semel_settings *s)
{
	h->fault(s, "url", "is no address");
	return -EINVAL;
}

START_TEST(settings_are_judged_as_by_the_host)
{
	struct semel_test *t = semel_test_new(&semel_handler);

	act_open = refuse_url;
	semel_test_set(t, "urll", "x");
	semel_test_set(t, "wait", "soon");
	semel_test_set(t, "pool/size", "many");
	semel_test_set(t, "tags", "a");
	ck_assert_int_eq(semel_test_open(t), -EINVAL);
	ck_assert_str_eq(semel_test_fault(t, 0), "plugin kit-test has no setting urll");
	ck_assert_str_eq(semel_test_fault(t, 1), "settings.url: must be given: Where to.");
	ck_assert_str_eq(semel_test_fault(t, 2), "settings.wait: expected a duration (\"30s\")");
	ck_assert_str_eq(semel_test_fault(t, 3), "settings.pool/size: expected an integer");
	ck_assert_str_eq(semel_test_fault(t, 4), "settings.tags: expected a list of texts");
	ck_assert_ptr_null(semel_test_fault(t, 5));
	ck_assert_uint_eq(semel_test_end(t), 0);

	t = semel_test_new(&semel_handler);
	semel_test_set(t, "url", "x");
	ck_assert_int_eq(semel_test_open(t), -EINVAL);
	ck_assert_str_eq(semel_test_fault(t, 0), "settings.url: is no address");
	ck_assert_ptr_null(semel_test_fault(t, 1));
	/* Once more, and now it goes. */
	act_open = NULL;
	ck_assert_int_eq(semel_test_open(t), 0);
	ck_assert_ptr_null(semel_test_fault(t, 0));
	ck_assert_int_eq(n_workers, 1);
	ck_assert_uint_eq(semel_test_end(t), 0);
	ck_assert_int_eq(n_workers, 0);
}
END_TEST

START_TEST(plugins_that_no_host_loads)
{
	struct semel_handler bad[] = { semel_handler, semel_handler, semel_handler, semel_handler };

	bad[0].magic = 1;
	bad[1].abi_minor = 99;
	bad[2].name[0] = '\0';
	bad[3].handle = NULL;
	bad[3].handle_batch = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct semel_test *t = semel_test_new(&bad[i]);

		ck_assert_int_eq(semel_test_open(t), -ENOEXEC);
		ck_assert_ptr_nonnull(semel_test_fault(t, 0));
		ck_assert_uint_eq(semel_test_end(t), 0);
	}
}
END_TEST

/* ---- What an event says, what came of it */

static int look(const struct semel_event *e)
{
	struct semel_header h;
	struct semel_bytes b = e->host->header(e, "type");

	ck_assert_mem_eq(e->id.data, "order-1", 7);
	ck_assert_uint_eq(e->id.len, 7);
	ck_assert_ptr_null(e->key.data);
	ck_assert_uint_eq(e->payload.len, 0);
	ck_assert_ptr_nonnull(e->payload.data);
	ck_assert_mem_eq(b.data, "last", 4);
	ck_assert_ptr_null(e->host->header(e, "none").data);
	ck_assert(e->host->header_at(e, 0, &h) && h.value.len == 5);
	ck_assert(!e->host->header_at(e, 2, &h));
	ck_assert_str_eq(e->topic, "orders");
	ck_assert_str_eq(e->subscription, "test");
	ck_assert_uint_eq(e->attempt, 3);
	ck_assert(e->redelivered);
	ck_assert(e->host->cancelled(e));
	ck_assert_int_le(e->host->lease_ms(e), -5);
	return semel_end(e, SEMEL_RETRY, 1500, "the bank is %s", "away");
}

START_TEST(event_and_outcome)
{
	const struct semel_header headers[] = { { "type", semel_text("first") },
		{ "type", semel_text("last") } };
	struct semel_test_event e = { .id = semel_text("order-1"),
		.payload = semel_text(""),
		.headers = headers,
		.n_headers = 2,
		.topic = "orders",
		.attempt = 3,
		.redelivered = true,
		.cancel_after_ms = -1,
		.lease_ms = -5 };
	struct semel_test *t = opened(look);
	struct semel_test_run *run = semel_test_handle(t, &e);

	ck_assert_int_eq(semel_test_outcome(run), SEMEL_RETRY);
	ck_assert_str_eq(semel_test_why(run), "the bank is away");
	ck_assert_int_eq(semel_test_retry_ms(run), 1500);
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

static int once_cancelled(const struct semel_event *e)
{
	int64_t before = e->host->lease_ms(e);

	ck_assert(!e->host->cancelled(e));
	while (!e->host->cancelled(e))
		usleep(1000);
	ck_assert_int_lt(e->host->lease_ms(e), before);
	return SEMEL_CANCELLED;
}

START_TEST(cancelled_turns_true_in_time)
{
	struct semel_test *t = opened(once_cancelled);
	struct semel_test_event e = { .cancel_after_ms = 20 };
	struct semel_test_run *run = semel_test_handle(t, &e);

	ck_assert_int_eq(semel_test_outcome(run), SEMEL_CANCELLED);
	ck_assert_int_eq(semel_test_retry_ms(run), -1);
	ck_assert_ptr_null(semel_test_why(run));
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

static int talk(const struct semel_event *e)
{
	const struct semel_header fields[] = { { "amount", semel_text("5") }, { "to", semel_text("me") } };

	e->host->log(e->host, e, SEMEL_WARNING, "charged", fields, 2);
	return SEMEL_SKIP;
}

static struct semel_metric *counter, *gauge;

static int make_metrics(const struct semel_host *h, const struct semel_settings *s)
{
	(void)s;
	counter = h->metric(h, SEMEL_COUNTER, "sent_total", "Sent.");
	gauge = h->metric(h, SEMEL_GAUGE, "depth", NULL);
	ck_assert_ptr_eq(h->metric(h, SEMEL_COUNTER, "sent_total", "Sent."), counter);
	h->record(counter, 1);
	h->record(counter, 2.5);
	h->record(gauge, 7);
	h->record(gauge, 4);
	h->record(NULL, 4);
	return 0;
}

START_TEST(log_and_metrics)
{
	struct semel_test *t = semel_test_new(&semel_handler);

	act = talk;
	act_open = make_metrics;
	semel_test_set(t, "url", "x");
	ck_assert_int_eq(semel_test_open(t), 0);
	ck_assert_int_eq(semel_test_outcome(semel_test_handle(t, &plain)), SEMEL_SKIP);
	ck_assert_str_eq(semel_test_log(t, 0), "warning: charged amount=5 to=me");
	ck_assert_ptr_null(semel_test_log(t, 1));
	ck_assert(semel_test_logged(t, "amount=5") && !semel_test_logged(t, "refused"));
	ck_assert(semel_test_metric(t, "sent_total") == 3.5);
	ck_assert_uint_eq(semel_test_metric_count(t, "sent_total"), 2);
	ck_assert(semel_test_metric(t, "depth") == 4);
	ck_assert(isnan(semel_test_metric(t, "none")));
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

/* ---- Publishing */

static int emit_two(const struct semel_event *e)
{
	const struct semel_header own[] = { { "event-id", semel_text("mine") }, { "x", semel_text("y") } };
	struct semel_record r = {
		.size = sizeof(r), .topic = "out", .key = e->key, .payload = semel_text("one")
	};

	ck_assert_int_eq(e->host->emit(e, &r), 0);
	r.headers = own;
	r.n_headers = 2;
	ck_assert_int_eq(e->host->emit(e, &r), 0);
	return e->attempt == 1 ? SEMEL_OK : SEMEL_RETRY;
}

static const char *header_of(const struct semel_record *r, const char *name)
{
	static char text[64];

	for (uint32_t i = 0; i < r->n_headers; i++)
		if (strcmp(r->headers[i].name, name) == 0)
			return memcpy(text, r->headers[i].value.data, r->headers[i].value.len + 1);
	return NULL;
}

/* The ids of docs/handlers.md: subscription billing, event order-1, handler charge, record 0. */
START_TEST(emitted_records_are_those_of_the_host)
{
	const struct semel_header headers[] = { { "traceparent", semel_text("00-1") } };
	struct semel_test_event e = {
		.id = semel_text("order-1"), .subscription = "billing", .headers = headers, .n_headers = 1
	};
	struct semel_test *t = semel_test_new(&semel_handler);
	struct semel_test_run *run;
	struct semel_record r;

	act = emit_two;
	act_open = NULL;
	semel_test_name(t, "charge");
	semel_test_set(t, "url", "x");
	semel_test_emits(t, "out");
	ck_assert_int_eq(semel_test_open(t), 0);
	run = semel_test_handle(t, &e);
	ck_assert(semel_test_emitted(run, 0, &r));
	ck_assert_str_eq(r.topic, "out");
	ck_assert_uint_eq(r.payload.len, 3);
	ck_assert_str_eq(header_of(&r, "event-id"), "21adade9defeb74aaa8d930e265ce53b");
	ck_assert_str_eq(header_of(&r, "traceparent"), "00-1");
	ck_assert(semel_test_emitted(run, 1, &r));
	ck_assert_str_eq(header_of(&r, "event-id"), "mine");
	ck_assert_str_eq(header_of(&r, "x"), "y");
	ck_assert(!semel_test_emitted(run, 2, &r));
	/* Nothing is published unless the outcome is OK. */
	e.attempt = 2;
	ck_assert(!semel_test_emitted(semel_test_handle(t, &e), 0, &r));
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

START_TEST(hash_is_that_of_libsodium)
{
	uint8_t key[16], data[300], a[16], b[16];

	ck_assert_int_eq(keyed_hash_setup(), 0);
	for (size_t n = 0; n < sizeof(data); n++) {
		random_bytes(key, sizeof(key));
		random_bytes(data, n);
		keyed_hash_128(key, (struct bytes){ data, n }, a);
		semel_kit_siphash128(key, (struct bytes){ data, n }, b);
		ck_assert_mem_eq(a, b, sizeof(a));
	}
}
END_TEST

/* ---- Runs that end later, batches, threads */

static int later(const struct semel_event *e)
{
	(void)e;
	return SEMEL_ASYNC;
}

static int early(const struct semel_event *e)
{
	e->host->complete(e->host, e->token, SEMEL_REJECT, -1, "early");
	return SEMEL_ASYNC;
}

static void *complete_one(void *arg)
{
	usleep(10000);
	ck_assert_int_eq(host->complete(host, (uint64_t)(uintptr_t)arg, SEMEL_RETRY, 70, "later"), 0);
	return NULL;
}

START_TEST(async_runs_are_completed_from_any_thread)
{
	struct semel_test *t = opened(later);
	struct semel_test_run *run = semel_test_handle(t, &plain);
	pthread_t thread;

	ck_assert_int_eq(semel_test_outcome(run), SEMEL_ASYNC);
	ck_assert(!semel_test_wait(run, 1));
	pthread_create(&thread, NULL, complete_one, (void *)(uintptr_t)1);
	ck_assert(semel_test_wait(run, 10000));
	pthread_join(thread, NULL);
	ck_assert_int_eq(semel_test_outcome(run), SEMEL_RETRY);
	ck_assert_int_eq(semel_test_retry_ms(run), 70);
	ck_assert_str_eq(semel_test_why(run), "later");
	act = early;
	run = semel_test_handle(t, &plain);
	ck_assert_int_eq(semel_test_outcome(run), SEMEL_REJECT);
	ck_assert_str_eq(semel_test_why(run), "early");
	ck_assert_uint_eq(semel_test_end(t), 0);
	ck_assert_int_eq(n_flushes, 0);
}
END_TEST

static int by_attempt(const struct semel_event *e)
{
	return e->attempt == 2 ? SEMEL_SKIP : SEMEL_OK;
}

START_TEST(batches_and_many_threads)
{
	struct semel_test_event e[300] = { { .attempt = 1 }, { .attempt = 2 }, { .attempt = 3 } };
	struct semel_test_run *runs[300];
	struct semel_test *t = opened(by_attempt);

	semel_test_handle_batch(t, e, 3, runs);
	ck_assert_int_eq(semel_test_outcome(runs[0]), SEMEL_OK);
	ck_assert_int_eq(semel_test_outcome(runs[1]), SEMEL_SKIP);
	semel_test_handle_parallel(t, 4, e, 300, runs);
	for (size_t i = 0; i < 300; i++)
		ck_assert_int_eq(semel_test_outcome(runs[i]), i == 1 ? SEMEL_SKIP : SEMEL_OK);
	ck_assert_int_eq(n_workers, 1);
	ck_assert_uint_eq(semel_test_end(t), 0);
}
END_TEST

/* ---- Misuse */

static int garbage(const struct semel_event *e)
{
	(void)e;
	return 42;
}

static int emit_elsewhere(const struct semel_event *e)
{
	struct semel_record r = { .size = sizeof(r), .topic = "other" };

	ck_assert_int_eq(e->host->emit(e, &r), -EACCES);
	r.size = 3;
	ck_assert_int_eq(e->host->emit(e, &r), -EINVAL);
	return SEMEL_OK;
}

static const struct semel_event *kept;

static int complete_twice(const struct semel_event *e)
{
	kept = e;
	ck_assert_int_eq(e->host->complete(e->host, e->token, SEMEL_OK, -1, NULL), 0);
	ck_assert_int_eq(e->host->complete(e->host, e->token, SEMEL_OK, -1, NULL), -ESTALE);
	return SEMEL_ASYNC;
}

static int complete_and_return(const struct semel_event *e)
{
	e->host->complete(e->host, e->token, SEMEL_OK, -1, "not said");
	return SEMEL_SKIP;
}

/* The last thing that was told holds `part`; there are n. */
static void told(const struct semel_test *t, size_t n, const char *part)
{
	ck_assert_ptr_nonnull(semel_test_misuse(t, n - 1));
	ck_assert_msg(strstr(semel_test_misuse(t, n - 1), part) != NULL, "%s", semel_test_misuse(t, n - 1));
	ck_assert_ptr_null(semel_test_misuse(t, n));
}

START_TEST(misuse_is_told)
{
	struct semel_test *t = opened(garbage);
	struct semel_test_run *run = semel_test_handle(t, &plain), *runs[1];

	ck_assert_int_eq(semel_test_outcome(run), SEMEL_RETRY);
	ck_assert_str_eq(semel_test_why(run), "the handler returned 42, which is no outcome");
	told(t, 1, "event event-1: the handler returned 42");
	act = emit_elsewhere;
	ck_assert_int_eq(semel_test_outcome(semel_test_handle(t, &plain)), SEMEL_OK);
	told(t, 3, "size, topic or headers");
	ck_assert_str_eq(semel_test_misuse(t, 1), "emit() for event event-2: topic other is not in emits");
	act = complete_twice;
	ck_assert_int_eq(semel_test_outcome(semel_test_handle(t, &plain)), SEMEL_OK);
	told(t, 4, "complete() was called for event event-3, which was completed before");
	host->cancelled(kept);
	told(t, 5, "cancelled() was called for event event-3, whose run has ended");
	ck_assert_ptr_null(kept->payload.data);
	act = complete_and_return;
	run = semel_test_handle(t, &plain);
	ck_assert_int_eq(semel_test_outcome(run), SEMEL_SKIP);
	ck_assert_ptr_null(semel_test_why(run));
	told(t, 6, "and then 3 returned instead of SEMEL_ASYNC");
	act = later;
	semel_test_handle_batch(t, &plain, 1, runs);
	ck_assert_int_eq(semel_test_outcome(runs[0]), SEMEL_RETRY);
	told(t, 7, "SEMEL_ASYNC (4) is no outcome of a batch");
	ck_assert_int_eq(host->complete(host, 1234, SEMEL_OK, -1, NULL), -ESTALE);
	told(t, 8, "a token that is none");
	ck_assert_ptr_null(host->metric(host, SEMEL_COUNTER, "Bad Name", ""));
	told(t, 10, "both names need");
	ck_assert_uint_eq(semel_test_end(t), 10);
}
END_TEST

static int ask_wrongly(const struct semel_host *h, const struct semel_settings *s)
{
	ck_assert_ptr_null(h->text(s, "urk"));
	ck_assert_int_eq(h->number(s, "url"), 0);
	h->fault(s, "url", "but open says yes");
	return 0;
}

START_TEST(misuse_in_open_is_told)
{
	struct semel_test *t = semel_test_new(&semel_handler);

	act_open = ask_wrongly;
	semel_test_set(t, "url", "x");
	ck_assert_int_eq(semel_test_open(t), 0);
	ck_assert_str_eq(semel_test_misuse(t, 0), "text(\"urk\"): the plugin's table has no such setting");
	ck_assert_str_eq(semel_test_misuse(t, 1), "number(\"url\"): the setting is a text");
	told(t, 3, "open called fault() and returned 0");
	ck_assert_uint_eq(semel_test_end(t), 3);
}
END_TEST

START_TEST(run_that_is_never_completed)
{
	struct semel_test *t = opened(later);

	semel_test_handle(t, &plain);
	ck_assert_uint_eq(semel_test_end(t), 1);
	ck_assert_int_eq(n_flushes, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { settings_reach_open, settings_are_judged_as_by_the_host,
		plugins_that_no_host_loads, event_and_outcome, cancelled_turns_true_in_time, log_and_metrics,
		emitted_records_are_those_of_the_host, hash_is_that_of_libsodium,
		async_runs_are_completed_from_any_thread, batches_and_many_threads, misuse_is_told,
		misuse_in_open_is_told, run_that_is_never_completed, NULL };

	return unit_run("test kit", tests);
}
