/* A plugin of the first ABI, as somebody built it then: it uses all that 1.0 had.  Whatever the host becomes within major
 * 1, this loads, opens and handles (tests/unit/plugin_abi_test.c). */
#include "handler-1.0.h"

#include <string.h>

static const struct semel_setting settings[] = { { "greeting", SEMEL_TEXT, "hello", "What to say." },
	{ "wait", SEMEL_DURATION, NULL, "How long." }, { "words", SEMEL_LIST, "", "More to say." },
	{ NULL, SEMEL_TEXT, NULL, NULL } };

static const struct semel_host *host;
static struct semel_metric *runs;
static int opened_worker;

static int old_open(const struct semel_host *h, const struct semel_settings *s, void **ret_self)
{
	const char *name, *text;

	if (h->size < sizeof(*h) || strcmp(h->handler, "old") != 0 || h->workers != 1)
		return -22;
	if (strcmp(h->text(s, "greeting"), "hello") != 0 || h->number(s, "wait") != 250 ||
	    !h->at(s, "words", 0, &name, &text) || strcmp(text, "one") != 0)
		return -22;
	host = h;
	runs = h->metric(h, SEMEL_COUNTER, "runs_total", "Runs.");
	*ret_self = &host;
	return runs == NULL ? -22 : 0;
}

static int old_worker_open(void *self, unsigned index, void **ret_worker)
{
	*ret_worker = &opened_worker;
	return self == &host && index == 0 ? 0 : -22;
}

static int publish(const struct semel_event *e)
{
	const struct semel_header headers[] = { { "from", { "old", 3 } } };
	struct semel_record r = { 0 };

	r.size = sizeof(r);
	r.topic = "out";
	r.key = e->key;
	r.payload = e->payload;
	r.headers = headers;
	r.n_headers = 1;
	return e->host->emit(e, &r);
}

/* Looks at all that an event had. */
static int is_as_expected(const struct semel_event *e)
{
	struct semel_bytes type = e->host->header(e, "type");
	struct semel_header first;

	return e->host == host && type.len == 5 && memcmp(type.data, "order", 5) == 0 &&
	       e->host->header_at(e, 0, &first) && strcmp(first.name, "type") == 0 &&
	       !e->host->header_at(e, 1, &first) && e->id.len == 2 && memcmp(e->id.data, "e1", 2) == 0 &&
	       e->key.data == NULL && e->payload.len == 7 && strcmp(e->subscription, "main") == 0 &&
	       strcmp(e->route, "all") == 0 && strcmp(e->topic, "orders") == 0 && e->offset == 42 &&
	       e->timestamp_ms == 1700000000000 && e->fence == 9 && e->partition == 3 && e->attempt == 2 &&
	       e->redelivered && !e->host->cancelled(e) && e->host->lease_ms(e) > 1000;
}

static int old_handle(void *self, void *worker, const struct semel_event *e)
{
	if (self != &host || worker != &opened_worker || !is_as_expected(e))
		return semel_end(e, SEMEL_REJECT, -1, "not as in 1.0");
	e->host->log(e->host, e, SEMEL_DEBUG, "handled", NULL, 0);
	e->host->record(runs, 1);
	if (e->payload.len > 0 && memcmp(e->payload.data, "publish", 7) == 0)
		return publish(e) == 0 ? SEMEL_OK : SEMEL_REJECT;
	if (memcmp(e->payload.data, "another", 7) == 0)
		return semel_end(e, SEMEL_RETRY, 1500, "%s", "later");
	if (e->host->complete(e->host, e->token, SEMEL_SKIP, -1, "early") != 0)
		return SEMEL_REJECT;
	return SEMEL_ASYNC;
}

static void old_worker_close(void *worker)
{
	(void)worker;
}

static void old_close(void *self)
{
	(void)self;
}

SEMEL_HANDLER("old", "1.0", .settings = settings, .open = old_open, .worker_open = old_worker_open,
    .handle = old_handle, .worker_close = old_worker_close, .close = old_close);
