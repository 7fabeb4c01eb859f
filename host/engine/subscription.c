#include "engine/subscription.h"

#include <stdlib.h>

const char *sub_state_name(enum sub_state s)
{
#define X(id, text) text,
	static const char *const names[] = { SUB_STATES(X) };
#undef X

	return names[s];
}

static void make_series(struct subscription *s)
{
	const char *name = s->conf->name;
	struct metrics *m = s->metrics;

	s->series = (struct sub_series){ .duplicates = metrics_series(m, METRIC_DUPLICATES, name),
		.unrouted = metrics_series(m, METRIC_UNROUTED, name),
		.conflicts = metrics_series(m, METRIC_ID_CONFLICTS, name),
		.lease_lost = metrics_series(m, METRIC_LEASE_LOST, name),
		.takeovers = metrics_series(m, METRIC_TAKEOVERS, name),
		.in_flight = metrics_series(m, METRIC_IN_FLIGHT, name),
		.in_flight_bytes = metrics_series(m, METRIC_IN_FLIGHT_BYTES, name),
		.retry_waiting = metrics_series(m, METRIC_RETRY_WAITING, name),
		.oldest = metrics_series(m, METRIC_OLDEST_IN_FLIGHT, name),
		.paused = metrics_series(m, METRIC_PAUSED, name),
		.event_seconds = metrics_series(m, METRIC_EVENT_SECONDS, name),
		.queue_seconds = metrics_series(m, METRIC_QUEUE_SECONDS, name),
		.ledger_up = metrics_series(m, METRIC_LEDGER_UP, name),
		.ledger_entries = metrics_series(m, METRIC_LEDGER_ENTRIES, name),
		.ledger_segments = metrics_series(m, METRIC_LEDGER_SEGMENTS, name),
		.healed = metrics_series(m, METRIC_LEDGER_HEALED, name),
		.orphans = metrics_series(m, METRIC_LEDGER_ORPHANS, name),
		.dropped = metrics_series(m, METRIC_DROPPED, name),
		.reruns_retry = metrics_series(m, METRIC_RERUNS, name, "retry"),
		.reruns_takeover = metrics_series(m, METRIC_RERUNS, name, "takeover"),
		.reruns_crash = metrics_series(m, METRIC_RERUNS, name, "crash"),
		.reruns_loss = metrics_series(m, METRIC_RERUNS, name, "loss"),
		.reruns_replay = metrics_series(m, METRIC_RERUNS, name, "replay") };
	s->series.standing = metrics_series(m, METRIC_STANDING, name);
	for (unsigned i = 0; i < SUB_N_STATES; i++)
		s->series.state[i] = metrics_series(
		    m, METRIC_SUB_STATE, name, sub_state_name((enum sub_state)i));
	for (unsigned r = 0; r < DLQ_N_REASONS; r++)
		s->series.dead_letters[r] = metrics_series(
		    m, METRIC_DEAD_LETTERS, name, dlq_reason_name((enum dlq_reason)r));
}

int subscription_init(struct subscription *s, const struct config *c, unsigned index,
    const struct backend *backend, const struct observer *observer, struct metrics *m)
{
	int r;

	memset(s, 0, sizeof(*s));
	s->flow_box.fd = s->poller_box.fd = -1;
	s->config = c;
	s->conf = &c->subscriptions[index];
	s->backend = backend;
	s->observer = observer;
	s->index = index;
	s->metrics = m;
	s->status.poller_state = SUB_STARTING;
	pthread_mutex_init(&s->status.lock, NULL);
	make_series(s);
	tap_hub_init(&s->tap, c, metrics_series(m, METRIC_TAP_DROPPED, s->conf->name));
	r = mailbox_init(&s->flow_box);
	if (r == 0)
		r = mailbox_init(&s->poller_box);
	return r;
}

void subscription_destroy(struct subscription *s)
{
	tap_hub_destroy(&s->tap);
	mailbox_destroy(&s->flow_box);
	mailbox_destroy(&s->poller_box);
	pthread_mutex_destroy(&s->status.lock);
	free(s->status.partitions);
}

struct store *subscription_store(const struct subscription *s)
{
	return s->backend->store(s->backend->arg, s->config, s->conf->name);
}
