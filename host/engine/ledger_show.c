/* What the flow and the store tell: states, metrics, logs. */
#include "engine/event_log.h"
#include "engine/ledger_private.h"

#include <errno.h>
#include <semel/handler.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A call that failed is tried again after this; the store's own back-off is longer when there is no connection. */
#define AGAIN_MS 100
/* A lost ledger may be restored, or its loss accepted by another host. */
#define LOST_AGAIN_MS 500
/* Events that are looked at for the oldest of each partition. */
#define OLDEST_MAX 1000

static const char *const state_names[LEDGER_N_STATES] = { "starting", "ok", "unreachable", "refused",
	"lost" };

/* By outcome; the value of SEMEL_ASYNC is none. */

static const char *trouble_kind(enum store_trouble t)
{
	switch (t) {
	case STORE_UNREACHABLE: return "unreachable";
	case STORE_LOADING: return "loading";
	case STORE_READONLY: return "readonly";
	case STORE_OOM: return "oom";
	case STORE_BUSY: return "busy";
	case STORE_DENIED: return "denied";
	case STORE_REFUSED: return "refused";
	case STORE_TROUBLE_NONE: break;
	}
	return "other";
}

/* Of each handler that a route leads to, with all outcomes: a counter that came into being with what it counts would
 * hide its first step from rate(). */
static void setup_outcomes(struct ledger_io *io)
{
	const struct config *c = io->s->config;

	for (size_t r = 0; r < io->s->conf->n_routes; r++) {
		unsigned h = c->routes[io->s->conf->routes[r]].handler;

		for (unsigned o = 0; o < OUTCOMES; o++)
			if (event_outcome_name((int)o) != NULL)
				io->outcome_series[h * OUTCOMES + o] = metrics_series(io->s->metrics,
				    METRIC_HANDLED, io->s->conf->name, c->handlers[h].name,
				    event_outcome_name((int)o));
	}
}

void ledger_setup_series(struct ledger_io *io)
{
	struct metrics *m = io->s->metrics;

	setup_outcomes(io);
	for (unsigned t = STORE_TROUBLE_NONE; t <= STORE_REFUSED; t++)
		metrics_series(m, METRIC_LEDGER_ERRORS, trouble_kind((enum store_trouble)t));

	io->call_seconds = metrics_series(m, METRIC_LEDGER_SECONDS, "call");
	io->read_seconds = metrics_series(m, METRIC_LEDGER_SECONDS, "read");
	io->batch = metrics_series(m, METRIC_LEDGER_BATCH, "call");
	for (unsigned i = 0; i < LEDGER_N_STATES; i++)
		io->state_series[i] = metrics_series(
		    m, METRIC_LEDGER_STATE, io->s->conf->name, state_names[i]);
}

void ledger_set_state(struct ledger_io *io, enum ledger_state state, const char *format, ...)
{
	struct sub_status *st = &io->s->status;
	bool changed = state != io->state;
	va_list ap;

	io->state = state;
	va_start(ap, format);
	vsnprintf(io->reason, sizeof(io->reason), format, ap);
	va_end(ap);
	/* Fail closed: nothing starts before the log was read again (LEDGER_LOST: never). */
	if ((state == LEDGER_LOST || state == LEDGER_REFUSED) && io->renewal != NULL) {
		io->lapses = renewal_hold(io->renewal);
		io->must_read = true;
	}
	if (state == LEDGER_REFUSED)
		io->retry_at = mono_add_ms(mono_now(), AGAIN_MS);
	if (state == LEDGER_LOST)
		io->retry_at = mono_add_ms(mono_now(), LOST_AGAIN_MS);
	atomic_store(&io->s->accepting, state == LEDGER_OK && !io->no_claims);
	pthread_mutex_lock(&st->lock);
	snprintf(st->ledger_state, sizeof(st->ledger_state), "%s", state_names[state]);
	memcpy(st->ledger_reason, io->reason, sizeof(st->ledger_reason));
	pthread_mutex_unlock(&st->lock);
	series_set(io->s->series.ledger_up, state == LEDGER_OK);
	for (unsigned i = 0; i < LEDGER_N_STATES; i++)
		series_set(io->state_series[i], i == (unsigned)state);
	if (changed && state == LEDGER_OK)
		log_at(LOG_INFO, "ledger ok", LOG_TEXT("subscription", io->s->conf->name));
	else if (changed)
		log_at(LOG_ERROR, "ledger not usable: nothing is dispatched",
		    LOG_TEXT("subscription", io->s->conf->name), LOG_TEXT("state", state_names[state]),
		    LOG_TEXT("why", io->reason));
}

void ledger_keep_owners(struct ledger_io *io, const struct store_lease *leases, size_t n)
{
	struct owner *owners = calloc(n + 1, sizeof(*owners));

	if (owners == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		owners[i].session = leases[i].session;
		snprintf(owners[i].name, sizeof(owners[i].name), "%s", leases[i].owner);
	}
	free(io->owners);
	io->owners = owners;
	io->n_owners = n;
}

const char *ledger_owner(const struct ledger_io *io, const struct session_id *session)
{
	for (size_t i = 0; i < io->n_owners; i++)
		if (memcmp(&io->owners[i].session, session, sizeof(*session)) == 0)
			return io->owners[i].name;
	return "";
}

void ledger_trouble(struct ledger_io *io, const char *what, int error)
{
	enum store_trouble t = io->store->trouble;
	bool passing = t == STORE_UNREACHABLE || t == STORE_LOADING || t == STORE_BUSY || t == STORE_READONLY;

	series_add(metrics_series(io->s->metrics, METRIC_LEDGER_ERRORS, trouble_kind(t)), 1);
	io->retry_at = mono_add_ms(mono_now(), AGAIN_MS);
	ledger_set_state(io, passing ? LEDGER_UNREACHABLE : LEDGER_REFUSED, "%s: %s (%s)", what,
	    io->store->text, strerror(-error));
}

void ledger_fault(struct ledger_io *io, int error)
{
	switch (io->link.fault) {
	case LINK_SOUND: return; /* again with the next round */
	case LINK_TROUBLE: ledger_trouble(io, "a ledger call", error); return;
	case LINK_LOST: ledger_set_state(io, LEDGER_LOST, "%s", io->link.text); return;
	case LINK_DAMAGED: ledger_set_state(io, LEDGER_REFUSED, "%s", io->link.text); return;
	}
}

static void log_run(
    enum log_level level, const char *message, const struct ledger_io *io, struct event *ev, bool held)
{
	struct log_field more[] = { LOG_INT("attempt", ev->run.attempt),
		LOG_TEXT("why", !held || ev->run.why == NULL ? "" : ev->run.why) };

	event_log(level, message, io->s->conf->name, ev, held, more, 2);
}

static void log_event(enum log_level level, const char *message, const struct ledger_io *io, struct event *ev)
{
	log_run(level, message, io, ev, true);
}

static void show_on_taps(struct ledger_io *io, enum flow_note note, struct event *ev)
{
	static const struct {
		enum flow_note note;
		enum tap_kind kind;
	} shown[] = { { FLOW_DUPLICATE, TAP_DUPLICATE }, { FLOW_CONFLICT, TAP_CONFLICT },
		{ FLOW_UNROUTED, TAP_UNROUTED }, { FLOW_DEAD_LETTER, TAP_DEAD },
		{ FLOW_DROPPED, TAP_DROPPED }, { FLOW_HANDED_OVER, TAP_HANDED_OVER } };

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (shown[i].note == note)
			tap_show(&io->s->tap, shown[i].kind, ev, io->wall_ms);
}

void ledger_note(void *arg, enum flow_note note, struct event *ev)
{
	struct ledger_io *io = arg;
	struct sub_series *m = &io->s->series;
	const struct observer *o = io->s->observer;

	if (o != NULL && ev != NULL)
		o->note(o->arg, note, ev);
	if (tap_wanted(&io->s->tap))
		show_on_taps(io, note, ev);
	switch (note) {
	case FLOW_DUPLICATE: series_add(m->duplicates, 1); break;
	case FLOW_CONFLICT:
		series_add(m->conflicts, 1);
		log_event(LOG_WARNING, "id recorded before with another payload", io, ev);
		break;
	case FLOW_UNROUTED: series_add(m->unrouted, 1); break;
	case FLOW_TAKEOVER: series_add(m->takeovers, 1); break;
	case FLOW_RERUN_REPLAY: series_add(m->reruns_replay, 1); break;
	case FLOW_RERUN_RETRY: series_add(m->reruns_retry, 1); break;
	case FLOW_RERUN_TAKEOVER: series_add(m->reruns_takeover, 1); break;
	case FLOW_RERUN_CRASH: series_add(m->reruns_crash, 1); break;
	case FLOW_RERUN_LOSS: series_add(m->reruns_loss, 1); break;
	case FLOW_CLAIM_LOST:
		/* A worker may have it. */
		log_run(LOG_WARNING, "claim lost to another session", io, ev, false);
		break;
	case FLOW_ORPHAN: series_add(m->orphans, 1); break;
	case FLOW_DEAD_LETTER:
		series_add(m->dead_letters[ev->f.reason], 1);
		log_event(LOG_WARNING, "dead letter written", io, ev);
		break;
	case FLOW_DROPPED:
		series_add(m->dropped, 1);
		log_event(LOG_WARNING, "attempts exhausted; dropped", io, ev);
		break;
	case FLOW_FALSE_CANCEL:
		series_add(metrics_series(io->s->metrics, METRIC_PLUGIN_FAULTS,
			       io->s->config->handlers[ev->handler].name, "cancelled"),
		    1);
		break;
	case FLOW_STANDS:
		poller_stand(io->s, ev, true);
		log_event(LOG_ERROR,
		    "its partition stands still for this event: semel resume, or semel dlq add", io, ev);
		break;
	case FLOW_STANDS_NOT: poller_stand(io->s, ev, false); break;
	case FLOW_HANDED_OVER: log_event(LOG_INFO, "to the retry topic", io, ev); break;
	case FLOW_EMITTED:
	case FLOW_LETTER_FAILED:
	case FLOW_NOTHING: break;
	}
}

void ledger_outcome_metrics(struct ledger_io *io, struct event *ev)
{
	struct series **cell;
	int o = ev->run.outcome;

	if (o == RUN_NOT_STARTED)
		return;
	/* A handler that no route leads to any more may have an event of before. */
	cell = &io->outcome_series[ev->handler * OUTCOMES + (unsigned)o];
	if (*cell == NULL)
		*cell = metrics_series(io->s->metrics, METRIC_HANDLED, io->s->conf->name,
		    io->s->config->handlers[ev->handler].name, event_outcome_name((int)o));
	series_add(*cell, 1);
	if (o == SEMEL_RETRY || o == SEMEL_REJECT)
		log_event(o == SEMEL_RETRY ? LOG_INFO : LOG_WARNING,
		    o == SEMEL_RETRY ? "handler asks for a retry" : "handler rejects the event", io, ev);
	if (tap_wanted(&io->s->tap))
		tap_show(&io->s->tap, TAP_HANDLED, ev, io->wall_ms);
}

void ledger_late(void *arg, struct event *ev)
{
	struct ledger_io *io = arg;
	struct log_field handler = LOG_TEXT("handler", io->s->config->handlers[ev->handler].name);

	event_log(LOG_ERROR,
	    ev->run.overran ? "event is past max_run: the engine is restarted, and it counts as a crash"
			    : "event is past its handler's timeout",
	    io->s->conf->name, ev, false, &handler, 1);
	if (!ev->run.overran)
		return;
	recorder_overran(ev);
	gate_close(io->deps.gate);
}

static void publish_stats(struct ledger_io *io)
{
	struct store_stats stats;
	struct sub_status *st = &io->s->status;

	if (io->state != LEDGER_OK ||
	    io->store->ops->stats(io->store, client_view(io->client)->meta.generation, &stats) < 0)
		return;
	if (!stats.append_only && stats.replicas == 0 && !io->said_volatile)
		log_at(LOG_WARNING,
		    "Redis has neither an append-only file nor a replica: its restart loses the ledger (appendonly yes)",
		    LOG_TEXT("subscription", io->s->conf->name));
	io->said_volatile = true;
	series_set(metrics_series(io->s->metrics, METRIC_LEDGER_MEMORY), (double)stats.memory);
	series_set(metrics_series(io->s->metrics, METRIC_LEDGER_MEMORY_LIMIT), (double)stats.memory_limit);
	if (stats.certificate_expiry != 0)
		series_set(metrics_series(io->s->metrics, METRIC_TLS_EXPIRY, "ledger"),
		    (double)stats.certificate_expiry);
	pthread_mutex_lock(&st->lock);
	st->records = stats.records;
	st->bytes = stats.bytes;
	st->memory = stats.memory;
	st->memory_limit = stats.memory_limit;
	pthread_mutex_unlock(&st->lock);
}

/* What is said once, when it begins. */
static void say(struct ledger_io *io, size_t unfiltered)
{
	const char *name = io->s->conf->name;
	uint64_t healed = client_healed(io->client);

	if (unfiltered > 0 && !io->said_unfiltered)
		log_at(LOG_WARNING,
		    "filters are over ledger.filter_memory: the oldest segments are looked up without one",
		    LOG_TEXT("subscription", name), LOG_INT("segments", (int64_t)unfiltered));
	io->said_unfiltered = unfiltered > 0;
	if (io->link.crowded && !io->said_crowded)
		log_at(LOG_WARNING,
		    "the ledger's generation grows without being sealed: see the errors of the keeper",
		    LOG_TEXT("subscription", name));
	io->said_crowded = io->link.crowded;
	if (io->link.rereads != io->rereads)
		log_at(
		    LOG_WARNING, "the ledger's log had changed; read anew", LOG_TEXT("subscription", name));
	io->rereads = io->link.rereads;
	if (healed != io->healed) {
		series_add(io->s->series.healed, healed - io->healed);
		log_at(LOG_WARNING, "the server had lost records that this host had read; written again",
		    LOG_TEXT("subscription", name), LOG_INT("healed", (int64_t)(healed - io->healed)));
	}
	io->healed = healed;
}

static uint64_t remembered(const struct client_view *v, size_t *ret_memory, size_t *ret_unfiltered)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v->n_segments; i++) {
		n += segment_info(v->segments[i])->n;
		*ret_memory += segment_memory(v->segments[i]);
		*ret_unfiltered += !segment_has_tags(v->segments[i]);
	}
	if (v->before != NULL)
		n += table_entries(v->before);
	return v->current == NULL ? n : n + table_entries(v->current);
}

void ledger_show_event(struct event_status *out, const struct event *ev)
{
	out->polled_us = ev == NULL ? 0 : ev->polled.us;
	if (ev == NULL)
		return;
	out->offset = ev->origin.offset;
	out->partition = ev->origin.partition;
	snprintf(out->topic, sizeof(out->topic), "%s", ev->origin.topic);
	out->id_len = ev->id.len < sizeof(out->id) ? ev->id.len : sizeof(out->id);
	if (out->id_len > 0)
		memcpy(out->id, ev->id.data, out->id_len);
	out->doing = flow_doing(ev);
}

/* The oldest event of each partition, as far as the oldest ones tell; under the status' lock. */
static void see_oldest(struct ledger_io *io)
{
	struct sub_status *st = &io->s->status;
	const struct event *ev = flow_oldest(io->flow);
	size_t seen = 0;

	ledger_show_event(&st->oldest, ev);
	st->oldest_round++;
	for (unsigned i = 0; ev != NULL && i < OLDEST_MAX && seen < st->n_partitions; i++) {
		seen += poller_see_oldest(io->s, ev);
		ev = flow_younger(ev);
	}
}

void ledger_publish(struct ledger_io *io, struct mono now)
{
	struct sub_status *st = &io->s->status;
	struct sub_series *m = &io->s->series;
	const struct event *oldest = flow_oldest(io->flow);
	const struct client_view *v = client_view(io->client);
	size_t memory = 0, unfiltered = 0;
	uint64_t entries = remembered(v, &memory, &unfiltered);

	say(io, unfiltered);
	pthread_mutex_lock(&st->lock);
	st->entries = entries;
	st->segments = v->n_segments;
	st->filter_bytes = memory;
	st->healed = io->healed;
	st->generation = v->meta.generation;
	st->retention_ms = v->meta.retention_ms;
	for (size_t i = 0; i < sizeof(v->meta.identity) && v->current != NULL; i++)
		snprintf(st->identity + 2 * i, 3, "%02x", v->meta.identity[i]);
	see_oldest(io);
	pthread_mutex_unlock(&st->lock);
	atomic_store(&io->s->retry_waiting, (int64_t)flow_waiting(io->flow));
	series_set(m->paused, atomic_load(&io->s->hold) != HOLD_NONE || atomic_load(&io->s->standing) > 0);
	series_set(m->retry_waiting, (double)flow_waiting(io->flow));
	series_set(m->ledger_entries, (double)entries);
	series_set(m->ledger_segments, (double)v->n_segments);
	series_set(m->in_flight, (double)atomic_load(&io->s->in_flight));
	series_set(m->in_flight_bytes, (double)atomic_load(&io->s->in_flight_bytes));
	series_set(m->oldest, oldest == NULL ? 0 : (double)mono_diff_us(now, oldest->polled) / 1e6);
	if (!io->open)
		return;
	ledger_keep_up(io);
	if (mono_diff_us(now, io->stats_at) > 5000000) {
		io->stats_at = now;
		publish_stats(io);
	}
}
