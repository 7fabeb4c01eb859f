#include "cli/top/rates.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW_MS 6000
#define ANSWERS 32 /* six seconds of four a second, and one */
#define POINTS 120
#define LEVEL_SECONDS 3

/* What a subscription consumed a second, from answer to answer. */
struct trend {
	char *name;
	double points[POINTS];
	size_t n;
};

struct rates {
	struct snapshot *answers[ANSWERS]; /* the oldest first */
	size_t n;
	struct trend *trends;
	size_t n_trends;
};

static const struct gain unknown = { -1, -1, -1, -1, -1, -1, -1, -1, -1, NULL, 0 };

struct rates *rates_new(void)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (r == NULL)
		abort();
	return r;
}

static void drop_oldest(struct rates *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snapshot_free(r->answers[i]);
	memmove(r->answers, r->answers + n, (r->n - n) * sizeof(*r->answers));
	r->n -= n;
}

void rates_free(struct rates *r)
{
	if (r == NULL)
		return;
	drop_oldest(r, r->n);
	for (size_t i = 0; i < r->n_trends; i++)
		free(r->trends[i].name);
	free(r->trends);
	free(r);
}

const struct snapshot *rates_now(const struct rates *r)
{
	return r->n == 0 ? NULL : r->answers[r->n - 1];
}

/* The answer that the rates are counted from; NULL: there is none. */
static const struct snapshot *before(const struct rates *r)
{
	return r->n < 2 ? NULL : r->answers[0];
}

double rates_span(const struct rates *r)
{
	return r->n < 2 ? 0 : (rates_now(r)->time - before(r)->time) / 1000;
}

/* ---- Trends */

static struct trend *trend_of(struct rates *r, const char *name)
{
	for (size_t i = 0; i < r->n_trends; i++)
		if (strcmp(r->trends[i].name, name) == 0)
			return &r->trends[i];
	return NULL;
}

static void add_point(struct rates *r, const char *name, double value)
{
	struct trend *t = trend_of(r, name);

	if (t == NULL) {
		r->trends = realloc(r->trends, (r->n_trends + 1) * sizeof(*r->trends));
		if (r->trends == NULL)
			abort();
		t = &r->trends[r->n_trends++];
		*t = (struct trend){ .name = strdup(name) };
		if (t->name == NULL)
			abort();
	}
	if (t->n == POINTS)
		memmove(t->points, t->points + 1, --t->n * sizeof(*t->points));
	t->points[t->n++] = value;
}

/* ---- What was before */

static const struct snap_sub *sub_before(const struct snapshot *s, const char *name, size_t likely)
{
	if (likely < s->n_subs && strcmp(s->subs[likely].name, name) == 0)
		return &s->subs[likely];
	for (size_t i = 0; i < s->n_subs; i++)
		if (strcmp(s->subs[i].name, name) == 0)
			return &s->subs[i];
	return NULL;
}

static bool same_partition(const struct snap_partition *a, const struct snap_partition *b)
{
	return strcmp(a->partition, b->partition) == 0 && strcmp(a->topic, b->topic) == 0;
}

/* Mostly at the same place: a thousand partitions are not looked up a thousand times. */
static const struct snap_partition *partition_before(
    const struct snap_sub *s, const struct snap_partition *p, size_t likely)
{
	if (likely < s->n_partitions && same_partition(&s->partitions[likely], p))
		return &s->partitions[likely];
	for (size_t i = 0; i < s->n_partitions; i++)
		if (same_partition(&s->partitions[i], p))
			return &s->partitions[i];
	return NULL;
}

static const struct snap_handler *handler_before(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_handlers; i++)
		if (strcmp(s->handlers[i].name, name) == 0)
			return &s->handlers[i];
	return NULL;
}

/* ---- Rates */

static double rate(double from, double to, double seconds)
{
	return from < 0 || to < from || seconds <= 0 ? NOT_KNOWN : (to - from) / seconds;
}

/* done: what is committed a second.  Commits come once a second, so a lag of that size is there in the best of times. */
static double catch_up(double from, double to, double done, double seconds)
{
	if (to < 0)
		return NOT_KNOWN;
	if (to <= done * LEVEL_SECONDS)
		return 0;
	if (to == 0 || from < 0 || seconds <= 0)
		return to == 0 ? 0 : NOT_KNOWN;
	return from > to ? to / ((from - to) / seconds) : INFINITY;
}

static struct gain of_partition(
    const struct snap_partition *a, const struct snap_partition *b, double seconds)
{
	struct gain g = unknown;

	g.done = rate(a->committed, b->committed, seconds);
	g.catch_up = catch_up(a->lag, b->lag, g.done, seconds);
	return g;
}

/* What is known is added up. */
static void plus(double *sum, double n)
{
	if (n >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + n;
}

/* What its partitions committed, and what those had left that are still there. */
static void add_partitions(
    const struct snap_sub *a, const struct snap_sub *b, double seconds, double *ret_done, double *ret_lag)
{
	for (size_t i = 0; i < b->n_partitions; i++) {
		const struct snap_partition *p = partition_before(a, &b->partitions[i], i);

		/* Partitions come and go: a lag of others tells no trend. */
		if (b->partitions[i].lag >= 0 && (p == NULL || p->lag < 0)) {
			*ret_lag = NOT_KNOWN;
			return;
		}
		if (p != NULL) {
			plus(ret_done, rate(p->committed, b->partitions[i].committed, seconds));
			plus(ret_lag, p->lag);
		}
	}
}

static struct gain of_sub(const struct snap_sub *a, const struct snap_sub *b, double seconds, double *ret_lag)
{
	struct gain g = unknown;

	g.consumed = rate(a->consumed, b->consumed, seconds);
	g.handled = rate(a->handled, b->handled, seconds);
	g.failed = rate(a->failed, b->failed, seconds);
	g.duplicates = rate(a->duplicates, b->duplicates, seconds);
	g.dead = rate(a->dead, b->dead, seconds);
	*ret_lag = NOT_KNOWN;
	add_partitions(a, b, seconds, &g.done, ret_lag);
	g.catch_up = catch_up(*ret_lag, b->lag, g.done, seconds);
	return g;
}

static struct gain of_handler(const struct snap_handler *a, const struct snap_handler *b, double seconds)
{
	struct gain g = unknown;

	g.runs = rate(a->runs, b->runs, seconds);
	if (g.runs > 0)
		g.run_seconds = (b->run_seconds - a->run_seconds) / (b->runs - a->runs);
	return g;
}

static void put_trend(const struct rates *r, const char *name, struct gain *g)
{
	for (size_t i = 0; i < r->n_trends; i++) {
		if (strcmp(r->trends[i].name, name) == 0) {
			g->points = r->trends[i].points;
			g->n_points = r->trends[i].n;
		}
	}
}

struct gain rates_of(const struct rates *r, const struct row *row)
{
	const struct snapshot *now = rates_now(r), *then = before(r);
	const struct snap_partition *p;
	const struct snap_handler *h;
	const struct snap_sub *s;
	struct gain g = unknown;
	double lag;

	if (row->handler != NULL) {
		h = then == NULL ? NULL : handler_before(then, row->handler->name);
		return h == NULL ? g : of_handler(h, row->handler, rates_span(r));
	}
	s = then == NULL ? NULL : sub_before(then, row->sub->name, (size_t)(row->sub - now->subs));
	if (row->partition == NULL) {
		if (s != NULL)
			g = of_sub(s, row->sub, rates_span(r), &lag);
		put_trend(r, row->sub->name, &g);
		return g;
	}
	p = s == NULL ? NULL
		      : partition_before(s, row->partition, (size_t)(row->partition - row->sub->partitions));
	return p == NULL ? g : of_partition(p, row->partition, rates_span(r));
}

struct gain rates_total(const struct rates *r)
{
	const struct snapshot *now = rates_now(r), *then = before(r);
	double lag = NOT_KNOWN, lag_then = NOT_KNOWN;
	struct gain total = unknown;
	bool comparable = true;

	for (size_t i = 0; then != NULL && i < now->n_subs; i++) {
		const struct snap_sub *b = &now->subs[i], *a = sub_before(then, b->name, i);
		double old = NOT_KNOWN;
		struct gain g = a == NULL ? unknown : of_sub(a, b, rates_span(r), &old);

		plus(&total.consumed, g.consumed);
		plus(&total.handled, g.handled);
		plus(&total.failed, g.failed);
		plus(&total.duplicates, g.duplicates);
		plus(&total.dead, g.dead);
		plus(&total.done, g.done);
		plus(&lag, b->lag);
		plus(&lag_then, old);
		comparable &= b->lag < 0 || old >= 0;
	}
	total.catch_up = catch_up(comparable ? lag_then : NOT_KNOWN, lag, total.done, rates_span(r));
	return total;
}

/* ---- The next answer */

/* Counts go on where the same engine counted both. */
static bool continues(const struct snapshot *a, const struct snapshot *b)
{
	return b->time > a->time && a->started == b->started && strcmp(a->pid, b->pid) == 0;
}

void rates_add(struct rates *r, struct snapshot *s)
{
	const struct snapshot *last = rates_now(r);
	size_t old = 0;

	if (last != NULL && !continues(last, s))
		drop_oldest(r, r->n);
	last = rates_now(r);
	for (size_t i = 0; last != NULL && i < s->n_subs; i++) {
		const struct snap_sub *a = sub_before(last, s->subs[i].name, i);
		double n = a == NULL ? NOT_KNOWN
				     : rate(a->consumed, s->subs[i].consumed, (s->time - last->time) / 1000);

		if (n >= 0)
			add_point(r, s->subs[i].name, n);
	}
	/* One that is older than the window is kept if it is the only one to count from. */
	while (r->n > old + 1 && (r->answers[old]->time < s->time - WINDOW_MS || r->n - old == ANSWERS))
		old++;
	drop_oldest(r, old);
	r->answers[r->n++] = s;
}
