#include "engine/pool.h"

#include "base/ring.h"
#include "adapters/last_words.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* worker_open that failed for now is tried again after this. */
#define OPEN_AGAIN_S 5

struct worker {
	struct pool *pool;
	unsigned index;
	pthread_t thread;
	struct plugin_worker *plugin;
	/* What it runs, for pool_watch: `sub` and `since_us` are written before `current`. */
	_Atomic(struct event *) current;
	_Atomic unsigned sub;
	_Atomic int64_t since_us;
};

struct pool {
	struct plugin *plugin;
	const struct config_handler *conf;
	struct status_handler *status;
	struct subscription *const *subs;
	struct ring *ring;
	struct series *busy, *handler_seconds, *stuck;
	/* The lock is taken to sleep and to wake, never to hand over an event. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	_Atomic unsigned sleepers, submitted;
	_Atomic bool stopping;
	unsigned n, ended; /* threads made; ended, under `lock` */
	struct worker workers[];
};

/* Where an event came from travels with it in ev->run.sub. */
void pool_submit(struct pool *p, struct event *ev, unsigned sub)
{
	bool fits;

	ev->run.sub = sub;
	fits = ring_push(p->ring, ev);
	assert(fits);
	atomic_fetch_add_explicit(&p->submitted, 1, memory_order_relaxed);
}

void pool_kick(struct pool *p)
{
	unsigned n = atomic_exchange_explicit(&p->submitted, 0, memory_order_seq_cst), sleepers;

	if (n == 0)
		return;
	sleepers = atomic_load(&p->sleepers);
	if (sleepers == 0)
		return;
	pthread_mutex_lock(&p->lock);
	if (n >= sleepers)
		pthread_cond_broadcast(&p->wake);
	else
		while (n-- > 0)
			pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

/* The next event; NULL when the pool stops and nothing is left. */
static struct event *next(struct pool *p)
{
	struct event *ev = ring_pop(p->ring);

	if (ev != NULL)
		return ev;
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->sleepers, 1);
	/* Said before looking: pool_kick either sees a sleeper or its event is seen here. */
	while ((ev = ring_pop(p->ring)) == NULL && !atomic_load(&p->stopping))
		pthread_cond_wait(&p->wake, &p->lock);
	atomic_fetch_sub(&p->sleepers, 1);
	pthread_mutex_unlock(&p->lock);
	return ev;
}

static void run(struct worker *w, struct event *ev)
{
	struct pool *p = w->pool;
	struct subscription *s = p->subs[ev->run.sub];
	struct plugin_run with = { .subscription = s->conf->name,
		.route = s->config->routes[ev->route].name,
		.lease_until_us = &s->lease_until_us };
	struct mono now = mono_now();

	if (now.us >= atomic_load_explicit(&s->lease_until_us, memory_order_relaxed) ||
	    atomic_load_explicit(&s->hold, memory_order_relaxed) == HOLD_PAUSE ||
	    (atomic_load_explicit(&s->shut, memory_order_relaxed) && !ev->run.alone)) {
		ev->run.outcome = RUN_NOT_STARTED;
	} else {
		atomic_store_explicit(&w->sub, ev->run.sub, memory_order_relaxed);
		atomic_store_explicit(&w->since_us, now.us, memory_order_relaxed);
		atomic_store_explicit(&w->current, ev, memory_order_release);
		series_observe(s->series.queue_seconds, (double)mono_diff_us(now, ev->polled) / 1e6);
		box_start(ev->run.slot, wall_ms());
		plugin_handle(w->plugin, ev, &with);
		box_end(ev->run.slot, ev->run.outcome, ev->run.retry_ms, ev->run.why);
		series_observe(p->handler_seconds, (double)ev->run.handler_us / 1e6);
		atomic_store_explicit(&w->current, NULL, memory_order_release);
	}
	ev->mail.kind = MAIL_OUTCOME;
	mailbox_send(&s->flow_box, &ev->mail);
}

/* False: the pool stops before the plugin was ready for this worker. */
static bool open_worker(struct worker *w)
{
	struct pool *p = w->pool;
	char why[512];
	int r;

	while ((r = plugin_worker_open(p->plugin, w->index, &w->plugin, why, sizeof(why))) < 0) {
		struct timespec until;

		log_at(LOG_ERROR, "worker_open failed; it is called again",
		    LOG_TEXT("handler", p->conf->name), LOG_INT("worker", w->index), LOG_TEXT("why", why));
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += OPEN_AGAIN_S;
		pthread_mutex_lock(&p->lock);
		while (!atomic_load(&p->stopping) &&
		       pthread_cond_timedwait(&p->wake, &p->lock, &until) != ETIMEDOUT)
			;
		pthread_mutex_unlock(&p->lock);
		if (atomic_load(&p->stopping))
			return false;
	}
	return true;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	struct event *ev;

	last_words_thread();
	if (open_worker(w))
		while ((ev = next(p)) != NULL)
			run(w, ev);
	plugin_worker_close(w->plugin);
	w->plugin = NULL;
	pthread_mutex_lock(&p->lock);
	p->ended++;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static struct pool *pool_new(const struct config_handler *conf, size_t room)
{
	struct pool *p = calloc(1, sizeof(*p) + conf->workers * sizeof(struct worker));
	pthread_condattr_t attr;

	if (p == NULL)
		return NULL;
	p->conf = conf;
	p->ring = ring_new(room);
	if (p->ring == NULL) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	return p;
}

int pool_start(struct plugin *plugin, const struct config_handler *conf, size_t room, struct metrics *metrics,
    struct status_handler *status, struct subscription *const *subs, struct pool **ret_pool)
{
	struct pool *p = pool_new(conf, room);

	if (p == NULL)
		return -ENOMEM;
	p->plugin = plugin;
	p->status = status;
	p->subs = subs;
	p->busy = metrics_series(metrics, METRIC_WORKERS_BUSY, conf->name);
	p->stuck = metrics_series(metrics, METRIC_HANDLER_STUCK, conf->name);
	p->handler_seconds = metrics_series(metrics, METRIC_HANDLER_SECONDS, conf->name);
	series_set(metrics_series(metrics, METRIC_WORKERS, conf->name), conf->workers);
	for (unsigned i = 0; i < conf->workers; i++) {
		struct worker *w = &p->workers[i];

		*w = (struct worker){ .pool = p, .index = i };
		if (pthread_create(&w->thread, NULL, work, w) != 0) {
			pool_stop(p, MONO_NEVER);
			pool_free(p);
			return -EAGAIN;
		}
		p->n++;
	}
	*ret_pool = p;
	return 0;
}

/* The event a worker runs, if it is one of `sub`. */
static struct event *current_of(struct worker *w, unsigned sub)
{
	struct event *ev = atomic_load_explicit(&w->current, memory_order_acquire);

	if (ev == NULL || atomic_load_explicit(&w->sub, memory_order_relaxed) != sub)
		return NULL;
	/* `sub` may have been written for the next run: only if the event stands still was it this one's. */
	return atomic_load_explicit(&w->current, memory_order_acquire) == ev ? ev : NULL;
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

void pool_watch(
    struct pool *p, unsigned sub, struct mono now, void (*late)(void *arg, struct event *ev), void *arg)
{
	int n_busy = 0, n_stuck = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct worker *w = &p->workers[i];
		struct event *ev = atomic_load_explicit(&w->current, memory_order_relaxed);
		int64_t us = now.us - atomic_load_explicit(&w->since_us, memory_order_relaxed);
		bool is_late = ev != NULL && us > p->conf->timeout_ms * 1000;

		n_busy += ev != NULL;
		n_stuck += is_late;
		ev = is_late ? current_of(w, sub) : NULL;
		if (ev != NULL)
			judge_late(p, ev, us, late, arg);
	}
	atomic_store_explicit(&p->status->busy, n_busy, memory_order_relaxed);
	atomic_store_explicit(&p->status->stuck, n_stuck, memory_order_relaxed);
	series_set(p->busy, n_busy);
	series_set(p->stuck, n_stuck);
}

bool pool_stop(struct pool *p, struct mono until)
{
	bool all;

	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stopping, true);
	pthread_cond_broadcast(&p->wake);
	while (p->ended < p->n) {
		struct timespec ts;
		int64_t us = until.us == MONO_NEVER.us ? 1000000 : mono_diff_us(until, mono_now());

		if (us <= 0)
			break;
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec += us / 1000000;
		ts.tv_nsec += us % 1000000 * 1000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_sec++;
			ts.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&p->wake, &p->lock, &ts);
	}
	all = p->ended == p->n;
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; all && i < p->n; i++)
		pthread_join(p->workers[i].thread, NULL);
	return all;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	ring_free(p->ring);
	free(p);
}
