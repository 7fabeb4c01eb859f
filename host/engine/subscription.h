/* subscription.h - what the threads of one subscription share.
 *
 * The poller owns the event source, decode, windows and budget at entry; the
 * ledger thread owns the flow: lanes, claims, retries and the store's
 * connection; workers run handlers.  They hand events over by mailbox:
 *
 *   poller  --MAIL_EVENT (chains, in delivery order)--> flow_box
 *   workers --MAIL_OUTCOME------------------------------> flow_box
 *   letters --MAIL_ACK----------------------------------> flow_box
 *   poller  --MAIL_REVOKE-------------------------------> flow_box
 *   flow    --MAIL_EVENT (ev->finished)-----------------> poller_box
 *
 * Owns:    mailboxes, counters, the shown state.
 * Threads: as marked at each member.
 * Uses:    core, base.
 */
#ifndef ENGINE_SUBSCRIPTION_H
#define ENGINE_SUBSCRIPTION_H

#include "base/box.h"
#include "base/mailbox.h"
#include "core/backend.h"
#include "core/event.h"
#include "core/metrics.h"
#include "engine/observer.h"
#include "engine/tap.h"

#include <pthread.h>

enum mail_kind { MAIL_EVENT = 1, MAIL_OUTCOME, MAIL_ACK, MAIL_REVOKE, MAIL_QUERY, MAIL_ACCEPT, MAIL_ASIDE };

/* Sent by the poller for one partition: the flow gives back, unfinished, every event of it with an epoch up to
 * `epoch` that is not inside a handler or about to be settled; those follow when they end.  Outcomes are settled
 * either way.  The flow frees it. */
struct revoke_mail {
	struct mail mail;
	uint32_t part_index, epoch;
};

/* States as shown (REFERENCE section 3). */
#define SUB_STATES(X) \
	X(STARTING, "starting") X(RUNNING, "running") X(PAUSED, "paused") X(DRAINING, "draining") \
	X(WAITING_LEDGER, "waiting-ledger") X(WAITING_BROKER, "waiting-broker") X(BLOCKED, "blocked") \
	X(STUCK, "stuck") X(STOPPED, "stopped")
#define X(id, text) SUB_##id,
enum sub_state { SUB_STATES(X) SUB_N_STATES };
#undef X
const char *sub_state_name(enum sub_state s);

enum sub_hold { HOLD_NONE, HOLD_PAUSE, HOLD_DRAIN };

/* An event as a row of many has it. */
#define BRIEF_ID_MAX 255
struct event_brief {
	int64_t polled_us;		/* struct mono; 0: there is none */
	int64_t offset;
	const char *doing;		/* a constant */
	uint16_t id_len;		/* of the whole id; above BRIEF_ID_MAX it is cut */
	char id[BRIEF_ID_MAX];
};

struct partition_status {
	char topic[250];
	int32_t partition;
	int64_t position, committed, end;	/* -1: unknown */
	struct event_brief oldest;	/* its oldest unfinished event */
	const char *state;		/* running, paused, blocked, draining */
	char reason[320];		/* why it stands still; empty: it does not */
};

/* One event as it is shown. */
struct event_status {
	int64_t polled_us;		/* struct mono; 0: there is none */
	int64_t offset;
	int32_t partition;
	char topic[250];
	size_t id_len;
	char id[EVENT_ID_MAX];
	const char *doing;		/* a constant */
};

/* Where an event is on this host, for who asks for its story. */
struct event_here {
	struct event_status event;	/* polled_us 0: it is not here */
	const char *handler;		/* "": none */
	uint32_t attempt;		/* of the run at hand, or of the last one; 0: none yet */
	bool stands, aside;		/* its partition stands still for it; an operator puts it aside */
	int64_t due_us;			/* struct mono of its next attempt; 0: it waits for none */
	int64_t running_since_ms;	/* Unix time; 0: it is in no handler */
	char why[512];			/* its last error; "": none */
};

struct sub_status {			/* under `lock` */
	pthread_mutex_t lock;
	/* The poller's word. */
	enum sub_state poller_state;	/* RUNNING, STARTING, WAITING_BROKER, BLOCKED, DRAINING, STOPPED */
	char poller_reason[512];
	struct partition_status *partitions;
	size_t n_partitions;
	/* The ledger thread's word. */
	char ledger_state[16];		/* starting ok unreachable refused lost */
	char ledger_reason[512];
	char identity[33];
	uint32_t generation;
	uint64_t entries, records, bytes, segments, filter_bytes, healed, retention_ms;
	uint64_t memory, memory_limit;	/* of the ledger's server; limit 0: none */
	struct event_status oldest;	/* the oldest unfinished event */
	uint32_t oldest_round;		/* counts the looks for each partition's oldest event */
	char stuck_events[512], stuck_fetch[384];	/* what stands still, and since when; empty: nothing */
	struct event_status stuck;	/* the event that stuck_events is about */
	/* Start-up's word: a missing plugin; empty if none.  Set once before the threads start, or by the retry of open. */
	char blocked_reason[512];
};

struct sub_series {			/* metrics of this subscription, made at setup */
	struct series *duplicates, *unrouted, *conflicts, *lease_lost, *takeovers, *in_flight, *in_flight_bytes,
	    *retry_waiting, *oldest, *paused, *event_seconds, *queue_seconds, *ledger_up, *ledger_entries, *ledger_segments, *healed, *orphans,
	    *dropped, *reruns_retry, *reruns_takeover, *reruns_crash, *reruns_loss, *reruns_replay;
	struct series *dead_letters[DLQ_N_REASONS], *state[SUB_N_STATES], *standing;
};

struct subscription {
	const struct config *config;
	const struct config_subscription *conf;
	const struct backend *backend;
	const struct observer *observer;	/* NULL: none */
	unsigned index;
	struct metrics *metrics;
	struct sub_series series;

	struct mailbox flow_box, poller_box;
	/* Budget: the poller adds at decode and subtracts when an event has come back; the flow moves waiting
	 * events out of the count and in again. */
	_Atomic int64_t in_flight, in_flight_bytes;
	_Atomic int64_t retry_waiting;
	/* False while nothing can be claimed (ledger away, refused, lost): the poller pauses its partitions. */
	_Atomic bool accepting;
	/* Each assigned partition has passed the end that it had when it was assigned: nothing older comes any more.
	 * The poller writes. */
	_Atomic bool caught_up;
	/* No handler starts past this (struct mono); 0: none may start.  Ledger thread and renewal write. */
	_Atomic int64_t lease_until_us;
	/* An operator's word: HOLD_*.  The admin thread writes; the poller fetches nothing while it is set, and the ledger
	 * thread starts nothing while it is HOLD_PAUSE. */
	_Atomic int hold;
	/* The gate's (engine/gate.h): it may start something, or something runs; events in a pool's queue are not to be run,
	 * unless alone; how many are with workers.  The ledger thread writes. */
	_Atomic bool busy, shut;
	_Atomic int running;
	/* No progress for stall_timeout: of events (the ledger thread writes), of the fetch (the poller writes). */
	_Atomic bool stuck_events, stuck_fetch;
	/* Partitions that stand still for an event.  The ledger thread writes. */
	_Atomic int standing;
	/* Counts semel resume: exhausted events run once more.  The admin thread writes. */
	_Atomic uint32_t resumes;
	/* The retry topic exists: a partition of it was assigned here, once.  The poller writes. */
	_Atomic bool has_retry_topic;
	/* A handler of a route is not there, or its open has not succeeded: do not consume. */
	_Atomic bool blocked;

	struct tap_hub tap;		/* who looks on */

	struct box *box;
	struct box_section *section;	/* its part of the black box; slots are the ledger thread's and the workers' */

	struct sub_status status;
};

int subscription_init(struct subscription *s, const struct config *c, unsigned index, const struct backend *backend,
    const struct observer *observer, struct metrics *m);
void subscription_destroy(struct subscription *s);
/* A connection to its ledger; NULL when out of memory. */
struct store *subscription_store(const struct subscription *s);

#endif
