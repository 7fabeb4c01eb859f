/* poller.h - the thread that owns one subscription's event source.
 *
 * It polls, decodes, keeps the window of each partition, hands events to the
 * flow in delivery order, takes them back, stores what is safe to commit, and
 * answers the group's rebalances: a revoke drains, bounded in time, before
 * the partition is given up.  Where a partition begins without a committed
 * offset is decided here (`start`), never by the client library.
 *
 * Owns:    the source, partitions, windows, the pool of events.
 * Threads: start, stop: the engine's main thread; the rest inside.
 * Uses:    core/source, engine/decode, core/offsets.
 */
#ifndef ENGINE_POLLER_H
#define ENGINE_POLLER_H

#include "engine/subscription.h"

struct poller;

/* Starts the thread.  It joins the group at once: the ledger session is open by then, so `hash_key` (of ids and
 * payload checks, from the ledger's metadata) is known. */
int poller_start(struct subscription *s, const uint8_t hash_key[16], struct poller **ret_poller);
/* The event's partition is to stand still for it, or no longer.  Threads: the ledger thread of the subscription. */
void poller_stand(struct subscription *s, const struct event *ev, bool stands);
/* In this look (status.oldest_round) the event is the first of its partition, that is, its oldest one; false: it is not.
 * Threads: the ledger thread of the subscription, under the status' lock. */
bool poller_see_oldest(struct subscription *s, const struct event *ev);
/* Ask it to drain and leave the group; returns at once. */
void poller_stop(struct poller *p);
/* Wait until it has, at most until `until`; true if it has.  Then free it with poller_free. */
bool poller_wait(struct poller *p, struct mono until);
void poller_free(struct poller *p);		/* NULL is allowed; only after poller_wait said true */

#endif
