/* timers.h - events by the time they are due: a binary heap that knows each event's place.
 *
 * Owns:    its array; never events.
 * Threads: ledger thread only.
 * Uses:    core/event.
 */
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include "core/event.h"

struct timers {
	struct event **heap;		/* heap[0] is due first */
	size_t n, cap;
};

void timers_free(struct timers *t);
int timers_add(struct timers *t, struct event *ev);	/* by ev->f.due; 0 or -ENOMEM */
void timers_del(struct timers *t, struct event *ev);	/* not there is fine */
/* The event that is due first, still in the heap; NULL: none. */
struct event *timers_first(const struct timers *t);

#endif
