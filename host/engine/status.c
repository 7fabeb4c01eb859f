#include "engine/status.h"

#include "base/log.h"
#include "generated/version.h"

#include <stdio.h>
#include <unistd.h>

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
	} else {
		reason = st->poller_reason;
	}
	snprintf(ret_reason, size, "%s", reason);
	pthread_mutex_unlock(&st->lock);
	return state;
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	buf_json_string(out, bytes_of_text(text));
}

static void put_partitions(struct buf *out, const struct sub_status *st)
{
	buf_text(out, "\"partitions\":[");
	for (size_t i = 0; i < st->n_partitions; i++) {
		const struct partition_status *p = &st->partitions[i];
		long long lag = p->end >= 0 && p->committed >= 0 ? (long long)(p->end - p->committed) : -1;

		buf_printf(out, "%s{", i == 0 ? "" : ",");
		put_text(out, "topic", p->topic);
		buf_printf(out, ",\"partition\":%d,\"position\":%lld,\"committed\":%lld,", p->partition,
		    (long long)p->position, (long long)p->committed);
		if (lag < 0)
			buf_printf(out, "\"lag\":%s,", p->end >= 0 && p->committed >= 0 ? "0" : "null");
		else
			buf_printf(out, "\"lag\":%lld,", lag);
		put_text(out, "state", p->state);
		buf_char(out, ',');
		put_text(out, "reason", p->reason);
		buf_char(out, '}');
	}
	buf_char(out, ']');
}

static void put_subscription(struct buf *out, struct subscription *s)
{
	struct sub_status *st = &s->status;
	char reason[512];
	enum sub_state state = status_of(s, reason, sizeof(reason));

	buf_char(out, '{');
	put_text(out, "name", s->conf->name);
	buf_char(out, ',');
	put_text(out, "state", sub_state_name(state));
	buf_char(out, ',');
	put_text(out, "reason", reason);
	pthread_mutex_lock(&st->lock);
	buf_text(out, ",\"ledger\":{");
	put_text(out, "state", st->ledger_state);
	buf_char(out, ',');
	put_text(out, "identity", st->identity);
	buf_printf(out, ",\"generation\":%u,\"entries\":%llu,\"records\":%llu,\"bytes\":%llu", st->generation,
	    (unsigned long long)st->entries, (unsigned long long)st->records, (unsigned long long)st->bytes);
	buf_printf(out, ",\"segments\":%llu,\"filter_bytes\":%llu,\"healed\":%llu,\"retention_ms\":%llu}",
	    (unsigned long long)st->segments, (unsigned long long)st->filter_bytes,
	    (unsigned long long)st->healed, (unsigned long long)st->retention_ms);
	buf_printf(out, ",\"in_flight\":%lld,\"in_flight_bytes\":%lld,\"waiting\":%lld",
	    (long long)atomic_load(&s->in_flight), (long long)atomic_load(&s->in_flight_bytes),
	    (long long)atomic_load(&s->retry_waiting));
	buf_printf(out, ",\"oldest_seconds\":%.3f,",
	    st->oldest_us == 0 ? 0.0 : (double)(mono_now().us - st->oldest_us) / 1e6);
	put_partitions(out, st);
	pthread_mutex_unlock(&st->lock);
	buf_char(out, '}');
}

static void put_handler(struct buf *out, struct status_handler *h)
{
	buf_char(out, '{');
	put_text(out, "name", h->conf->name);
	buf_char(out, ',');
	put_text(out, "plugin", h->plugin_name);
	buf_char(out, ',');
	put_text(out, "version", h->version);
	buf_printf(out, ",\"busy\":%d,\"workers\":%u,\"stuck\":%d,", atomic_load(&h->busy), h->conf->workers,
	    atomic_load(&h->stuck));
	put_text(out, "reason", h->reason);
	buf_char(out, '}');
}

/* The state of the first subscription that does not run; running if all do. */
static enum sub_state worst_of(const struct status_source *src)
{
	char reason[512];

	for (size_t i = 0; i < src->n_subs; i++) {
		enum sub_state state = status_of(src->subs[i], reason, sizeof(reason));

		if (state != SUB_RUNNING)
			return state;
	}
	return SUB_RUNNING;
}

static void put_engine(struct buf *out, const struct status_source *src)
{
	buf_printf(out, "{\"pid\":%d,\"restarts\":%u,\"started\":%lld,\"last_exit\":%s}", (int)getpid(),
	    box_restarts(src->facts), (long long)src->started_ms,
	    src->facts->last_exit[0] == '\0' ? "null" : src->facts->last_exit);
}

void status_json(const struct status_source *src, struct buf *out)
{
	buf_char(out, '{');
	put_text(out, "node", src->config->node);
	buf_char(out, ',');
	put_text(out, "version", SEMEL_VERSION);
	buf_char(out, ',');
	put_text(out, "state", sub_state_name(worst_of(src)));
	buf_text(out, ",\"subscriptions\":[");
	for (size_t i = 0; i < src->n_subs; i++) {
		if (i > 0)
			buf_char(out, ',');
		put_subscription(out, src->subs[i]);
	}
	buf_text(out, "],\"handlers\":[");
	for (size_t i = 0; i < src->n_handlers; i++) {
		if (i > 0)
			buf_char(out, ',');
		put_handler(out, &src->handlers[i]);
	}
	buf_text(out, "],\"engine\":");
	put_engine(out, src);
	buf_text(out, "}\n");
}

void status_idle_json(const struct config *c, struct buf *out)
{
	buf_text(out, "\"subscriptions\":[");
	for (size_t i = 0; i < c->n_subscriptions; i++) {
		buf_text(out, i == 0 ? "{" : ",{");
		put_text(out, "name", c->subscriptions[i].name);
		buf_text(out,
		    ",\"state\":\"starting\",\"reason\":\"the engine is not running yet\",\"ledger\":{\"state\":\"starting\","
		    "\"identity\":\"\",\"generation\":0,\"entries\":0},\"in_flight\":0,\"waiting\":0,\"oldest_seconds\":0,"
		    "\"partitions\":[]}");
	}
	buf_text(out, "],\"handlers\":[");
	for (size_t i = 0; i < c->n_handlers; i++) {
		buf_text(out, i == 0 ? "{" : ",{");
		put_text(out, "name", c->handlers[i].name);
		buf_printf(out,
		    ",\"plugin\":\"\",\"version\":\"\",\"busy\":0,\"workers\":%u,\"stuck\":0,\"reason\":\"\"}",
		    c->handlers[i].workers);
	}
	buf_char(out, ']');
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
