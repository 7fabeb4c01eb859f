/* try.h - what is tried: options, the events and how often each is delivered, what engines and `semel try` share.
 *
 * The process that was started (try_run.c) keeps the ledger and what it is
 * told; it has a host run in a process of its own, manager and engine as in
 * the daemon, with a backend of files and memory (try_engine.c).
 *
 *   semel try ── fork ── manager ── fork ── engine ── plugin
 *       │  <─────────── notes (try_note) ──────┤
 *       └──  ledger  <── calls (try_wire) ─────┘
 *
 * Owns:    struct try_events: the events.
 * Threads: main; in the engine as its interfaces say.
 * Uses:    core/config, adapters/json.
 */
#ifndef CLI_TRY_TRY_H
#define CLI_TRY_TRY_H

#include "adapters/json.h"
#include "core/config.h"
#include "core/event.h"

#include <stdatomic.h>

struct try_setting { const char *name, *value; };

struct try_options {
	const char *plugin, *config, *handler;	/* NULL: not given */
	const char *events, *probe, *log;
	unsigned count;			/* events to make up, without a file */
	double duplicates;		/* 0 to 1 */
	uint64_t seed;
	bool lease_loss, json, verbose;
	unsigned crash_after;		/* 0: no crash */
	int64_t slow_ms, within_ms;
	const char *workers, *batch, *timeout, *max_run, *attempts, *backoff, *order;	/* as written; NULL: not given */
	const char **ids, **emits;
	size_t n_ids, n_emits;
	struct try_setting *settings;
	size_t n_settings;
};

/* ---- Events */

struct try_event {
	struct json_event json;
	unsigned line;			/* of the file */
};

/* A record: an event at an offset. */
struct try_record {
	uint32_t event, topic;
	int64_t offset;
	bool again;			/* delivered for --duplicates */
	enum fate fate;			/* as the host decodes it */
	struct bytes id;		/* owned; absent: it has none */
	uint32_t same;			/* the first record with that id: this one, or one before */
};

struct try_topic {
	char *name;
	uint32_t *records;		/* by offset */
	size_t n;
};

struct try_events {
	struct try_event *list;
	struct try_record *records;	/* in the order of delivery */
	struct try_topic *topics;
	size_t n, n_records, n_topics;
};

/* An exit status; what is wrong was printed. */
int try_events_read(const struct try_options *o, struct try_events *ret_events);
/* Ids, as the host makes them. */
void try_events_decode(struct try_events *e, const struct config *c);
void try_events_free(struct try_events *e);
/* The number of the record, from what the host has of it; topic is one of ours. */
uint32_t try_events_find(const struct try_events *e, const char *topic, int64_t offset);

/* ---- What the processes share, in memory that outlives each of them */

#define TRY_MAX_TOPICS 1000

struct try_shared {
	_Atomic uint32_t begun, ended;	/* runs, and runs that ended well */
	_Atomic bool crashed, paused;	/* was done, as asked for */
	_Atomic bool woken;		/* the host that stood still goes on */
	_Atomic unsigned owner;		/* the host that has the partitions: 0 or 1 */
	_Atomic int64_t committed[TRY_MAX_TOPICS];	/* -1: none */
};

/* ---- Notes: what the engine tells, a packet each */

enum try_note_kind {
	TRY_STARTED,			/* an engine; pid */
	TRY_STORE,			/* it connects to the ledger; the socket comes with it */
	TRY_BEGUN, TRY_ENDED, TRY_FINISHED,
	TRY_NOTED,			/* enum flow_note */
	TRY_EMITTED,			/* one record: its topic, NUL, the record as JSON */
	TRY_PAUSED			/* the process stands still from now on */
};

struct try_note {
	uint8_t kind, host;
	uint8_t note, reason;		/* enum flow_note, enum dlq_reason */
	bool redelivered, timed_out, killed;
	int8_t outcome;
	int32_t pid;
	uint32_t record, attempt;
	int64_t us;			/* in the handler */
	int64_t retry_ms;
	uint32_t text_len;
	char text[960];
};

#define TRY_NOTE_SIZE(n) (offsetof(struct try_note, text) + (n)->text_len)

#endif
