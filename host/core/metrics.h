/* metrics.h - counters, gauges and histograms, and their Prometheus text.
 *
 * The table below is the list: names, types, labels and help texts are
 * printed from it, in /metrics and in docs/metrics.md.  Series are made at
 * setup, so that counting is one relaxed atomic operation on a pointer the
 * caller holds: no look-up, no lock, no allocation on the way of an event.
 *
 * Owns:    all series; pointers stay valid until metrics_free.
 * Threads: metrics_series, metrics_plugin: any, under a lock inside; counting, metrics_sum, metrics_render: any, without it, so
 *          that a scrape holds nobody up.
 * Uses:    base.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include "base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* id, name without "semel_", type, labels (comma separated), help */
#define METRICS(X) \
	X(BUILD_INFO, "build_info", GAUGE, "version,abi", "Always 1; the version of the host and of its handler ABI.") \
	X(CONSUMED, "consumed_total", COUNTER, "subscription,topic", "Records taken from Kafka.") \
	X(DUPLICATES, "duplicates_total", COUNTER, "subscription", "Events not handled because their id was recorded before.") \
	X(HANDLED, "handled_total", COUNTER, "subscription,handler,outcome", "Handler runs that ended, by outcome.") \
	X(RERUNS, "reruns_total", COUNTER, "subscription,cause", "Runs of an event that may have run before, by cause.") \
	X(DEAD_LETTERS, "dead_letters_total", COUNTER, "subscription,reason", "Dead letters acknowledged by the broker, by reason.") \
	X(UNROUTED, "unrouted_total", COUNTER, "subscription", "Events that no route matched.") \
	X(ID_CONFLICTS, "id_conflicts_total", COUNTER, "subscription", "Events whose id was recorded before with another payload.") \
	X(LEASE_LOST, "lease_lost_total", COUNTER, "subscription", "Times the ledger session's lease ran out under this host.") \
	X(TAKEOVERS, "takeovers_total", COUNTER, "subscription", "Claims taken over from a session that had ended.") \
	X(IN_FLIGHT, "in_flight", GAUGE, "subscription", "Events between poll and settled, waiting ones not counted.") \
	X(IN_FLIGHT_BYTES, "in_flight_bytes", GAUGE, "subscription", "Bytes of all events held, waiting ones included.") \
	X(RETRY_WAITING, "retry_waiting", GAUGE, "subscription", "Events that wait for their next attempt.") \
	X(OLDEST_IN_FLIGHT, "oldest_in_flight_seconds", GAUGE, "subscription", "Age since its poll of the oldest unfinished event.") \
	X(SUB_STATE, "subscription_state", GAUGE, "subscription,state", "1 for the state the subscription is in.") \
	X(PAUSED, "paused", GAUGE, "subscription", "1 while held by an operator, or while a partition stands still for an event.") \
	X(STANDING, "standing_events", GAUGE, "subscription", "Events for which their partition stands still.") \
	X(LAG, "lag", GAUGE, "subscription,topic,partition", "Records between the committed position and the partition's end.") \
	X(FETCH_LAG, "fetch_lag", GAUGE, "subscription,topic,partition", "Records of the partition that are not fetched yet.") \
	X(COMMITTED_OFFSET, "committed_offset", GAUGE, "subscription,topic,partition", "Position last stored for commit.") \
	X(STUCK, "stuck", GAUGE, "subscription,topic,partition", "1 while the fetch stands still before the partition's end for stall_timeout.") \
	X(EVENT_SECONDS, "event_seconds", HISTOGRAM, "subscription", "From the record's timestamp to settled.") \
	X(QUEUE_SECONDS, "queue_seconds", HISTOGRAM, "subscription", "From poll to the start of the handler.") \
	X(HANDLER_SECONDS, "handler_seconds", HISTOGRAM, "handler", "Run time of the handler.") \
	X(LEDGER_SECONDS, "ledger_seconds", HISTOGRAM, "op", "Round trips to the ledger's store, by operation.") \
	X(LEDGER_BATCH, "ledger_batch_events", HISTOGRAM, "op", "Claims and settles in one ledger call.") \
	X(LEDGER_UP, "ledger_up", GAUGE, "subscription", "1 while the ledger answers and the lease holds.") \
	X(LEDGER_ERRORS, "ledger_errors_total", COUNTER, "kind", "Ledger calls that failed, by kind.") \
	X(LEDGER_ENTRIES, "ledger_entries", GAUGE, "subscription", "Ids that are remembered, in the log and in segments.") \
	X(LEDGER_SEGMENTS, "ledger_segments", GAUGE, "subscription", "Sealed segments of the ledger.") \
	X(LEDGER_HEALED, "ledger_healed_total", COUNTER, "subscription", "Final records that the server had lost and this host wrote again.") \
	X(LEDGER_UPKEEP, "ledger_upkeep_total", COUNTER, "subscription,kind", "What this host did to keep the ledger small: rotated, sealed, merged, dropped.") \
	X(LEDGER_ORPHANS, "ledger_orphans_total", COUNTER, "subscription", "Own claims released because nobody here held them.") \
	X(LEDGER_STATE, "ledger_state", GAUGE, "subscription,state", "1 for the state the ledger is in.") \
	X(LEDGER_MEMORY, "ledger_memory_bytes", GAUGE, "", "Memory used by the ledger's server.") \
	X(LEDGER_MEMORY_LIMIT, "ledger_memory_limit_bytes", GAUGE, "", "Memory limit of the ledger's server; 0: none.") \
	X(TLS_EXPIRY, "tls_certificate_expiry_timestamp_seconds", GAUGE, "peer", "When the peer's certificate ends, Unix time.") \
	X(WORKERS_BUSY, "workers_busy", GAUGE, "handler", "Workers inside the handler.") \
	X(WORKERS, "workers", GAUGE, "handler", "Workers of the handler's pool.") \
	X(HANDLER_STUCK, "handler_stuck", GAUGE, "handler", "Runs that are past the handler's timeout.") \
	X(ENGINE_UP, "engine_up", GAUGE, "", "1 from an engine; 0 from its manager, while none answers.") \
	X(ENGINE_RESTARTS, "engine_restarts_total", COUNTER, "cause", "Engines that ended and were started again.") \
	X(CONFIG_RELOAD, "config_last_reload_successful", GAUGE, "", "0 after a reload that was refused.") \
	X(KAFKA_ERRORS, "kafka_errors_total", COUNTER, "code", "Errors that librdkafka reported.") \
	X(PLUGIN_FAULTS, "plugin_faults_total", COUNTER, "handler,kind", "Broken promises of a plugin.") \
	X(DROPPED, "dropped_total", COUNTER, "subscription", "Exhausted events recorded dead without a dead letter (on_exhausted = drop).") \
	X(TAP_DROPPED, "tap_dropped_total", COUNTER, "subscription", "Events that a tap (semel tap) had no room for.") \
	X(LOG_SUPPRESSED, "log_suppressed_total", COUNTER, "", "Log lines not written: rate limit or a blocked stderr.") \
	X(SERIES_DROPPED, "series_dropped_total", COUNTER, "", "Series not made because of the limit.")

#define X(id, name, type, labels, help) METRIC_##id,
enum metric_id { METRICS(X) METRIC_N };
#undef X

struct metrics;
struct series;

struct metrics *metrics_new(void);		/* NULL when out of memory */
void metrics_free(struct metrics *m);		/* NULL is allowed */

/* The series of a metric with these label values, in the table's order, made if new.  Never NULL: past the
 * limit of series (10,000) a shared one that is not shown is returned, and counted. */
struct series *metrics_series(struct metrics *m, enum metric_id id, ...);	/* as many const char * as labels */
/* A plugin's own: semel_plugin_<plugin>_<name>{handler}.  NULL: bad name, or there with another type or help. */
struct series *metrics_plugin(struct metrics *m, const char *plugin, const char *handler, enum metric_type type,
    const char *name, const char *help);

/* The sum of a metric over its series whose first label is `first` and, unless it is NULL, whose last one is `last`. */
double metrics_sum(struct metrics *m, enum metric_id id, const char *first, const char *last);

void series_add(struct series *s, uint64_t n);		/* counter; NULL is allowed */
void series_add_real(struct series *s, double v);	/* counter of a plugin; negative and NaN are ignored */
void series_set(struct series *s, double v);		/* gauge, and a counter that is kept elsewhere */
void series_hide(struct series *s);			/* gauge: not shown until it is set again */
void series_observe(struct series *s, double v);	/* histogram; seconds: 1 ms to 60 s resolved */
double series_value(const struct series *s);		/* counter and gauge; histogram: count */
double series_sum(const struct series *s);		/* histogram: of what was observed */
/* Estimated q-quantile of a histogram's observations; NaN if none. */
double series_quantile(const struct series *s, double q);

/* The whole registry as Prometheus text 0.0.4, appended. */
void metrics_render(struct metrics *m, struct buf *out);
/* The table as Markdown, for docs/metrics.md. */
void metrics_document(struct buf *out);

#endif
