/* gate.h - one event alone in the engine: the flows of all subscriptions stand still for it.
 *
 * Before a flow may start anything it says that it is busy, and then looks
 * whether another flow wants to be alone; that one first says so, and then
 * looks whether others are busy.  So at least one of two sees the other
 * (Dekker), with one store and one load a round of the ledger thread.
 *
 * Owns:    nothing.
 * Threads: gate_ask, gate_done: the ledger thread of the subscription; gate_close: any; gate_is_empty: main.
 * Uses:    core/flow, engine/subscription.
 */
#ifndef ENGINE_GATE_H
#define ENGINE_GATE_H

#include "core/flow.h"
#include "engine/subscription.h"

struct gate {
	struct subscription **subs;
	size_t n;
	_Atomic uint32_t owner;		/* index + 1 of who wants to be alone; 0: nobody; GATE_CLOSED */
	_Atomic int overran;		/* events */
	_Atomic int64_t closed_us;	/* struct mono */
};
#define GATE_CLOSED UINT32_MAX

/* Before flow_step. */
enum flow_gate gate_ask(struct gate *g, struct subscription *s, bool wants_alone);
/* After it. */
void gate_done(struct gate *g, struct subscription *s, size_t running);
/* One more event is past max_run: from the first on nothing starts any more, and what else runs may end. */
void gate_close(struct gate *g);
/* Closed, and nothing runs but what was past max_run, or for longer than `patience_ms`. */
bool gate_is_empty(const struct gate *g, struct mono now, int64_t patience_ms);

#endif
