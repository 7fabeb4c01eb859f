/* recorder.h - a subscription's part of the black box: the runs under way, and what earlier engines left.
 *
 * Each event that is given to a worker gets a slot (base/box.h), which is free
 * again when what came of it is in the ledger.  What an earlier engine left is
 * handed to core/link for recording, and asked for when the event comes again:
 * a suspect runs alone, a verdict is acted on without a run.
 *
 * Owns:    nothing of the box; its lists.
 * Threads: the ledger thread.
 * Uses:    base/box, core/flow, core/link.
 */
#ifndef ENGINE_RECORDER_H
#define ENGINE_RECORDER_H

#include "core/link.h"
#include "engine/subscription.h"

struct recorder;

int recorder_new(struct subscription *s, struct recorder **ret_recorder);
void recorder_free(struct recorder *r);		/* NULL is allowed */

/* ---- At the start */
/* Sessions and runs of engines that are dead, for link_recover; valid until the next call.  False: there are none. */
struct recorder_left {
	struct session_id sessions[BOX_MAX_SESSIONS + 1];
	size_t n_sessions;
	const struct link_run *runs;
	size_t n_runs;
	bool doubtful;
};
bool recorder_left(struct recorder *r, struct recorder_left *ret_left);
/* That is in the ledger. */
void recorder_recovered(struct recorder *r);
/* From now on claims are made under this session.  To be called before it is opened. */
void recorder_session(struct recorder *r, struct session_id session);

/* ---- Runs */
bool recorder_has_room(const struct recorder *r);
void recorder_give(struct recorder *r, struct event *ev);	/* sets ev->run.slot */
void recorder_recorded(struct recorder *r, struct event *ev);	/* its slot is free */
/* Its run ended, with an outcome: it has killed nobody. */
void recorder_outlived(struct recorder *r, const struct event *ev);
/* It goes back, for good if `finished`. */
void recorder_back(struct recorder *r, struct event *ev, bool finished);
/* What is known of it; says it in ev->run.why where that decides what becomes of it. */
enum flow_past recorder_past(struct recorder *r, struct event *ev);
/* Past max_run: it is what the engine's end is blamed on. */
void recorder_overran(struct event *ev);

#endif
