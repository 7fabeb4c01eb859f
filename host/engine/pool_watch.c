/* Runs that take too long. */
#include "engine/pool_private.h"

/* The event that is run, if it is one of `sub`. */
static struct event *current_of(struct current *c, unsigned sub)
{
	struct event *ev = atomic_load_explicit(&c->ev, memory_order_acquire);

	if (ev == NULL || atomic_load_explicit(&c->sub, memory_order_relaxed) != sub)
		return NULL;
	/* `sub` may have been written for the next run: only if the event stands still was it this one's. */
	return atomic_load_explicit(&c->ev, memory_order_acquire) == ev ? ev : NULL;
}

/* One that is late: told once that it is, and once more past max_run. */
static void judge_late(
    const struct pool *p, struct event *ev, int64_t us, void (*late)(void *arg, struct event *ev), void *arg)
{
	if (!ev->run.timed_out) {
		ev->run.timed_out = true;
		atomic_store_explicit(&ev->run.cancelled, true, memory_order_relaxed);
		late(arg, ev);
	}
	if (!ev->run.overran && us > p->conf->max_run_ms * 1000) {
		ev->run.overran = true;
		late(arg, ev);
	}
}

struct watching {
	const struct pool *p;
	unsigned sub;
	struct mono now;
	void (*late)(void *arg, struct event *ev);
	void *arg;
	int n_stuck;
};

static void watch_open(void *arg, struct event *ev, unsigned sub, struct mono since)
{
	struct watching *w = arg;
	int64_t us = mono_diff_us(w->now, since);

	if (us <= w->p->conf->timeout_ms * 1000)
		return;
	w->n_stuck++;
	if (sub == w->sub)
		judge_late(w->p, ev, us, w->late, w->arg);
}

static int watch_worker(struct worker *w, struct watching *with)
{
	int n_busy = 0;

	for (unsigned i = 0; i < w->pool->batch; i++) {
		struct current *c = &w->current[i];
		struct event *ev = atomic_load_explicit(&c->ev, memory_order_relaxed);
		int64_t us = with->now.us - atomic_load_explicit(&c->since_us, memory_order_relaxed);
		bool is_late = ev != NULL && us > with->p->conf->timeout_ms * 1000;

		n_busy = n_busy || ev != NULL;
		with->n_stuck += is_late;
		ev = is_late ? current_of(c, with->sub) : NULL;
		if (ev != NULL)
			judge_late(with->p, ev, us, with->late, with->arg);
	}
	return n_busy;
}

void pool_watch(
    struct pool *p, unsigned sub, struct mono now, void (*late)(void *arg, struct event *ev), void *arg)
{
	struct watching w = { p, sub, now, late, arg, 0 };
	int n_busy = 0;

	for (unsigned i = 0; i < p->n; i++)
		n_busy += watch_worker(&p->workers[i], &w);
	plugin_each_open(p->plugin, watch_open, &w);
	atomic_store_explicit(&p->status->busy, n_busy, memory_order_relaxed);
	atomic_store_explicit(&p->status->stuck, w.n_stuck, memory_order_relaxed);
	series_set(p->busy, n_busy);
	series_set(p->stuck, w.n_stuck);
}
