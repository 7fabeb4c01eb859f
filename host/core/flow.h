/* flow.h - what happens to the events of one subscription between poll and commit.
 *
 * The heart of the host, without a thread, a socket or a clock: lanes,
 * claims, joins, runs, back-offs, dead letters and settles as one state
 * machine.  Its owner (engine/ledger_io, or a simulation) feeds it events,
 * outcomes, acknowledgements and the time, sends the calls that it fills, and
 * gives the results back.  States and transitions are drawn in
 * docs/architecture.md.
 *
 * Rules it keeps (LEDGER.md sections 2, 3, 4 and 7):
 *  - the place in the lane is the order of flow_add, whatever detour a claim takes;
 *  - a handler starts only with a claim, at the head of its lane, before the lease's deadline;
 *  - a claim is held only while its event can run: behind a head that waits for another's claim, for a
 *    back-off of more than a second or for a failing dead letter, nothing is claimed;
 *  - an event goes back as finished only when the log shows a final state;
 *  - an outcome that is known is never run for again, only recorded.
 *
 * Owns:    events, from flow_add until `back`.
 * Threads: ledger thread only.
 * Uses:    core/lanes, core/timers, core/backoff, core/ledger/client.
 */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include "core/config.h"
#include "core/event.h"
#include "core/ledger/client.h"

/* What is told to `note`, for metrics and logs. */
enum flow_note {
	FLOW_NOTHING,
	FLOW_DUPLICATE,			/* known id: not handled */
	FLOW_CONFLICT,			/* known id, other payload */
	FLOW_UNROUTED,
	FLOW_TAKEOVER,			/* a claim of an ended session is ours now */
	FLOW_RERUN_RETRY,		/* starts again after a recorded RETRY */
	FLOW_RERUN_REPLAY,		/* starts because its dead letter is replayed */
	FLOW_RERUN_TAKEOVER,		/* starts, and may have run under the session that ended */
	FLOW_RERUN_CRASH,		/* starts again because our own engine died while it ran */
	FLOW_RERUN_LOSS,		/* starts again because the ledger lost its claim */
	FLOW_CLAIM_LOST,		/* an own claim is not ours any more */
	FLOW_ORPHAN,			/* an own claim that nobody here held was released; no event */
	FLOW_DEAD_LETTER,		/* acknowledged; ev->f.reason */
	FLOW_STANDS,			/* its partition is to stand still: exhausted, or past max_hold; ev->f.standing */
	FLOW_STANDS_NOT,		/* ... no more */
	FLOW_EMITTED,			/* what its handler emitted is acknowledged */
	FLOW_HANDED_OVER,		/* the retry topic has it */
	FLOW_DROPPED,			/* exhausted, recorded dead without a letter */
	FLOW_LETTER_FAILED,		/* the letter was refused; it is tried again */
	FLOW_FALSE_CANCEL		/* SEMEL_CANCELLED without having been told to give up */
};

/* What is known of an event from before this engine: the black box's word. */
enum flow_past {
	FLOW_PAST_NONE,
	FLOW_PAST_BEGUN,		/* it was inside a handler */
	FLOW_PAST_SUSPECT,		/* ... and may have killed the engine */
	FLOW_PAST_TIMEOUT,		/* ... and was past max_run */
	FLOW_PAST_REJECTED		/* the handler rejected it, which is still to be acted on */
};

struct flow_out {
	void *arg;
	void (*start)(void *arg, struct event *ev);	/* lend ev to a worker of ev->handler */
	void (*letter)(void *arg, struct event *ev);	/* publish a dead letter; flow_letter_done answers, later */
	void (*back)(void *arg, struct event *ev);	/* to the poller; ev->finished is set */
	void (*count)(void *arg, struct event *ev, int delta);	/* enters (+1) or leaves (-1) max_in_flight */
	void (*note)(void *arg, enum flow_note note, struct event *ev);
	bool (*room)(void *arg);	/* for one more start */
	enum flow_past (*past)(void *arg, struct event *ev);	/* asked before each start */
	void (*recorded)(void *arg, struct event *ev);	/* nothing of its last run is left to be recorded */
};

struct flow;

/* The most events that are with workers at one time: those in flight, and a share of what wakes from a back-off
 * all at once. */
#define FLOW_MAX_RUNNING(conf) ((size_t)(conf)->max_in_flight + 1024)

/* `seed`: for jitter.  NULL when out of memory. */
struct flow *flow_new(const struct config_subscription *conf, const struct flow_out *out, uint64_t seed);
void flow_free(struct flow *f);			/* NULL is allowed; every event must have gone back */
/* As flow_free, with events still inside, which the caller has freed: for the death of a simulated host. */
void flow_abandon(struct flow *f);
void flow_set_client(struct flow *f, struct client *c);	/* borrowed; before the first event */

/* ---- In */
void flow_add(struct flow *f, struct event *ev);	/* takes; in delivery order */
void flow_outcome(struct flow *f, struct event *ev, struct mono now, int64_t wall_now_ms);	/* takes back from a worker */
void flow_letter_done(struct flow *f, struct event *ev, bool ok, struct mono now);
void flow_revoke(struct flow *f, uint32_t part_index, uint32_t epoch);
/* While paused nothing starts and nothing is claimed; claims that are not inside a handler are let go, so that they
 * hold nobody up (LEDGER.md section 3). */
void flow_pause(struct flow *f, bool paused);
/* A suspect runs with nothing else inside a handler of the engine (LEDGER.md section 6).  The owner lets all flows
 * of the engine but one stand still for it: SHUT starts nothing, ALONE the suspects one by one, OPEN all others. */
enum flow_gate { FLOW_GATE_OPEN, FLOW_GATE_SHUT, FLOW_GATE_ALONE };
void flow_set_gate(struct flow *f, enum flow_gate gate);
bool flow_wants_alone(const struct flow *f);	/* a suspect waits for its turn, or runs */
size_t flow_running(const struct flow *f);	/* with workers */
/* An operator's word.  Exhausted events for which their partitions stand still (on_exhausted = "pause") run once more. */
void flow_resume(struct flow *f);
/* Events of this id end in the dead-letter topic (reason operator) instead of being run; one that runs is told to give
 * up, and is put aside unless it ends well.  How many there are. */
size_t flow_put_aside(struct flow *f, struct bytes id, const char *why);
/* The retry topic is there: in mode hold, events past max_hold go to it. */
void flow_set_retry_topic(struct flow *f, bool exists);
/* Timers that are due, and starts of what may start while now < lease_until. */
void flow_step(struct flow *f, struct mono now, struct mono lease_until);

/* ---- The ledger (core/link calls these) */
/* Put what is to be written, and with `claims` what is to be claimed or looked up, into the client's next call;
 * true if there is something to send. */
bool flow_fill(struct flow *f, struct mono now, bool claims);
void flow_results(struct flow *f, struct mono now);	/* of the client's call; they are forgotten there */
/* The log was read, by a call or otherwise: whoever waits for another's claim is judged anew. */
void flow_was_read(struct flow *f, struct mono now);
/* After a lapse of the lease, a new session, or a view that was read anew: look at every claim that is held.
 * What an earlier session of ours claimed is taken over, what is gone is lost. */
void flow_recheck(struct flow *f);
/* Own claims in the log that no event here holds are released with the next call. */
void flow_orphans(struct flow *f);

/* ---- When, and how much */
struct mono flow_due(const struct flow *f);		/* the next timer; MONO_NEVER: none */
struct mono flow_read_due(const struct flow *f);	/* when to read the log if nothing was sent */
size_t flow_pending(const struct flow *f);		/* waits to be put into a call */
size_t flow_events(const struct flow *f);		/* held in all */
size_t flow_waiting(const struct flow *f);		/* of these, in a back-off */
/* The oldest event that ought to make progress: neither in a back-off nor delayed; NULL: none. */
const struct event *flow_oldest_active(const struct flow *f);
const char *flow_doing(const struct event *ev);	/* what it does, in words */
/* What is to be told of it to people. */
struct flow_told {
	const char *doing;
	bool runs, waits;		/* a worker has it; it is in a back-off or delayed, until `due` */
	bool stands, aside;		/* its partition stands still for it; an operator puts it aside */
	struct mono due;
	const char *why;		/* its last error; NULL: none, or a worker has it; lives until the event goes on */
};
void flow_tell(const struct event *ev, struct flow_told *ret_told);
/* The event longest here; NULL: none. */
const struct event *flow_oldest(const struct flow *f);
const struct event *flow_younger(const struct event *ev);	/* the next one in the order of delivery; NULL: none */

#endif
