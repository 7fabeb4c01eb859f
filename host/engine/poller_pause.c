/* Back-pressure: when nothing is polled, and when partitions are paused. */
#include "engine/poller_private.h"

/* Full for longer: partitions are paused, so that polling for rebalances can go on without records. */
#define FULL_US 300000
/* A pause empties the client's queues: it is not taken back at once. */
#define PAUSE_MIN_US 500000

static bool window_full(const struct poller *p)
{
	for (size_t i = 0; i < p->n_parts; i++)
		if (p->parts[i]->assigned && offsets_full(p->parts[i]->window))
			return true;
	return false;
}

/* 1: full; 0: below the half; between: as it was. */
bool poller_is_full(const struct poller *p, bool was)
{
	const struct config_subscription *conf = p->s->conf;
	int64_t n = atomic_load_explicit(&p->s->in_flight, memory_order_relaxed);
	int64_t bytes = atomic_load_explicit(&p->s->in_flight_bytes, memory_order_relaxed);
	int64_t max = was ? conf->max_in_flight / 2 : conf->max_in_flight;
	int64_t max_bytes = was ? conf->max_in_flight_bytes / 2 : conf->max_in_flight_bytes;

	if (!atomic_load_explicit(&p->s->accepting, memory_order_relaxed) ||
	    atomic_load_explicit(&p->s->hold, memory_order_relaxed) != HOLD_NONE)
		return true;
	/* One event larger than the limit still runs, alone. */
	return n >= (max > 0 ? max : 1) || (bytes >= max_bytes && n > 0) || window_full(p);
}

void poller_set_paused(struct poller *p, bool paused)
{
	struct topic_partition list[64];
	size_t n = 0;

	for (size_t i = 0; i < p->n_parts; i++) {
		struct partition *part = p->parts[i];

		if (!part->assigned || part->blocked || part->paused == paused ||
		    (!paused && atomic_load(&part->standing) > 0))
			continue;
		part->paused = paused;
		list[n++] = (struct topic_partition){ part->topic, part->partition, -1 };
		if (n == sizeof(list) / sizeof(list[0])) {
			paused ? p->source->ops->pause(p->source, list, n)
			       : p->source->ops->resume(p->source, list, n);
			n = 0;
		}
	}
	if (n > 0)
		paused ? p->source->ops->pause(p->source, list, n)
		       : p->source->ops->resume(p->source, list, n);
	p->all_paused = paused;
	p->paused_at = mono_now();
}

/* While full: first just no polling, which keeps what the client has fetched; after a while a pause.  Returns true
 * if records may be taken now. */
bool poller_may_take(struct poller *p, struct mono now)
{
	bool full = poller_is_full(p, p->all_paused);

	if (!full) {
		if (p->all_paused && mono_diff_us(now, p->paused_at) >= PAUSE_MIN_US)
			poller_set_paused(p, false);
		p->full_since = MONO_NEVER;
		return !p->all_paused;
	}
	if (p->all_paused)
		return false;
	if (p->full_since.us == MONO_NEVER.us)
		p->full_since = now;
	if (mono_diff_us(now, p->full_since) >= FULL_US)
		poller_set_paused(p, true);
	return false;
}

/* Partitions that have come to stand still for an event, or have ceased to. */
void poller_see_standing(struct poller *p)
{
	for (size_t i = 0; i < p->n_parts; i++) {
		struct partition *part = p->parts[i];
		struct topic_partition tp = { part->topic, part->partition, -1 };
		bool stands = atomic_load_explicit(&part->standing, memory_order_relaxed) > 0;

		if (!part->assigned || part->blocked || p->all_paused || part->paused == stands)
			continue;
		part->paused = stands;
		stands ? p->source->ops->pause(p->source, &tp, 1) : p->source->ops->resume(p->source, &tp, 1);
	}
}
