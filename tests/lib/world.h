/* world.h - several hosts on one ledger, simulated: the real flow, link, client and upkeep, a virtual clock, and
 * everything that can go wrong between two steps.
 *
 * Kills, lost replies, pauses past the lease, rebalances, lost sessions, failovers that lose acknowledged writes
 * with a clock that steps, killed sealers and mergers.  Against it stands an in-memory truth: which event runs
 * where, what is recorded, what was lost.  Any broken promise ends the test with the seed.
 *
 * Owns:    static state; one world at a time.
 * Threads: one.
 * Uses:    core, check.
 */
#ifndef TESTS_LIB_WORLD_H
#define TESTS_LIB_WORLD_H

#include "core/ledger/store.h"

struct world_store {			/* what the ledger lies in */
	void *arg;
	struct store *(*open)(void *arg);
	void (*set_time)(void *arg, uint64_t server_us);
	void (*snapshot)(void *arg);	/* what a failover goes back to */
	void (*failover)(void *arg);
};

struct world_figures {
	uint64_t steps, starts, repeats, kills, takeovers, lapses, lost_replies, revokes, letters, failovers,
	    lost_ids, healed, rotated, sealed, merged, lost_races, killed_keepers, looks, accepted, recovered, suspects;
};

struct world_rules {
	uint64_t seed, limit;		/* steps; the second half is calm */
	unsigned records;		/* a partition, at most WORLD_RECORDS */
	unsigned generation_ids;
	unsigned faults;		/* one in so many steps: 20000 */
};
#define WORLD_RECORDS 12000

void world_run(const struct world_store *store, const struct world_rules *rules, struct world_figures *ret_figures);
void world_print(const struct world_rules *rules, const struct world_figures *f);

#endif
