/* lanes.h - the FIFO of events that share a key, made when one is in flight.
 *
 * A lane is found by the 64-bit keyed hash of what orders its events; two
 * keys that collide merely share one.  Events leave from the middle, too: a
 * duplicate found while it queues need not wait for its turn.
 *
 * Owns:    lanes; never events.
 * Threads: ledger thread only, so no lock.
 * Uses:    core/event.
 */
#ifndef CORE_LANES_H
#define CORE_LANES_H

#include "core/event.h"

struct lane {
	uint64_t key;
	struct lane *next;		/* in its bucket, or in the list of free ones */
	struct event *head, *tail;
	bool blocked;			/* its head waits for long: what follows holds no claim */
};

struct lanes;

struct lanes *lanes_new(size_t expected);	/* NULL when out of memory */
void lanes_free(struct lanes *l);		/* NULL is allowed */

/* Append to the lane of ev->lane_key; 0 or -ENOMEM. */
int lanes_add(struct lanes *l, struct event *ev);
/* Take ev out; its lane is freed when it was the last, and then NULL is returned, else the lane. */
struct lane *lanes_del(struct lanes *l, struct event *ev);
size_t lanes_count(const struct lanes *l);

#endif
