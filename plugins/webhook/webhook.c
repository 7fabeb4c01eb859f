/* webhook - delivers each event as an HTTP request.
 *
 * The answer's status is the outcome; everything that is no whole answer is tried again.  The event's id goes along
 * as Idempotency-Key, so that the receiver can refuse a repeated one.
 */
#include <semel/handler.h>

#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct worker {
	struct transfer *transfer;
	struct request request;
};

/* ---- Life */

static void make_metrics(struct webhook *w)
{
	static const struct {
		const char *name, *help;
	} answers[6] = { [1] = { "answers_1xx_total", "Answers with a status of 1xx." },
		[2] = { "answers_2xx_total", "Answers with a status of 2xx." },
		[3] = { "answers_3xx_total", "Answers with a status of 3xx." },
		[4] = { "answers_4xx_total", "Answers with a status of 4xx." },
		[5] = { "answers_5xx_total", "Answers with a status of 5xx." } };
	const struct semel_host *h = w->host;
	struct webhook_metrics *m = &w->metrics;

	for (size_t i = 1; i < 6; i++)
		m->answers[i] = h->metric(h, SEMEL_COUNTER, answers[i].name, answers[i].help);
	m->answers[0] = h->metric(h, SEMEL_COUNTER, "answers_other_total", "Answers with any other status.");
	m->seconds = h->metric(h, SEMEL_HISTOGRAM, "request_seconds", "Requests, from begin to end.");
	m->failures = h->metric(h, SEMEL_COUNTER, "failures_total", "Requests without a whole answer.");
	m->cancelled = h->metric(h, SEMEL_COUNTER, "cancelled_total", "Requests given up as the host said.");
	m->retry_after = h->metric(
	    h, SEMEL_COUNTER, "retry_after_total", "Answers whose Retry-After is waited.");
	m->connections = h->metric(
	    h, SEMEL_COUNTER, "connections_total", "Connections made; requests without one used one again.");
	m->left_out = h->metric(h, SEMEL_COUNTER, "headers_left_out_total",
	    "Headers of events not passed on, because their names are none in HTTP.");
}

static int webhook_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct webhook *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL)
		return -ENOMEM;
	w->host = host;
	r = transfer_global_init();
	if (r < 0) {
		free(w);
		return r;
	}
	r = settings_read(w, s);
	if (r < 0) {
		settings_free(w);
		transfer_global_cleanup();
		free(w);
		return r;
	}
	if (!w->tls_verify && w->url.is_https)
		host->log(host, NULL, SEMEL_WARNING, "tls.verify is false: anybody can pose as the server",
		    NULL, 0);
	make_metrics(w);
	*ret_self = w;
	return 0;
}

static void webhook_close(void *self)
{
	struct webhook *w = self;

	settings_free(w);
	transfer_global_cleanup();
	free(w);
}

static int webhook_worker_open(void *self, unsigned index, void **ret_worker)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	(void)index;
	if (worker == NULL)
		return -ENOMEM;
	r = transfer_new(self, &worker->transfer);
	if (r < 0) {
		free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

static void webhook_worker_close(void *arg)
{
	struct worker *worker = arg;

	transfer_free(worker->transfer);
	request_free(&worker->request);
	free(worker);
}

/* ---- An event */

static void count(const struct webhook *w, const struct answer *a)
{
	const struct semel_host *h = w->host;

	h->record(w->metrics.connections, (double)a->connections);
	if (!a->sent && a->end == TRANSFER_CANCELLED)
		return;
	h->record(w->metrics.seconds, a->seconds);
	if (a->end == TRANSFER_ANSWERED)
		h->record(w->metrics.answers[a->status >= 100 && a->status < 600 ? a->status / 100 : 0], 1);
	else
		h->record(a->end == TRANSFER_FAILED ? w->metrics.failures : w->metrics.cancelled, 1);
}

/* Without the blanks at its end, nor half a character of UTF-8. */
static int shown_len(const struct answer *a)
{
	size_t len = a->body_len;

	if (len == sizeof(a->body)) {
		while (len > 0 && ((unsigned char)a->body[len - 1] & 0xc0) == 0x80)
			len--;
		if (len > 0 && ((unsigned char)a->body[len - 1] & 0xc0) == 0xc0)
			len--;
	}
	while (len > 0 && strchr(" \r\n\t", a->body[len - 1]) != NULL)
		len--;
	return (int)len;
}

static int by_status(const struct webhook *w, const struct semel_event *e, const struct answer *a)
{
	enum semel_outcome outcome = status_outcome(&w->status, a->status);
	int64_t wait_ms = -1;
	int len = shown_len(a);

	if (outcome == SEMEL_OK)
		return SEMEL_OK;
	if (outcome == SEMEL_RETRY && a->retry_after_ms > 0 && w->max_retry_after_ms > 0) {
		wait_ms = a->retry_after_ms < w->max_retry_after_ms ? a->retry_after_ms
								    : w->max_retry_after_ms;
		w->host->record(w->metrics.retry_after, 1);
	}
	return semel_end(e, (int)outcome, wait_ms, "HTTP %ld%s%s%.*s", a->status, a->why, len > 0 ? ": " : "",
	    len, a->body);
}

/* What the host takes for SEMEL_CANCELLED: that it has said so.  It may be about to. */
static int give_up(const struct semel_event *e)
{
	if (e->host->cancelled(e))
		return SEMEL_CANCELLED;
	return semel_end(e, SEMEL_RETRY, -1, "the lease is over: no request was begun");
}

static int webhook_handle(void *self, void *arg, const struct semel_event *e)
{
	const struct webhook *w = self;
	struct worker *worker = arg;
	struct answer answer;
	const char *why;
	int r;

	if (e->payload.data == NULL && w->tombstone == TOMBSTONE_SKIP)
		return SEMEL_SKIP;
	if (e->payload.data == NULL && w->tombstone == TOMBSTONE_REJECT)
		return semel_end(e, SEMEL_REJECT, -1, "it has no payload, and tombstone is \"reject\"");
	if (e->host->cancelled(e) || e->host->lease_ms(e) <= 0)
		return give_up(e);
	r = request_make(w, e, &worker->request, &why);
	if (r < 0)
		return r == -EINVAL ? semel_end(e, SEMEL_REJECT, -1, "%s", why)
				    : semel_end(e, SEMEL_RETRY, -1, "out of memory");
	transfer_run(worker->transfer, &worker->request, e, &answer);
	count(w, &answer);
	switch (answer.end) {
	case TRANSFER_ANSWERED: return by_status(w, e, &answer);
	case TRANSFER_CANCELLED: return give_up(e);
	case TRANSFER_FAILED: break;
	}
	return semel_end(e, SEMEL_RETRY, -1, "%s", answer.why);
}

SEMEL_HANDLER("webhook", "1.0.0", .settings = webhook_settings, .open = webhook_open,
    .worker_open = webhook_worker_open, .handle = webhook_handle, .worker_close = webhook_worker_close,
    .close = webhook_close);
