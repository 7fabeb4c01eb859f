/* flow_private.h - what the files of the flow share; nobody else includes it.
 *
 * flow.c        in and out: add, revoke, step, finish
 * flow_lane.c   who may claim and who may start
 * flow_ledger.c  filling calls
 * flow_results.c their results, the log as it was read
 * flow_end.c    outcomes, back-offs, dead letters
 * flow_operator.c resume, putting aside
 * flow_chain.c  records of the retry topic, and what they continue
 *
 * Owns:    -
 * Threads: ledger thread only.
 * Uses:    core/flow.
 */
#ifndef CORE_FLOW_PRIVATE_H
#define CORE_FLOW_PRIVATE_H

#include "core/event_list.h"
#include "core/flow.h"
#include "core/lanes.h"
#include "core/timers.h"

enum flow_state {
	FLOW_DELAYED,			/* a record of the retry topic that is not due (timer); in no lane yet */
	FLOW_QUEUED,			/* no claim; in `claimable` if its lane lets it */
	FLOW_LOOKING,			/* its id is looked up in the segments */
	FLOW_CLAIMING,			/* claim or takeover under way */
	FLOW_CLAIMED,			/* ours; in `ready` when it is the head of its lane */
	FLOW_RUNNING,			/* with a worker */
	FLOW_LETTER,			/* its letter is with the producer, or waits to be sent again (timer) */
	FLOW_WRITE,			/* f.settle is to be written; in `writes` */
	FLOW_WRITING,			/* f.settle is under way */
	FLOW_WAITING,			/* back-off, recorded (timer) */
	FLOW_JOINED			/* waits for f.holder, or, in `joined`, for another host */
};

enum flow_settle {
	FLOW_SETTLE_NONE,		/* nothing of it is in the ledger */
	FLOW_SETTLE_DONE, FLOW_SETTLE_DEAD, FLOW_SETTLE_PARKED, FLOW_SETTLE_RELEASE, FLOW_SETTLE_WAIT, FLOW_SETTLE_WAKE
};

/* What is under way about the id that a record of the retry topic continues: it is looked up; or was left open, and is
 * claimed, then settled parked. */
enum flow_parking { FLOW_PARKING_NOT, FLOW_PARKING_LOOK, FLOW_PARKING_CLAIM, FLOW_PARKING_SETTLE };

/* A head whose back-off is longer lets go of the claims behind it (LEDGER.md section 3). */
#define FLOW_LONG_WAIT_MS 1000
/* Who waits for another host reads the log so often: doubling from the first to the second. */
#define FLOW_READ_FIRST_US 5000
#define FLOW_READ_LAST_US 100000
#define FLOW_READ_IDLE_US 1000000

struct flow {
	const struct config_subscription *conf;
	struct flow_out out;
	struct client *client;
	struct lanes *lanes;
	struct timers timers;
	uint64_t random;
	int64_t wall_ms;		/* Unix time, as last told */
	struct mono now;		/* of the call under way into the flow */

	/* All events, oldest first. */
	struct event *first, *last;
	size_t n, n_waiting, n_retake, n_running;

	/* Ids that are claimed, or being claimed, by an event here. */
	struct event **held;
	size_t held_mask;

	struct event_list claimable, ready, writes, joined;
	struct event_list suspects;	/* ready, each to be run alone */
	struct event *alone;		/* the suspect that runs */
	enum flow_gate gate;
	bool orphans_wanted, paused, has_retry_topic;

	struct mono read_at;		/* the log was last read */
	int64_t read_us;		/* interval until it is read again */
	uint64_t foreign_seen;
	struct mono joined_at;
};

/* flow.c */
void flow_finish(struct flow *f, struct event *ev, bool finished);
void flow_set_timer(struct flow *f, struct event *ev, struct mono due);
void flow_due_now(struct flow *f, struct event *ev);	/* of DELAYED, WAITING or LETTER */
struct event *flow_held_find(const struct flow *f, const uint8_t *id);
void flow_hold(struct flow *f, struct event *ev);
/* ev holds its id no more; whoever joined it is judged anew, or is a duplicate if `final`. */
void flow_unhold(struct flow *f, struct event *ev, bool final);
void flow_detach(struct event *ev);
void flow_set_counted(struct flow *f, struct event *ev, bool counted);

/* flow_lane.c */
void flow_lane_look(struct flow *f, struct lane *lane);
void flow_leave_lane(struct flow *f, struct event *ev);
void flow_queue(struct flow *f, struct event *ev);	/* QUEUED, and claimable if its lane lets it */
void flow_claimed(struct flow *f, struct event *ev);
void flow_write(struct flow *f, struct event *ev, enum flow_settle settle);
void flow_join(struct flow *f, struct event *ev, struct event *holder);
void flow_unjoin(struct event *ev);
void flow_start_ready(struct flow *f, struct mono lease_until);

/* flow_end.c */
void flow_known(struct flow *f, struct event *ev, uint32_t check);	/* its id is recorded already */
void flow_send_letter(struct flow *f, struct event *ev, enum dlq_reason reason, enum flow_settle settle);
void flow_hand_over(struct flow *f, struct event *ev, int64_t due_ms);	/* to the retry topic, Unix time */
void flow_emit(struct flow *f, struct event *ev);
void flow_exhausted(struct flow *f, struct event *ev);
void flow_give_up_letter(struct flow *f, struct event *ev);
bool flow_letter_fate(const struct event *ev, enum dlq_reason *ret_reason);

/* flow_operator.c */
void flow_stand(struct flow *f, struct event *ev, bool stands);
void flow_send_aside(struct flow *f, struct event *ev);

/* flow_chain.c */
/* True: ev has to wait for what it continues, or is a duplicate by it; what follows from that was done. */
bool flow_chain_holds(struct flow *f, struct event *ev);
void flow_chain_result(struct flow *f, struct event *ev, const struct client_result *r);
/* What it waits for is open with somebody who lives. */
bool flow_waits_for_another(const struct flow *f, const struct event *ev);

/* flow_ledger.c */
bool flow_is_current(const struct flow *f, const struct session_id *id);	/* the session we write under */
bool flow_may_take_over(const struct flow *f, const struct session_id *from);
/* The claim of ev is not ours any more. */
void flow_lost(struct flow *f, struct event *ev);

#endif
