/* Events to outcomes: one transaction a call, with a row in the inbox for each event.
 *
 * DESIGN.  A transaction is two round trips, each a pipeline:
 *
 *	BEGIN, an insert into the inbox for each event		-> which are new
 *	the statements of the new ones, COMMIT			-> done
 *
 * An event whose row was there is done: its effect was committed with that
 * row.  If the connection is lost at any point, COMMIT included, running it
 * again is safe for the same reason; that is done once here, then by the host.
 *
 * If an event of several fails, the transaction is rolled back, and what is
 * before it, it alone, and what is behind it run in transactions of their
 * own.  No savepoints: they would cost each good event two statements and
 * a transaction id.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Between two attempts to connect. */
#define AGAIN_MIN_MS 100
#define AGAIN_MAX_MS 2000

static bool any_cancelled(void *arg)
{
	const struct worker *w = arg;

	for (size_t i = 0; i < w->n; i++)
		if (w->items[i].e->host->cancelled(w->items[i].e))
			return true;
	return false;
}

struct patience patience_of(struct worker *w)
{
	return (struct patience){ any_cancelled, w };
}

/* ---- Connecting */

/* A connection, waiting for the server until then.  As conn_connect. */
static int ready(struct worker *w, int64_t until_ms)
{
	struct conn *c = &w->conn;
	int64_t delay = AGAIN_MIN_MS;

	if (c->pg != NULL && PQstatus(c->pg) == CONNECTION_OK)
		return 0;
	conn_close(c);
	for (;;) {
		int r = conn_open(c, patience_of(w));

		if (r != -ENOTCONN)
			return r;
		conn_note_away(c->p, c->why);
		if (now_ms() + delay > until_ms)
			return r;
		if (!pause_ms(delay, patience_of(w)))
			return -ECANCELED;
		delay = delay * 2 < AGAIN_MAX_MS ? delay * 2 : AGAIN_MAX_MS;
	}
}

/* ---- Outcomes */

/* The first n have theirs. */
static void pass(struct worker *w, size_t n)
{
	w->items += n;
	w->n -= n;
}

static void done(struct worker *w, size_t n)
{
	struct postgres *p = w->conn.p;
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		*w->items[i].outcome = SEMEL_OK;
		known += !w->items[i].fresh;
	}
	p->host->record(p->transactions, 1);
	if (known > 0)
		p->host->record(p->already_done, (double)known);
	pass(w, n);
}

/* The server refused the first. */
static void refused(struct worker *w, enum verdict v)
{
	static const int outcomes[] = { [VERDICT_RETRY] = SEMEL_RETRY,
		[VERDICT_RECONNECT] = SEMEL_RETRY,
		[VERDICT_REJECT] = SEMEL_REJECT,
		[VERDICT_SKIP] = SEMEL_SKIP };

	w->conn.p->host->record(w->conn.p->errors, 1);
	*w->items->outcome = semel_end(w->items->e, outcomes[v], -1, "%s: %s", w->conn.code, w->conn.why);
	pass(w, 1);
}

static void retry_all(struct worker *w)
{
	const struct conn *c = &w->conn;

	for (size_t i = 0; i < w->n; i++)
		*w->items[i].outcome = semel_end(
		    w->items[i].e, SEMEL_RETRY, -1, "%s%s%s", c->code, *c->code == '\0' ? "" : ": ", c->why);
	pass(w, w->n);
}

static bool is_over(struct worker *w, struct item *it)
{
	(void)w;
	if (it->e->host->cancelled(it->e)) {
		*it->outcome = SEMEL_CANCELLED;
		return true;
	}
	if (it->e->host->lease_ms(it->e) > 0)
		return false;
	*it->outcome = semel_end(it->e, SEMEL_RETRY, -1, "the lease is over");
	return true;
}

static bool is_unfit(struct worker *w, struct item *it)
{
	char why[200];

	if (params_fit(&w->conn, it->e, why, sizeof(why)))
		return false;
	*it->outcome = semel_end(it->e, SEMEL_REJECT, -1, "%s", why);
	return true;
}

/* Those that have an outcome by this leave. */
static void sort_out(struct worker *w, bool (*ends)(struct worker *w, struct item *it))
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!ends(w, &w->items[i]))
			w->items[kept++] = w->items[i];
	w->n = kept;
}

/* ---- The call */

/* How many to try next, after a transaction of n was refused for the event `failed`. */
static size_t fewer(size_t n, size_t failed)
{
	if (failed >= n)
		return n / 2;
	return failed > 0 ? failed : 1;
}

/* A transaction of the first *want, which is then what to try next. */
static int attempt(struct worker *w, size_t *want)
{
	size_t n = *want < w->n ? *want : w->n, failed = n;
	int r = transact(w, w->items, n, &failed);
	enum verdict v = r == -EBADMSG ? sqlstate_judge(&w->conn.p->changes, w->conn.code) : VERDICT_RETRY;

	*want = w->n;
	if (r == 0) {
		done(w, n);
		*want = w->n;
	} else if (v == VERDICT_RECONNECT) {
		return conn_lost(&w->conn);
	} else if (r == -EBADMSG && n > 1) {
		*want = fewer(n, failed);
	} else if (r == -EBADMSG) {
		refused(w, v);
		*want = w->n;
	}
	return r == -EBADMSG ? 0 : r;
}

static void run(struct worker *w)
{
	int64_t until = now_ms() + w->conn.p->wait_ms;
	size_t want = w->n;
	int losses = 0;

	while (sort_out(w, is_over), w->n > 0) {
		int r = ready(w, until);

		if (r == 0)
			sort_out(w, is_unfit);
		if (r == 0 && w->n > 0) {
			r = attempt(w, &want);
			losses += r == -ENOTCONN;
			r = losses > 1 ? r : 0;
		}
		if (r == -ENOTCONN)
			retry_all(w);
	}
}

void postgres_handle_batch(
    void *self, void *worker, const struct semel_event *const *e, int *outcomes, size_t n)
{
	struct postgres *p = self;
	struct worker *w = worker;
	int64_t since = now_us();

	for (size_t i = 0; i < n; i++)
		w->room[i] = (struct item){ e[i], &outcomes[i], false };
	w->items = w->room;
	w->n = n;
	run(w);
	p->host->record(p->seconds, (double)(now_us() - since) / 1e6);
}

/* ---- Workers */

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* With a connection, so that a wrong password or statement is seen at the start, and no event is begun before it is
 * mended: the host calls again. */
int postgres_worker_open(void *self, unsigned index, void **ret_worker)
{
	struct postgres *p = self;
	size_t batch = p->host->batch > 0 ? p->host->batch : 1;
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	(void)index;
	if (w == NULL)
		return -ENOMEM;
	w->conn.p = p;
	w->room = calloc(batch, sizeof(*w->room));
	r = w->room == NULL ? -ENOMEM : conn_open(&w->conn, (struct patience){ never, NULL });
	if (r < 0) {
		if (r == -ENOTCONN)
			conn_note_away(p, w->conn.why);
		postgres_worker_close(w);
		return r;
	}
	*ret_worker = w;
	return 0;
}

void postgres_worker_close(void *worker)
{
	struct worker *w = worker;

	conn_free(&w->conn);
	free(w->room);
	free(w);
}
