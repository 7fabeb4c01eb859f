/* run.h - a worker: its connection and the events it has in hand.
 *
 * Owns:    nothing of an event.
 * Threads: worker.
 * Uses:    libpq.
 */
#ifndef POSTGRES_RUN_H
#define POSTGRES_RUN_H

#include "postgres.h"

struct item {
	const struct semel_event *e;
	int *outcome;
	bool fresh; /* its row in the inbox is new */
};

struct worker {
	struct conn conn;
	struct item *room; /* as many as `batch` */
	struct item *items; /* those without an outcome: patience ends with the first that is cancelled */
	size_t n;
};

/* Until an event in hand is cancelled. */
struct patience patience_of(struct worker *w);

/* One transaction of n events.  0: committed.  -EBADMSG: refused for the event *ret_failed (n: not known which), and
 * rolled back.  -ENOTCONN: nobody knows.  -ECANCELED: given up. */
int transact(struct worker *w, struct item *items, size_t n, size_t *ret_failed);

#endif
