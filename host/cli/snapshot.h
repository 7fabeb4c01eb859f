/* snapshot.h - the document of /status, taken apart.
 *
 * What `semel status` and `semel top` show.  Texts are as the daemon wrote
 * them: whoever shows one escapes it.  A number that the document does not
 * have, or has as null, is NOT_KNOWN.
 *
 * Owns:    a snapshot, until snapshot_free.
 * Threads: main only.
 * Uses:    adapters/json.
 */
#ifndef CLI_SNAPSHOT_H
#define CLI_SNAPSHOT_H

#include "base/buf.h"

#define NOT_KNOWN (-1.0)

struct snap_remedy {
	const char *type, *to;
};

struct snap_partition {
	const char *topic, *partition, *state, *reason;
	double position, committed, lag, oldest_seconds, oldest_offset;
	const char *oldest_id, *oldest_doing;	/* "": there is none, or it has no id */
	bool oldest_is_text;			/* the id; else base64 */
	struct snap_remedy *remedies;		/* of its oldest event, once that is late */
	size_t n_remedies;
};

struct snap_sub {
	const char *name, *state, *reason;
	double in_flight, max_in_flight, waiting;
	double oldest_seconds;		/* NOT_KNOWN: there is no unfinished event */
	const char *oldest_id, *oldest_doing;
	double lag;			/* of its partitions together */
	bool counted;			/* an engine answered; else the counts below are NOT_KNOWN */
	double consumed, handled, failed, duplicates, dead;	/* failed: of handled, those to retry and the rejected */
	const char *ledger;
	double ids, ledger_bytes;
	struct snap_partition *partitions;
	size_t n_partitions;
	struct snap_remedy *remedies;
	size_t n_remedies;
};

struct snap_handler {
	const char *name, *plugin, *version, *reason, *state;
	double busy, workers, stuck, runs, run_seconds;
};

/* An event that was inside a handler when the last engine ended. */
struct snap_event {
	const char *blame, *handler, *topic, *partition, *offset, *id;
	bool text;			/* the id; else base64 */
};

struct snapshot {
	const char *node, *version, *state, *pid;
	double time, started;		/* Unix milliseconds; started 0 or NOT_KNOWN: no engine answers */
	double next_start_ms, restarts;
	double exit_at;			/* NOT_KNOWN: none is told of */
	const char *exit_cause, *exit_by, *exit_inside;
	struct snap_event *events;
	size_t n_events;
	struct snap_sub *subs;
	size_t n_subs;
	struct snap_handler *handlers;
	size_t n_handlers;
	char **texts;			/* all of the above */
	size_t n_texts, cap_texts;
};

/* 0, or -EBADMSG with `why`. */
int snapshot_parse(struct bytes body, struct snapshot **ret_snapshot, char *why, size_t size);
void snapshot_free(struct snapshot *s);		/* NULL is allowed */

#endif
