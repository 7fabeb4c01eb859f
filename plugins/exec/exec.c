/* exec - gives each event to a long-lived program, a JSON line in, a JSON line out.
 *
 * One child a worker.  It is started when the worker is, and again after it died, broke the protocol or was cancelled:
 * at once the first time, then later and later, so that a broken program is no tight loop.
 */
#include <semel/handler.h>

#include "answer.h"
#include "child.h"
#include "question.h"
#include "settings.h"
#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 5000
#define KEPT_MAX ((size_t)1 << 20) /* what one unusual event needed is not kept */

struct worker {
	struct exec *exec;
	struct child *child; /* NULL: none runs */
	uint64_t seq;
	unsigned failures; /* in a row */
	int64_t not_before_ms; /* of the next start */
	struct json_line line;
	struct inbox inbox;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- The child */

static void note_failure(struct worker *w)
{
	int64_t delay = 0;

	if (w->failures > 0)
		delay = w->failures > 6 ? DELAY_MAX_MS : (int64_t)DELAY_FIRST_MS << (w->failures - 1);
	w->failures++;
	w->not_before_ms = now_ms() + (delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS);
}

static int start(struct worker *w, char *why, size_t size)
{
	int r = child_start(w->exec, &w->child, why, size);

	if (r < 0)
		note_failure(w);
	else
		w->exec->host->record(w->exec->metrics.starts, 1);
	return r;
}

/* It is of no more use.  how: as in child_end. */
static void drop(struct worker *w, char *how, size_t size)
{
	child_end(w->child, how, size);
	w->child = NULL;
	note_failure(w);
}

static void warn(const struct worker *w, const char *text, const char *detail, size_t len)
{
	const struct semel_host *h = w->exec->host;
	struct semel_header field = { "detail", { detail, len } };

	h->log(h, NULL, SEMEL_WARNING, text, &field, 1);
}

/* What happened to it while no event ran costs none an attempt. */
static void look_after(struct worker *w)
{
	char how[128];
	bool dead;

	if (w->child == NULL)
		return;
	dead = child_is_dead(w->child);
	inbox_clear(&w->inbox);
	if (!dead && !talk_has_stray(w->child, &w->inbox))
		return;
	drop(w, how, sizeof(how));
	w->exec->host->record(dead ? w->exec->metrics.deaths : w->exec->metrics.broken, 1);
	if (dead)
		warn(w, "the program ended between two events", how, strlen(how));
	else if (w->inbox.eof)
		warn(w, "the program closed its standard output between two events", how, strlen(how));
	else
		warn(w, "the program wrote what nobody asked for", w->inbox.data,
		    w->inbox.len < 120 ? w->inbox.len : 120);
}

/* False: cancelled. */
static bool wait_for_start(const struct worker *w, const struct semel_event *e)
{
	struct timespec nap = { 0, 50000000 };

	while (now_ms() < w->not_before_ms) {
		if (e->host->cancelled(e))
			return false;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
	return true;
}

/* ---- An event */

/* What the host takes for SEMEL_CANCELLED: that it has said so.  It may be about to. */
static int give_up(const struct semel_event *e)
{
	if (e->host->cancelled(e))
		return SEMEL_CANCELLED;
	return semel_end(e, SEMEL_RETRY, -1, "the lease is over: the program was not asked");
}

static int broken(struct worker *w, const struct semel_event *e, const char *what, const char *why)
{
	w->exec->host->record(w->exec->metrics.broken, 1);
	drop(w, NULL, 0);
	return semel_end(e, SEMEL_RETRY, -1, "the program%s %s", what, why);
}

static int answered(struct worker *w, const struct semel_event *e)
{
	char why[512];
	int r = answer_take(e, w->seq, w->inbox.data, w->inbox.line, why, sizeof(why));

	if (r < 0)
		return broken(w, e, "'s answer:", why);
	w->failures = 0;
	w->not_before_ms = 0;
	/* The answer holds: it was whole, and this event's.  What follows is nobody's. */
	if (w->inbox.len > w->inbox.line + 1) {
		size_t more = w->inbox.len - w->inbox.line - 1;

		warn(w, "the program wrote what nobody asked for", w->inbox.data + w->inbox.line + 1,
		    more < 120 ? more : 120);
		w->exec->host->record(w->exec->metrics.broken, 1);
		drop(w, NULL, 0);
	}
	return r;
}

static int ask(struct worker *w, const struct semel_event *e)
{
	const struct exec_metrics *m = &w->exec->metrics;
	int64_t begin_ms = now_ms();
	char how[128];
	const char *why = NULL;
	enum talk_end end = talk(w->child, &w->inbox, e, w->line.data, w->line.len, &why);

	w->exec->host->record(m->seconds, (double)(now_ms() - begin_ms) / 1000);
	switch (end) {
	case TALK_ANSWERED: return answered(w, e);
	case TALK_BROKEN: return broken(w, e, "", why);
	case TALK_CANCELLED:
		w->exec->host->record(m->cancelled, 1);
		child_end(w->child, NULL, 0);
		w->child = NULL;
		return SEMEL_CANCELLED;
	case TALK_DEAD: break;
	}
	w->exec->host->record(m->deaths, 1);
	drop(w, how, sizeof(how));
	return semel_end(
	    e, SEMEL_RETRY, -1, "the program %s%s", strncmp(how, "killed", 6) == 0 ? "was " : "", how);
}

static int exec_handle(void *self, void *arg, const struct semel_event *e)
{
	struct worker *w = arg;
	char why[512];
	int r;

	(void)self;
	look_after(w);
	if (w->child == NULL && !wait_for_start(w, e))
		return SEMEL_CANCELLED;
	if (w->child == NULL && start(w, why, sizeof(why)) < 0)
		return semel_end(e, SEMEL_RETRY, -1, "the program was not started: %s", why);
	if (e->host->cancelled(e) || e->host->lease_ms(e) <= 0)
		return give_up(e);
	question_make(e, ++w->seq, &w->line);
	if (w->line.failed)
		return semel_end(e, SEMEL_RETRY, -1, "out of memory");
	if (w->line.len - 1 > w->exec->max_line)
		r = semel_end(e, SEMEL_REJECT, -1, "its line would have %zu bytes, max_line is %zu",
		    w->line.len - 1, w->exec->max_line);
	else
		r = ask(w, e);
	if (w->line.cap > KEPT_MAX) {
		free(w->line.data);
		w->line = (struct json_line){ .data = NULL };
	}
	return r;
}

/* ---- Life */

static int exec_worker_open(void *self, unsigned index, void **ret_worker)
{
	struct worker *w = calloc(1, sizeof(*w));
	char why[512];
	int r;

	(void)index;
	if (w == NULL)
		return -ENOMEM;
	w->exec = self;
	r = start(w, why, sizeof(why));
	if (r < 0) {
		warn(w, "the program was not started", why, strlen(why));
		free(w);
		return r;
	}
	*ret_worker = w;
	return 0;
}

/* The end of its input is its sign to go; signals follow. */
static void exec_worker_close(void *arg)
{
	struct worker *w = arg;

	if (w->child != NULL) {
		child_close_in(w->child);
		child_wait(w->child, w->exec->grace_ms);
		child_end(w->child, NULL, 0);
	}
	free(w->line.data);
	inbox_free(&w->inbox);
	free(w);
}

static void make_metrics(struct exec *x)
{
	const struct semel_host *h = x->host;
	struct exec_metrics *m = &x->metrics;

	m->seconds = h->metric(h, SEMEL_HISTOGRAM, "answer_seconds", "From an event's line to its answer's.");
	m->starts = h->metric(h, SEMEL_COUNTER, "starts_total", "Programs started.");
	m->deaths = h->metric(
	    h, SEMEL_COUNTER, "deaths_total", "Programs that ended of themselves or were killed.");
	m->broken = h->metric(
	    h, SEMEL_COUNTER, "broken_total", "Programs ended because they broke the protocol.");
	m->cancelled = h->metric(
	    h, SEMEL_COUNTER, "cancelled_total", "Programs ended because the host cancelled their event.");
}

static int exec_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct exec *x = calloc(1, sizeof(*x));
	int r;

	if (x == NULL)
		return -ENOMEM;
	x->host = host;
	r = settings_read(x, s);
	if (r < 0) {
		settings_free(x);
		free(x);
		return r;
	}
	make_metrics(x);
	*ret_self = x;
	return 0;
}

static void exec_close(void *self)
{
	struct exec *x = self;

	settings_free(x);
	free(x);
}

SEMEL_HANDLER("exec", "1.0.0", .settings = exec_settings, .open = exec_open, .worker_open = exec_worker_open,
    .handle = exec_handle, .worker_close = exec_worker_close, .close = exec_close);
