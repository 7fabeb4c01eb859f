/* postgres - the team's SQL and the event's id in one transaction: each effect once, whatever is killed. */
#include "postgres.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void make_metrics(struct postgres *p)
{
	const struct semel_host *h = p->host;

	p->transactions = h->metric(
	    h, SEMEL_COUNTER, "transactions_total", "Transactions that were committed.");
	p->already_done = h->metric(h, SEMEL_COUNTER, "already_done_total",
	    "Events whose effect was there: their row stood in the inbox.");
	p->errors = h->metric(h, SEMEL_COUNTER, "errors_total", "Events that the server refused.");
	p->reconnects = h->metric(h, SEMEL_COUNTER, "reconnects_total", "Connections made again.");
	p->connections = h->metric(h, SEMEL_GAUGE, "connections", "Open connections.");
	p->cleaned = h->metric(
	    h, SEMEL_COUNTER, "inbox_deleted_total", "Rows deleted from the inbox for their age.");
	p->seconds = h->metric(
	    h, SEMEL_HISTOGRAM, "seconds", "From the call with an event, or a batch, to its outcome.");
}

static void postgres_close(void *self)
{
	struct postgres *p = self;

	cleaner_stop(p);
	postgres_free(p);
	pthread_mutex_destroy(&p->away_lock);
	free(p);
}

/* No connection here: a server that is away must not refuse the handler. */
static int postgres_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct postgres *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	p->host = host;
	pthread_mutex_init(&p->away_lock, NULL);
	make_metrics(p);
	r = postgres_read(p, s);
	if (r == 0)
		r = cleaner_start(p);
	if (r < 0) {
		postgres_close(p);
		return r;
	}
	*ret_self = p;
	return 0;
}

SEMEL_HANDLER("postgres", "1.0.0", .settings = postgres_settings, .open = postgres_open,
    .worker_open = postgres_worker_open, .handle_batch = postgres_handle_batch,
    .worker_close = postgres_worker_close, .close = postgres_close);
