#include "engine/keeper.h"

#include "adapters/keyed_hash.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* After a failure; after damage, which does not go away by itself. */
#define AGAIN_MS 2000
#define DAMAGED_MS 60000

struct keeper {
	struct subscription *s;
	struct store *store;
	struct upkeep *upkeep;
	pthread_t thread;
	_Atomic bool moved;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wake;
	bool stopping, shown;
	struct client_view view; /* metadata and tables only */
	struct session_id session;
	struct upkeep_rules rules;
	struct upkeep_counts counted;
};

static void drop_view(struct keeper *k)
{
	table_free(k->view.current);
	table_free(k->view.before);
	k->view.current = k->view.before = NULL;
	k->shown = false;
}

void keeper_look(struct keeper *k, const struct client_view *view, struct session_id session,
    const struct upkeep_rules *rules)
{
	pthread_mutex_lock(&k->lock);
	drop_view(k);
	k->view.meta = view->meta;
	k->view.current = table_ref(view->current);
	k->view.before = view->before == NULL ? NULL : table_ref(view->before);
	k->session = session;
	k->rules = *rules;
	k->shown = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
}

bool keeper_moved(struct keeper *k)
{
	return atomic_exchange(&k->moved, false);
}

static void count(struct keeper *k)
{
	struct upkeep_counts c = upkeep_counts(k->upkeep);
	struct metrics *m = k->s->metrics;
	const char *name = k->s->conf->name;

	series_add(metrics_series(m, METRIC_LEDGER_UPKEEP, name, "rotated"), c.rotated - k->counted.rotated);
	series_add(metrics_series(m, METRIC_LEDGER_UPKEEP, name, "sealed"), c.sealed - k->counted.sealed);
	series_add(metrics_series(m, METRIC_LEDGER_UPKEEP, name, "merged"), c.merged - k->counted.merged);
	series_add(metrics_series(m, METRIC_LEDGER_UPKEEP, name, "dropped"), c.dropped - k->counted.dropped);
	k->counted = c;
}

/* Under the lock: until something is shown, or for `ms`, or the end. */
static void wait_for(struct keeper *k, int64_t ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	while (!k->stopping && pthread_cond_timedwait(&k->wake, &k->lock, &ts) != ETIMEDOUT)
		;
}

/* One step, without the lock.  How long to wait before the next; 0: none; -1: until something is shown. */
static int64_t step(struct keeper *k)
{
	enum upkeep_did did;
	int r = upkeep_step(k->upkeep, &did);

	count(k);
	if (r < 0) {
		/* That the server is away is said elsewhere. */
		if (r == -EBADMSG || k->store->trouble != STORE_UNREACHABLE)
			log_at(LOG_WARNING, "the ledger is not being kept small",
			    LOG_TEXT("subscription", k->s->conf->name),
			    LOG_TEXT("why", r == -EBADMSG ? upkeep_text(k->upkeep) : k->store->text));
		return r == -EBADMSG ? DAMAGED_MS : AGAIN_MS;
	}
	switch (did) {
	case UPKEEP_WORKED: return 0;
	case UPKEEP_MOVED:
		atomic_store(&k->moved, true);
		mailbox_wake(&k->s->flow_box);
		return -1;
	case UPKEEP_LOCKED:
	case UPKEEP_IDLE: break;
	}
	return -1;
}

static void *keep(void *arg)
{
	struct keeper *k = arg;
	int64_t pause = -1;

	pthread_mutex_lock(&k->lock);
	while (!k->stopping) {
		if (pause > 0)
			wait_for(k, pause);
		while (pause < 0 && !k->stopping && !k->shown)
			pthread_cond_wait(&k->wake, &k->lock);
		if (k->stopping)
			break;
		if (k->shown)
			upkeep_look(k->upkeep, &k->view, k->session, &k->rules);
		drop_view(k);
		pthread_mutex_unlock(&k->lock);
		pause = step(k);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

int keeper_start(struct subscription *s, struct keeper **ret_keeper)
{
	struct keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t attr;
	uint64_t seed;

	if (k == NULL)
		return -ENOMEM;
	random_bytes(&seed, sizeof(seed));
	k->s = s;
	k->store = subscription_store(s);
	k->upkeep = k->store == NULL ? NULL : upkeep_new(k->store, seed);
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (k->upkeep == NULL || pthread_create(&k->thread, NULL, keep, k) != 0) {
		if (k->store != NULL)
			k->store->ops->free(k->store);
		upkeep_free(k->upkeep);
		free(k);
		return -ENOMEM;
	}
	*ret_keeper = k;
	return 0;
}

void keeper_stop(struct keeper *k)
{
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	drop_view(k);
	upkeep_free(k->upkeep);
	k->store->ops->free(k->store);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
