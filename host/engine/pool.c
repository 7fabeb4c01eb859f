#include "engine/pool_private.h"

#include "adapters/last_words.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* worker_open that failed for now is tried again after this. */
#define OPEN_AGAIN_S 5

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

/* Without the lock: a plugin may take its time.  True if it was asked. */
static bool flush(struct pool *p)
{
	bool asked;

	pthread_mutex_unlock(&p->lock);
	asked = plugin_flush(p->plugin);
	pthread_mutex_lock(&p->lock);
	return asked;
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
	while ((ev = ring_pop(p->ring)) == NULL && !atomic_load(&p->stopping)) {
		/* The last to fall asleep asks the plugin to end what it holds. */
		if (atomic_load(&p->sleepers) == p->conf->workers && flush(p))
			continue;
		pthread_cond_wait(&p->wake, &p->lock);
	}
	atomic_fetch_sub(&p->sleepers, 1);
	pthread_mutex_unlock(&p->lock);
	return ev;
}

/* A run has ended, here or on a thread of the plugin's. */
static void finish(void *arg, struct event *ev)
{
	struct pool *p = arg;
	const struct observer *o = p->subs[ev->run.sub]->observer;

	if (o != NULL)
		o->ends(o->arg, ev);
	series_observe(p->handler_seconds, (double)ev->run.handler_us / 1e6);
	box_end(ev->run.slot, ev->run.emitted != NULL ? BOX_EMITS : ev->run.outcome, ev->run.retry_ms,
	    ev->run.why);
	ev->mail.kind = MAIL_OUTCOME;
	mailbox_send(&p->subs[ev->run.sub]->flow_box, &ev->mail);
}

/* False: it may not start now, and goes back. */
static bool may_start(struct pool *p, struct event *ev, struct mono now)
{
	struct subscription *s = p->subs[ev->run.sub];

	if (now.us < atomic_load_explicit(&s->lease_until_us, memory_order_relaxed) &&
	    atomic_load_explicit(&s->hold, memory_order_relaxed) != HOLD_PAUSE &&
	    !atomic_load_explicit(&ev->run.unwanted, memory_order_relaxed) &&
	    (!atomic_load_explicit(&s->shut, memory_order_relaxed) || ev->run.alone))
		return true;
	ev->run.outcome = RUN_NOT_STARTED;
	ev->mail.kind = MAIL_OUTCOME;
	mailbox_send(&s->flow_box, &ev->mail);
	return false;
}

/* The i-th of what the worker runs now. */
static void start(struct worker *w, unsigned i, struct event *ev, struct mono now)
{
	struct subscription *s = w->pool->subs[ev->run.sub];
	struct current *c = &w->current[i];

	w->runs[i] = (struct plugin_run){ .subscription = s->conf->name,
		.sub = ev->run.sub,
		.route = s->config->routes[ev->route].name,
		.lease_until_us = &s->lease_until_us };
	atomic_store_explicit(&c->sub, ev->run.sub, memory_order_relaxed);
	atomic_store_explicit(&c->since_us, now.us, memory_order_relaxed);
	atomic_store_explicit(&c->ev, ev, memory_order_release);
	series_observe(s->series.queue_seconds, (double)mono_diff_us(now, ev->polled) / 1e6);
	box_start(ev->run.slot, wall_ms());
	if (s->observer != NULL)
		s->observer->begins(s->observer->arg, ev);
}

static void run_one(struct worker *w, struct event *ev)
{
	bool ended;

	start(w, 0, ev, mono_now());
	ended = plugin_handle(w->plugin, ev, &w->runs[0]);
	atomic_store_explicit(&w->current[0].ev, NULL, memory_order_release);
	if (ended)
		finish(w->pool, ev);
}

static void run_batch(struct worker *w, unsigned n)
{
	struct mono now = mono_now();

	for (unsigned i = 0; i < n; i++)
		start(w, i, w->events[i], now);
	plugin_handle_batch(w->plugin, w->events, w->runs, n);
	for (unsigned i = 0; i < n; i++) {
		atomic_store_explicit(&w->current[i].ev, NULL, memory_order_release);
		finish(w->pool, w->events[i]);
	}
}

/* One, and of a batch as many more as are this worker's share of what is ready: others may be idle. */
static void run(struct worker *w, struct event *ev)
{
	struct pool *p = w->pool;
	size_t share = p->batch > 1 ? ring_length(p->ring) / p->conf->workers : 0;
	struct mono now = mono_now();
	unsigned n = 0;

	for (;;) {
		if (may_start(p, ev, now))
			w->events[n++] = ev;
		if (share-- == 0 || n == p->batch || (ev = ring_pop(p->ring)) == NULL)
			break;
	}
	if (p->batch > 1 && n > 0)
		run_batch(w, n);
	else if (n > 0)
		run_one(w, w->events[0]);
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

static int make_room(struct worker *w)
{
	unsigned n = w->pool->batch;

	w->current = calloc(n, sizeof(*w->current));
	w->events = calloc(n, sizeof(*w->events));
	w->runs = calloc(n, sizeof(*w->runs));
	return w->current == NULL || w->events == NULL || w->runs == NULL ? -ENOMEM : 0;
}

int pool_start(struct plugin *plugin, const struct config_handler *conf, size_t room, struct metrics *metrics,
    struct status_handler *status, struct subscription *const *subs, struct pool **ret_pool)
{
	struct pool *p = pool_new(conf, room);

	if (p == NULL)
		return -ENOMEM;
	p->batch = plugin_takes_batches(plugin) ? conf->batch : 1;
	if (conf->batch > 1 && p->batch == 1)
		log_at(LOG_WARNING, "batch is set, but the plugin has no handle_batch: one event a call",
		    LOG_TEXT("handler", conf->name));
	if (plugin_prepare(plugin, room + (size_t)conf->workers * (conf->batch + 1), finish, p) < 0) {
		pool_free(p);
		return -ENOMEM;
	}
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
		if (make_room(w) < 0 || pthread_create(&w->thread, NULL, work, w) != 0) {
			pool_stop(p, MONO_NEVER);
			pool_free(p);
			return -EAGAIN;
		}
		p->n++;
	}
	*ret_pool = p;
	return 0;
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
	for (unsigned i = 0; i < p->conf->workers; i++) {
		free(p->workers[i].current);
		free(p->workers[i].events);
		free(p->workers[i].runs);
	}
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	ring_free(p->ring);
	free(p);
}
