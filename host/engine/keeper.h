/* keeper.h - the thread that keeps one ledger small: rotates, seals, merges, drops.
 *
 * It has a connection of its own and works on what the ledger thread last
 * showed it (core/upkeep); nothing of it delays a claim.
 *
 * Owns:    its store and thread, references to tables.
 * Threads: the ledger thread's, all calls.
 * Uses:    core/upkeep.
 */
#ifndef ENGINE_KEEPER_H
#define ENGINE_KEEPER_H

#include "core/upkeep.h"
#include "engine/subscription.h"

struct keeper;

int keeper_start(struct subscription *s, struct keeper **ret_keeper);
void keeper_stop(struct keeper *k);		/* NULL is allowed; takes it */
/* The ledger as it is now; returns at once. */
void keeper_look(struct keeper *k, const struct client_view *view, struct session_id session,
    const struct upkeep_rules *rules);
/* True once after the keeper has changed the ledger, or found it changed. */
bool keeper_moved(struct keeper *k);

#endif
