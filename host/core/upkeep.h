/* upkeep.h - keeping a ledger small: rotate, seal, merge, drop.
 *
 * A state machine on a store connection of its own.  Each step is one round
 * trip, or one chunk, so that it can be stopped, killed and simulated between
 * any two.  Nothing of it is needed for a claim, and all of it may be done by
 * several hosts at once: a compare-and-set on the version decides, the loser's
 * chunks expire.  A lock only saves work.
 *
 *   rotate  the generation has its number of new ids, or its age: a new list begins
 *   seal    the list before is closed: its final ids become a segment, its open entries are carried
 *   merge   eight segments of a tier become one of the next
 *   drop    a segment whose ids are all older than the retention goes
 *
 * Owns:    its references to tables and segments, its buffers.
 * Threads: one at a time.
 * Uses:    core/ledger.
 */
#ifndef CORE_UPKEEP_H
#define CORE_UPKEEP_H

#include "core/ledger/client.h"

#define UPKEEP_GENERATION_IDS 262144	/* at least so many new ids a generation */
#define UPKEEP_FAN_IN 8

struct upkeep_rules {
	uint64_t generation_ids;	/* 0: UPKEEP_GENERATION_IDS */
	uint64_t retention_ms;
	bool may_drop;			/* no partition of ours may bring an old event again */
	uint64_t server_now_us;		/* the store's clock; 0: not known, nothing goes by age */
	uint64_t host_now_s;		/* ours, Unix time: when the two differ, nothing is dropped */
};

struct upkeep;

/* Borrows the store.  NULL when out of memory. */
struct upkeep *upkeep_new(struct store *store, uint64_t seed);
void upkeep_free(struct upkeep *u);		/* NULL is allowed */

/* The state of the ledger as the ledger thread has it.  Work on an older one is given up. */
void upkeep_look(struct upkeep *u, const struct client_view *view, struct session_id session,
    const struct upkeep_rules *rules);

enum upkeep_did {
	UPKEEP_IDLE,			/* nothing to do, before the next upkeep_look or later */
	UPKEEP_WORKED,			/* go on */
	UPKEEP_MOVED,			/* the version moved: the ledger thread should refresh, and upkeep_look again */
	UPKEEP_LOCKED			/* another host works: later */
};

/* The next step.  -errno: the store's trouble, or -EBADMSG: a segment is damaged (upkeep_text). */
int upkeep_step(struct upkeep *u, enum upkeep_did *ret_did);
const char *upkeep_text(const struct upkeep *u);

struct upkeep_counts { uint64_t rotated, sealed, merged, dropped, lost_races; };
struct upkeep_counts upkeep_counts(const struct upkeep *u);

#endif
