#include "engine/status.h"

#include "base/log.h"

#include <stdio.h>

/* The first partition that stands still, and for what; under the lock. */
static const char *stands_for(const struct sub_status *st)
{
	for (size_t i = 0; i < st->n_partitions; i++)
		if (st->partitions[i].reason[0] != '\0')
			return st->partitions[i].reason;
	return "a partition stands still for an event: semel resume, or semel dlq add";
}

enum sub_state status_of(struct subscription *s, char *ret_reason, size_t size)
{
	struct sub_status *st = &s->status;
	enum sub_state state;
	const char *reason = "";

	pthread_mutex_lock(&st->lock);
	state = st->poller_state;
	if (st->blocked_reason[0] != '\0') {
		state = SUB_BLOCKED;
		reason = st->blocked_reason;
	} else if (state == SUB_STOPPED || state == SUB_DRAINING || state == SUB_BLOCKED) {
		reason = st->poller_reason;
	} else if (strcmp(st->ledger_state, "ok") != 0) {
		state = SUB_WAITING_LEDGER;
		reason = st->ledger_reason;
	} else if (state == SUB_RUNNING && atomic_load(&s->hold) != HOLD_NONE) {
		state = atomic_load(&s->hold) == HOLD_PAUSE ? SUB_PAUSED : SUB_DRAINING;
		reason = state == SUB_PAUSED ? "by an operator: semel resume"
			 : atomic_load(&s->in_flight) + atomic_load(&s->retry_waiting) == 0
			     ? "by an operator: drained; semel resume"
			     : "by an operator: what is in flight ends, nothing is fetched; semel resume";
	} else if (state == SUB_RUNNING && (atomic_load(&s->stuck_events) || atomic_load(&s->stuck_fetch))) {
		state = SUB_STUCK;
		reason = st->stuck_events[0] != '\0' ? st->stuck_events : st->stuck_fetch;
	} else if (state == SUB_RUNNING && atomic_load(&s->standing) > 0) {
		state = SUB_PAUSED;
		reason = stands_for(st);
	} else if (state == SUB_RUNNING && atomic_load(&s->shut)) {
		reason =
		    "an event that was inside a handler when an engine died runs alone; the others wait for its end, "
		    "at most for max_run";
	} else {
		reason = st->poller_reason;
	}
	snprintf(ret_reason, size, "%s", reason);
	pthread_mutex_unlock(&st->lock);
	return state;
}

/* The state of the first subscription that does not run; running if all do. */
enum sub_state status_worst(const struct status_source *src)
{
	char reason[512];

	for (size_t i = 0; i < src->n_subs; i++) {
		enum sub_state state = status_of(src->subs[i], reason, sizeof(reason));

		if (state != SUB_RUNNING)
			return state;
	}
	return SUB_RUNNING;
}

void status_metrics(const struct status_source *src)
{
	char reason[512];

	for (size_t i = 0; i < src->n_subs; i++) {
		struct sub_series *m = &src->subs[i]->series;
		unsigned state = (unsigned)status_of(src->subs[i], reason, sizeof(reason));

		for (unsigned k = 0; k < SUB_N_STATES; k++)
			series_set(m->state[k], k == state);
		series_set(m->standing, atomic_load(&src->subs[i]->standing));
	}
	series_set(
	    metrics_series(src->metrics, METRIC_CONFIG_RELOAD), !atomic_load(&src->facts->reload_failed));
	series_set(metrics_series(src->metrics, METRIC_LOG_SUPPRESSED), (double)log_suppressed());
}

bool status_ready(const struct status_source *src, struct buf *out)
{
	bool ready = true;

	for (size_t i = 0; i < src->n_subs; i++) {
		char reason[512];
		enum sub_state state = status_of(src->subs[i], reason, sizeof(reason));

		if (state == SUB_RUNNING || state == SUB_PAUSED ||
		    (state == SUB_DRAINING && atomic_load(&src->subs[i]->hold) == HOLD_DRAIN))
			continue;
		buf_printf(out, "%s: %s%s%s\n", src->config->subscriptions[i].name, sub_state_name(state),
		    reason[0] == '\0' ? "" : ": ", reason);
		ready = false;
	}
	return ready;
}
