/* The document of /status and `semel status --json`. */
#include "engine/status.h"

#include "engine/status_remedies.h"
#include "generated/version.h"

#include <unistd.h>

#define LATE_SECONDS 10

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	buf_json_string(out, bytes_of_text(text));
}

/* Seconds since a poll; 0 if there was none. */
static double age(int64_t polled_us)
{
	return polled_us == 0 ? 0.0 : (double)(mono_now().us - polled_us) / 1e6;
}

/* The oldest event of a partition, and once it is late what to type about it. */
static void put_brief(struct buf *out, const char *sub, const struct event_brief *e)
{
	bool cut = e->id_len > BRIEF_ID_MAX;
	struct bytes id = { e->id, cut ? BRIEF_ID_MAX : e->id_len };

	buf_printf(out, "\"oldest_offset\":%lld,\"oldest_seconds\":%.3f,\"oldest\":{", (long long)e->offset,
	    age(e->polled_us));
	if (!cut) {
		buf_json_bytes(out, "id", id);
		buf_char(out, ',');
	}
	put_text(out, "doing", e->doing);
	if (age(e->polled_us) >= LATE_SECONDS)
		status_remedies_of_event(out, sub, cut ? (struct bytes){ NULL, 0 } : id);
	buf_text(out, "},");
}

static void put_partition(struct buf *out, const char *sub, const struct partition_status *p)
{
	bool known = p->end >= 0 && p->committed >= 0;

	buf_char(out, '{');
	put_text(out, "topic", p->topic);
	buf_printf(out, ",\"partition\":%d,\"position\":%lld,\"committed\":%lld,\"lag\":", p->partition,
	    (long long)p->position, (long long)p->committed);
	if (known)
		buf_printf(out, "%lld,", p->end > p->committed ? (long long)(p->end - p->committed) : 0LL);
	else
		buf_text(out, "null,");
	if (p->oldest.polled_us == 0)
		buf_text(out, "\"oldest_offset\":null,\"oldest_seconds\":null,\"oldest\":null,");
	else
		put_brief(out, sub, &p->oldest);
	put_text(out, "state", p->state);
	buf_char(out, ',');
	put_text(out, "reason", p->reason);
	buf_char(out, '}');
}

static void put_partitions(struct buf *out, const char *sub, const struct sub_status *st)
{
	buf_text(out, ",\"partitions\":[");
	for (size_t i = 0; i < st->n_partitions; i++) {
		if (i > 0)
			buf_char(out, ',');
		put_partition(out, sub, &st->partitions[i]);
	}
	buf_char(out, ']');
}

static void put_ledger(struct buf *out, const struct sub_status *st)
{
	buf_text(out, ",\"ledger\":{");
	put_text(out, "state", st->ledger_state);
	buf_char(out, ',');
	put_text(out, "identity", st->identity);
	buf_printf(out, ",\"generation\":%u,\"entries\":%llu,\"records\":%llu,\"bytes\":%llu", st->generation,
	    (unsigned long long)st->entries, (unsigned long long)st->records, (unsigned long long)st->bytes);
	buf_printf(out, ",\"segments\":%llu,\"filter_bytes\":%llu,\"healed\":%llu,\"retention_ms\":%llu",
	    (unsigned long long)st->segments, (unsigned long long)st->filter_bytes,
	    (unsigned long long)st->healed, (unsigned long long)st->retention_ms);
	buf_printf(out, ",\"memory_bytes\":%llu,\"memory_limit_bytes\":%llu}", (unsigned long long)st->memory,
	    (unsigned long long)st->memory_limit);
}

static void put_oldest(struct buf *out, const struct event_status *e)
{
	buf_printf(out, ",\"oldest_seconds\":%.3f,\"oldest\":", age(e->polled_us));
	if (e->polled_us == 0) {
		buf_text(out, "null");
		return;
	}
	buf_char(out, '{');
	put_text(out, "topic", e->topic);
	buf_printf(out, ",\"partition\":%d,\"offset\":%lld,", e->partition, (long long)e->offset);
	buf_json_bytes(out, "id", (struct bytes){ e->id, e->id_len });
	buf_char(out, ',');
	put_text(out, "doing", e->doing);
	buf_char(out, '}');
}

/* What has happened since the engine started. */
static void put_counts(struct buf *out, const struct subscription *s)
{
	static const char *const outcomes[] = { "ok", "retry", "reject", "skip", "cancelled" };
	const char *name = s->conf->name;

	buf_printf(out, ",\"counts\":{\"consumed\":%.0f,\"duplicates\":%.0f,\"dropped\":%.0f,\"handled\":{",
	    metrics_sum(s->metrics, METRIC_CONSUMED, name, NULL), series_value(s->series.duplicates),
	    series_value(s->series.dropped));
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		buf_printf(out, "%s\"%s\":%.0f", i == 0 ? "" : ",", outcomes[i],
		    metrics_sum(s->metrics, METRIC_HANDLED, name, outcomes[i]));
	buf_text(out, "},\"dead_letters\":{");
	for (unsigned i = 0; i < DLQ_N_REASONS; i++)
		buf_printf(out, "%s\"%s\":%.0f", i == 0 ? "" : ",", dlq_reason_name((enum dlq_reason)i),
		    series_value(s->series.dead_letters[i]));
	buf_text(out, "}}");
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
	status_remedies(out, s, state);
	put_ledger(out, st);
	buf_printf(out, ",\"in_flight\":%lld,\"in_flight_bytes\":%lld,\"waiting\":%lld,\"max_in_flight\":%u",
	    (long long)atomic_load(&s->in_flight), (long long)atomic_load(&s->in_flight_bytes),
	    (long long)atomic_load(&s->retry_waiting), s->conf->max_in_flight);
	put_oldest(out, &st->oldest);
	put_partitions(out, s->conf->name, st);
	pthread_mutex_unlock(&st->lock);
	put_counts(out, s);
	buf_char(out, '}');
}

static void put_handler(struct buf *out, struct metrics *m, struct status_handler *h)
{
	const struct series *seconds = metrics_series(m, METRIC_HANDLER_SECONDS, h->conf->name);

	buf_char(out, '{');
	put_text(out, "name", h->conf->name);
	buf_char(out, ',');
	put_text(out, "plugin", h->plugin_name);
	buf_char(out, ',');
	put_text(out, "version", h->version);
	buf_printf(out, ",\"busy\":%d,\"workers\":%u,\"stuck\":%d,\"runs\":%.0f,\"run_seconds\":%.6f,",
	    atomic_load(&h->busy), h->conf->workers, atomic_load(&h->stuck), series_value(seconds),
	    series_sum(seconds));
	put_text(out, "reason", h->reason);
	buf_char(out, '}');
}

static void put_engine(struct buf *out, const struct status_source *src)
{
	const struct box_facts *facts = src->facts;

	buf_printf(out, "{\"pid\":%d,\"restarts\":%u,", (int)getpid(), box_restarts(facts));
	box_restarts_json(facts, out);
	buf_printf(out, ",\"started\":%lld,\"reload_failed\":%s,\"last_exit\":%s}",
	    (long long)src->started_ms, atomic_load(&facts->reload_failed) ? "true" : "false",
	    facts->last_exit[0] == '\0' ? "null" : facts->last_exit);
}

void status_json(const struct status_source *src, struct buf *out)
{
	buf_char(out, '{');
	put_text(out, "node", src->config->node);
	buf_char(out, ',');
	put_text(out, "version", SEMEL_VERSION);
	buf_printf(out, ",\"time\":%lld,", (long long)wall_ms());
	put_text(out, "state", sub_state_name(status_worst(src)));
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
		put_handler(out, src->metrics, &src->handlers[i]);
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
