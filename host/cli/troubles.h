/* troubles.h - why something is not as it should be, and what to type.
 *
 * Owns:    the lines, until troubles_free.
 * Threads: main only.
 * Uses:    cli/facts.
 */
#ifndef CLI_TROUBLES_H
#define CLI_TROUBLES_H

#include "cli/facts.h"

/* One line: before, then the state in its colour, then after.  All of it is escaped. */
struct trouble {
	char *before, *after;
	const char *state;		/* NULL: none; the snapshot's */
	const char *kind;		/* "head", "type" (a command, and what for in `after`), "event" */
};

/* All zero is empty and ready. */
struct troubles {
	struct trouble *lines;
	size_t n, cap;
};

/* Nothing if there is nothing to say. */
void troubles_of_sub(struct troubles *t, const struct snap_sub *s);
/* The partitions whose oldest event is late: the worst few, and how many more there are. */
void troubles_of_partitions(struct troubles *t, const struct snap_sub *s);
void troubles_of_handler(struct troubles *t, const struct snap_handler *h);
/* Why the engine before this one ended, and what was inside a handler then. */
void troubles_of_engine(struct troubles *t, const struct snapshot *s);
void troubles_free(struct troubles *t);

#endif
