#include "engine/renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* After a renewal that failed; short against any lease. */
#define AGAIN_MS 200

struct renewal {
	struct subscription *s;
	struct store *store;
	struct series *seconds;
	pthread_t thread;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wake;
	bool stopping;
	struct session_id session;
	bool gone, fresh;
	unsigned count, lapses, resumed; /* the deadline moves only while lapses == resumed */
	struct mono until, at;
	uint64_t connection;
	struct store_renewal last;
	struct store_lease *leases, *read; /* `read`: the ledger thread's copy */
	enum store_trouble trouble;
	char text[256], read_text[256];
};

/* A copy of what it says; without memory the watch of takeovers merely learns nothing. */
static void copy_renewal(struct renewal *r, const struct store_renewal *renewal)
{
	struct store_lease *copy = malloc((renewal->n + 1) * sizeof(*copy));

	if (copy == NULL)
		return;
	if (renewal->n > 0)
		memcpy(copy, renewal->leases, renewal->n * sizeof(*copy));
	free(r->leases);
	r->leases = copy;
	r->last = *renewal;
}

/* The reply to a renewal sent at `sent`, under the lock. */
static void take_reply(
    struct renewal *r, int result, const struct store_renewal *renewal, struct mono sent, struct mono now)
{
	struct mono until = mono_add_ms(sent, r->s->config->ledger.lease_ms);

	r->fresh = true;
	if (result == -ENOENT) {
		atomic_store(&r->s->lease_until_us, 0);
		r->gone = true;
		return;
	}
	if (result < 0) {
		r->trouble = r->store->trouble;
		snprintf(r->text, sizeof(r->text), "%s", r->store->text);
		return;
	}
	r->trouble = STORE_TROUBLE_NONE;
	r->count++;
	r->at = now;
	r->connection = r->store->connections;
	copy_renewal(r, renewal);
	if (!mono_before(now, r->until)) {
		atomic_store(&r->s->lease_until_us, 0);
		r->lapses++;
	}
	r->until = until;
	if (r->lapses == r->resumed)
		atomic_store(&r->s->lease_until_us, until.us);
}

/* One renewal, without the lock; true if it was answered. */
static bool renew(struct renewal *r, struct session_id session)
{
	struct store_renewal renewal = { .n = 0 };
	struct mono sent = mono_now(), now;
	int result = r->store->ops->session_renew(
	    r->store, session, (uint64_t)r->s->config->ledger.lease_ms * 1000, &renewal);

	now = mono_now();
	series_observe(r->seconds, (double)mono_diff_us(now, sent) / 1e6);
	pthread_mutex_lock(&r->lock);
	if (memcmp(&session, &r->session, sizeof(session)) == 0)
		take_reply(r, result, &renewal, sent, now);
	pthread_mutex_unlock(&r->lock);
	mailbox_wake(&r->s->flow_box);
	return result == 0;
}

static void *keep(void *arg)
{
	struct renewal *r = arg;
	int64_t every_ms = r->s->config->ledger.lease_ms / 3, wait_ms = 0;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		struct session_id session = r->session;
		bool wanted = !r->gone;
		struct timespec ts;

		if (wanted && wait_ms == 0) {
			pthread_mutex_unlock(&r->lock);
			wait_ms = renew(r, session) ? every_ms : AGAIN_MS;
			pthread_mutex_lock(&r->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_sec += wait_ms / 1000;
		ts.tv_nsec += wait_ms % 1000 * 1000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_sec++;
			ts.tv_nsec -= 1000000000;
		}
		if (wanted)
			pthread_cond_timedwait(&r->wake, &r->lock, &ts);
		else
			pthread_cond_wait(&r->wake, &r->lock);
		wait_ms = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int renewal_start(
    struct subscription *s, struct session_id session, struct mono until, struct renewal **ret_renewal)
{
	struct renewal *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (r == NULL)
		return -ENOMEM;
	r->s = s;
	r->session = session;
	r->until = until;
	r->seconds = metrics_series(s->metrics, METRIC_LEDGER_SECONDS, "renew");
	r->store = subscription_store(s);
	if (r->store == NULL) {
		free(r);
		return -ENOMEM;
	}
	atomic_store(&s->lease_until_us, until.us);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&r->thread, NULL, keep, r) != 0) {
		r->store->ops->free(r->store);
		free(r);
		return -EAGAIN;
	}
	*ret_renewal = r;
	return 0;
}

bool renewal_news(struct renewal *r, struct renewal_news *ret_news)
{
	pthread_mutex_lock(&r->lock);
	if (!r->fresh) {
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	r->fresh = false;
	if (r->leases != NULL) {
		free(r->read);
		r->read = r->leases;
		r->leases = NULL;
	}
	memcpy(r->read_text, r->text, sizeof(r->text));
	*ret_news = (struct renewal_news){ .count = r->count,
		.gone = r->gone,
		.lapses = r->lapses,
		.lapsed = r->lapses != r->resumed,
		.at = r->at,
		.connection = r->connection,
		.renewal = r->last,
		.trouble = r->trouble,
		.text = r->read_text };
	ret_news->renewal.leases = r->read;
	pthread_mutex_unlock(&r->lock);
	return true;
}

void renewal_resume(struct renewal *r, unsigned lapses)
{
	pthread_mutex_lock(&r->lock);
	if (lapses == r->lapses && !r->gone) {
		r->resumed = lapses;
		atomic_store(&r->s->lease_until_us, r->until.us);
	}
	pthread_mutex_unlock(&r->lock);
}

/* Under the lock. */
static unsigned hold(struct renewal *r)
{
	atomic_store(&r->s->lease_until_us, 0);
	return ++r->lapses;
}

unsigned renewal_hold(struct renewal *r)
{
	unsigned lapses;

	pthread_mutex_lock(&r->lock);
	lapses = hold(r);
	pthread_mutex_unlock(&r->lock);
	return lapses;
}

unsigned renewal_session(struct renewal *r, struct session_id session, struct mono until)
{
	unsigned lapses;

	pthread_mutex_lock(&r->lock);
	r->session = session;
	r->until = until;
	r->gone = false;
	lapses = hold(r);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	return lapses;
}

void renewal_stop(struct renewal *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->store->ops->free(r->store);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r->leases);
	free(r->read);
	free(r);
}
