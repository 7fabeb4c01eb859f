#include "cli/top/rates.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW_MS 6000
#define ANSWERS 32 /* six seconds of four a second, and one */
#define LAG_WINDOW_MS 30000
#define LAG_STEP_MS 3000
#define OLD_ANSWERS 12
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
	struct snapshot *old[OLD_ANSWERS]; /* before those, apart by LAG_STEP_MS */
	size_t n_old;
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

static void drop_oldest_old(struct rates *r)
{
	snapshot_free(r->old[0]);
	memmove(r->old, r->old + 1, --r->n_old * sizeof(*r->old));
}

static void keep_old(struct rates *r, struct snapshot *s)
{
	if (r->n_old > 0 && s->time - r->old[r->n_old - 1]->time < LAG_STEP_MS) {
		snapshot_free(s);
		return;
	}
	if (r->n_old == OLD_ANSWERS)
		drop_oldest_old(r);
	r->old[r->n_old++] = s;
}

/* The oldest n are no longer for rates. */
static void retire(struct rates *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		keep_old(r, r->answers[i]);
	memmove(r->answers, r->answers + n, (r->n - n) * sizeof(*r->answers));
	r->n -= n;
}

static void drop_all(struct rates *r)
{
	retire(r, r->n);
	while (r->n_old > 0)
		drop_oldest_old(r);
}

void rates_free(struct rates *r)
{
	if (r == NULL)
		return;
	drop_all(r);
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

/* The same for the trend of lag. */
static const struct snapshot *before_lag(const struct rates *r)
{
	return r->n_old > 0 ? r->old[0] : before(r);
}

static double lag_span(const struct rates *r)
{
	return before_lag(r) == NULL ? 0 : (rates_now(r)->time - before_lag(r)->time) / 1000;
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

/* What is known is added up. */
static void plus(double *sum, double n)
{
	if (n >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + n;
}

/* Committed a second by the partitions of b. */
static double done_by(const struct snap_sub *a, const struct snap_sub *b, double seconds)
{
	double sum = NOT_KNOWN;

	for (size_t i = 0; a != NULL && i < b->n_partitions; i++) {
		const struct snap_partition *p = partition_before(a, &b->partitions[i], i);

		if (p != NULL)
			plus(&sum, rate(p->committed, b->partitions[i].committed, seconds));
	}
	return sum;
}

/* The lag that the partitions of b had; they come and go, and a lag of others tells no trend. */
static double lag_before(const struct snap_sub *a, const struct snap_sub *b)
{
	double sum = NOT_KNOWN;

	for (size_t i = 0; a != NULL && i < b->n_partitions; i++) {
		const struct snap_partition *p = partition_before(a, &b->partitions[i], i);

		if (b->partitions[i].lag >= 0 && (p == NULL || p->lag < 0))
			return NOT_KNOWN;
		if (p != NULL)
			plus(&sum, p->lag);
	}
	return sum;
}

static struct gain of_partition(const struct rates *r, const struct row *row)
{
	const struct snapshot *now = rates_now(r), *then = before(r), *lag = before_lag(r);
	const struct snap_partition *b = row->partition, *a = NULL, *l = NULL;
	size_t sub = (size_t)(row->sub - now->subs), at = (size_t)(b - row->sub->partitions);
	const struct snap_sub *s;
	struct gain g = unknown;

	if (then == NULL)
		return g;
	s = sub_before(then, row->sub->name, sub);
	a = s == NULL ? NULL : partition_before(s, b, at);
	s = sub_before(lag, row->sub->name, sub);
	l = s == NULL ? NULL : partition_before(s, b, at);
	if (a != NULL)
		g.done = rate(a->committed, b->committed, rates_span(r));
	g.catch_up = catch_up(l == NULL ? NOT_KNOWN : l->lag, b->lag, g.done, lag_span(r));
	return g;
}

/* What is not of a trend alone; *ret_lag: what its lag was. */
static struct gain of_sub(const struct rates *r, const struct snap_sub *b, double *ret_lag)
{
	const struct snapshot *then = before(r);
	size_t at = (size_t)(b - rates_now(r)->subs);
	const struct snap_sub *a;
	struct gain g = unknown;
	double seconds = rates_span(r);

	*ret_lag = NOT_KNOWN;
	a = then == NULL ? NULL : sub_before(then, b->name, at);
	if (a == NULL)
		return g;
	g.consumed = rate(a->consumed, b->consumed, seconds);
	g.handled = rate(a->handled, b->handled, seconds);
	g.failed = rate(a->failed, b->failed, seconds);
	g.duplicates = rate(a->duplicates, b->duplicates, seconds);
	g.dead = rate(a->dead, b->dead, seconds);
	g.done = done_by(a, b, seconds);
	*ret_lag = lag_before(sub_before(before_lag(r), b->name, at), b);
	g.catch_up = catch_up(*ret_lag, b->lag, g.done, lag_span(r));
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
	const struct snap_handler *h;
	struct gain g = unknown;
	double lag;

	if (row->handler != NULL) {
		h = before(r) == NULL ? NULL : handler_before(before(r), row->handler->name);
		return h == NULL ? g : of_handler(h, row->handler, rates_span(r));
	}
	if (row->partition != NULL)
		return of_partition(r, row);
	g = of_sub(r, row->sub, &lag);
	put_trend(r, row->sub->name, &g);
	return g;
}

struct gain rates_total(const struct rates *r)
{
	const struct snapshot *now = rates_now(r);
	double lag = NOT_KNOWN, lag_then = NOT_KNOWN;
	struct gain total = unknown;
	bool comparable = true;

	for (size_t i = 0; before(r) != NULL && i < now->n_subs; i++) {
		const struct snap_sub *b = &now->subs[i];
		double old;
		struct gain g = of_sub(r, b, &old);

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
	total.catch_up = catch_up(comparable ? lag_then : NOT_KNOWN, lag, total.done, lag_span(r));
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
		drop_all(r);
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
	retire(r, old);
	while (r->n_old > 0 && r->old[0]->time < s->time - LAG_WINDOW_MS)
		drop_oldest_old(r);
	r->answers[r->n++] = s;
}
