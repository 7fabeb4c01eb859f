/* ring.h - a bounded queue of pointers, many producers and many consumers.
 *
 * Dmitry Vyukov's bounded MPMC queue: one compare-and-set an operation, no
 * lock.  Used between the flow and the workers of a handler, one event at a
 * time, because a worker that took several would hold back the ones behind a
 * slow event.
 *
 * Owns:    its cells; never what they point to.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;

/* Room for at least `cap` pointers; NULL when out of memory. */
struct ring *ring_new(size_t cap);
void ring_free(struct ring *r);			/* NULL is allowed */
bool ring_push(struct ring *r, void *p);	/* false: full */
size_t ring_length(const struct ring *r);		/* about */
void *ring_pop(struct ring *r);			/* NULL: empty */

#endif
