/* event.h - one event on its way, from the poller that made it and back.
 *
 * A struct event is lent along the way of an event (docs/architecture.md):
 * poller -> flow -> worker -> flow -> poller.  Whoever holds it may write the
 * part that is marked as its own; nobody else touches it meanwhile.
 *
 * Owns:    its message and its id.
 * Threads: the holder only, except `cancelled`.
 * Uses:    base.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mailbox.h"

#include <stdatomic.h>

/* A record of the event source.  `ops` hides the client library. */
struct message;
struct message_ops {
	/* The last header of that name; absent (data NULL) if there is none or its value is null. */
	struct bytes (*header)(struct message *m, const char *name);
	/* The i-th of all; false past the end. */
	bool (*header_at)(struct message *m, size_t i, const char **ret_name, struct bytes *ret_value);
	/* Let go of the client's memory, keep a copy of the record; 0 or -ENOMEM (unchanged). */
	int (*detach)(struct message *m);
	void (*free)(struct message *m);
};

struct message {
	const struct message_ops *ops;	/* NULL: no message */
	void *native;			/* the adapter's */
	_Atomic bool parsed;		/* its headers were read: from now on others than the holder may read them, too */
	const char *topic;		/* lives as long as the subscription */
	int32_t partition;
	int64_t offset, timestamp_ms;	/* -1: unknown */
	struct bytes key, payload;
	size_t size;			/* what it counts against max_in_flight_bytes */
};

/* What decode found.  All but FATE_HANDLE end in a dead letter or are skipped. */
enum fate {
	FATE_HANDLE,
	FATE_NO_ID, FATE_BAD_ID, FATE_UNROUTED, FATE_SKIP_UNROUTED, FATE_TOO_OLD
};

/* Why a dead letter was written: the closed set of `semel.dlq.reason`. */
#define DLQ_REASONS(X) \
	X(REJECTED, "rejected") X(EXHAUSTED, "exhausted") X(CRASHED, "crashed") X(TIMEOUT, "timeout") \
	X(NO_ID, "no_id") X(BAD_ID, "bad_id") X(ID_CONFLICT, "id_conflict") X(UNROUTED, "unrouted") \
	X(TOO_OLD, "too_old") X(OVERSIZE, "oversize") X(OPERATOR, "operator")
#define X(name, text) DLQ_##name,
enum dlq_reason { DLQ_REASONS(X) DLQ_N_REASONS };
#undef X
const char *dlq_reason_name(enum dlq_reason reason);
/* Of an enum semel_outcome that ends a run; NULL for others. */
const char *event_outcome_name(int outcome);

#define EVENT_ID_INLINE 64
#define EVENT_ID_MAX 1024

struct lane;
struct event_list;
struct partition;
struct box_slot;
struct emitted;

struct event {
	struct mail mail;		/* whoever hands it on */
	bool finished;			/* on its way back: its offset needs no more work */
	bool letter_ok;			/* on its way from the producer: acknowledged */

	/* Set at decode, constant from then on. */
	struct message msg;
	struct partition *part;		/* the poller's; opaque elsewhere */
	uint32_t epoch;			/* of the assignment under which it was delivered */
	uint32_t part_index;		/* small number of `part` within the subscription */
	enum fate fate;
	uint8_t id_hash[16];		/* keyed SipHash-2-4-128 of the id; the ledger compares 14 bytes */
	uint32_t check;			/* keyed hash of the payload */
	uint64_t lane_key;		/* keyed hash of topic, partition and key, as `order` says */
	struct bytes id;		/* in id_inline or in id_heap */
	char id_inline[EVENT_ID_INLINE];
	char *id_heap;
	uint16_t route, handler;	/* indexes into the configuration */
	/* Where it came from: of a record of the retry topic, the one that it continues. */
	struct {
		const char *topic;
		int32_t partition;
		int64_t offset, timestamp_ms;
	} origin;
	/* A record of the retry topic has a ledger id of its own, made of these, and waits for what it continues. */
	bool chained;
	uint32_t replays, retries;
	uint8_t before_hash[16];	/* the ledger id that it continues */
	uint32_t failed_before, crashes_before;	/* counted there */
	struct mono due;		/* not to be run before; us 0: at once */
	struct mono polled;

	/* The flow's (core/flow). */
	struct {
		uint8_t state;		/* enum flow_state */
		uint8_t settle;		/* what is to be written when it ends: enum flow_settle */
		uint8_t reason;		/* enum dlq_reason of its letter */
		bool counted;		/* against max_in_flight */
		bool revoked;		/* its partition was given up: no new run, goes back unfinished */
		bool retake;		/* its claim is of an earlier session of ours */
		bool ended;		/* the handler's outcome is known: never run again, only record it */
		uint8_t rerun;		/* the next start repeats: enum flow_note of its cause, or 0 */
		bool letter_failed;
		bool oversize;		/* its letter goes without the value */
		bool wait_failed;	/* its back-off counts as a failed attempt */
		bool held;		/* its id is claimed, or being claimed, by it */
		bool lost;		/* its claim went while a worker ran it */
		bool standing;		/* its partition stands still for it */
		bool once_more;		/* an operator has said resume: exhausted, it runs all the same */
		char *aside;		/* an operator puts it aside, and why; owned */
		bool emitting;		/* its letter is what the handler emitted */
		bool hand_over;		/* its letter is a record for the retry topic */
		bool before_ok;		/* what it continues is final, and not done */
		uint8_t parking;	/* what is under way about what it continues: enum flow_parking */
		struct lane *lane;
		struct event *lane_next, *lane_prev;
		struct event_list *list;	/* the list it stands in, if any */
		struct event *list_next, *list_prev;
		struct event *all_next, *all_prev;
		struct event *hash_next;
		struct event *joiners;	/* events of the same id that wait for this one */
		struct event *join_next;
		struct event *holder;	/* whom it waits for */
		uint64_t fence;		/* names its claim in the ledger */
		uint64_t looked_before;	/* as `looked`, for the id that it continues */
		uint64_t looked;	/* the client's view under which no segment has its id; 0: none yet */
		uint32_t timer;		/* place in the heap of timers + 1; 0: none */
		struct mono due;
		int64_t delay_ms;	/* of its back-off */
		int64_t wait_until_ms;	/* as written into the ledger, Unix time */
	} f;

	/* The run: written by the flow before, by the worker during it. */
	struct {
		unsigned sub;		/* the subscription, for the way back */
		uint64_t fence;
		uint32_t attempt, failed, crashes, takeovers;
		bool redelivered;
		bool alone;		/* nothing else runs in the engine meanwhile */
		_Atomic bool cancelled;	/* set by the flow at any time */
		_Atomic bool unwanted;	/* given up before a worker began it, which then gives it back; the flow's */
		bool timed_out;
		bool overran;		/* past max_run: the engine ends for it */
		int outcome;		/* enum semel_outcome, or RUN_NOT_STARTED */
		int64_t retry_ms;	/* -1: the configured back-off */
		char *why;		/* owned; NULL: nothing was said */
		int64_t handler_us;
		struct emitted *emitted;	/* to be published before it is recorded; NULL: nothing; owned */
		struct box_slot *slot;	/* where the run is noted; the engine's */
	} run;
};

#define RUN_NOT_STARTED (-1)

#endif
