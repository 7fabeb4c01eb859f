/* watch.h - the second witness of a takeover: how long a session's lease has stood still.
 *
 * The first witness is the store's clock.  It alone would hand over every
 * claim after an outage of the store, or a promotion with another clock, that
 * took longer than the lease (LEDGER.md section 4).
 *
 * Owns:    what it saw.
 * Threads: ledger thread only.
 * Uses:    core/ledger/store (types).
 */
#ifndef CORE_LEDGER_WATCH_H
#define CORE_LEDGER_WATCH_H

#include "core/ledger/store.h"

struct watched {
	struct session_id session;
	uint64_t end_us;		/* 0: not there */
	struct mono since;		/* unchanged since, by our clock */
	bool seen;			/* in the list at hand */
};

struct watch {
	int64_t lease_us;
	uint64_t connection;
	struct mono since, last;	/* renewals have been answered without a gap from, to */
	bool started;
	struct watched *list;
	size_t n, cap;
};

void watch_init(struct watch *w, int64_t lease_us);
void watch_free(struct watch *w);
void watch_leases(struct watch *w, const struct store_lease *leases, size_t n, struct mono now, uint64_t connection);
bool watch_over(const struct watch *w, const struct session_id *id, struct mono now);

#endif
