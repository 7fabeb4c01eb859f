/* try_seen.h - what was seen of each record: runs, how they ended, what became of it.
 *
 * Owns:    all of it.
 * Threads: main.
 * Uses:    cli/try/try.
 */
#ifndef CLI_TRY_TRY_SEEN_H
#define CLI_TRY_TRY_SEEN_H

#include "base/buf.h"
#include "cli/try/try.h"
#include "core/flow.h"

/* How a run ended, beside enum semel_outcome. */
enum { SEEN_OPEN = -10, SEEN_DIED = -11 };

struct seen_run {
	uint32_t record, attempt;
	int outcome;
	bool redelivered, timed_out;
	bool killed;			/* it ended, and then the process was killed: --crash-after */
	bool paused;			/* the process stood still meanwhile: --lease-loss */
	uint8_t host;
	int32_t pid;
	int64_t us, retry_ms;
	char *why;			/* NULL: nothing was said; of SEEN_DIED: how the process died */
	uint32_t next;			/* of the same record, + 1; 0: none */
	uint32_t at;			/* in the list of open runs */
};

enum seen_end { SEEN_UNFINISHED, SEEN_HANDLED, SEEN_DUPLICATE, SEEN_LETTER, SEEN_DROPPED, SEEN_UNROUTED };

struct seen_record {
	uint32_t first, last;		/* runs + 1; 0: none */
	uint8_t end, reason;		/* enum seen_end; enum dlq_reason of a letter */
	bool finished, conflict;
	uint32_t emitted;		/* records */
	char *letter_why;
	char *topics;			/* of what was emitted, each once */
	struct buf bodies;		/* of it, JSON with , between */
};

struct seen {
	const struct try_events *events;
	struct seen_record *records;	/* by number */
	struct seen_run *runs;		/* in the order in which they began */
	uint32_t *open;			/* runs that have not ended */
	size_t n_runs, n_open;
	size_t finished;
	size_t died[2];			/* engines, by host, without a record that was finished since */
};

void seen_init(struct seen *s, const struct try_events *e);
void seen_free(struct seen *s);
void seen_take(struct seen *s, const struct try_note *n);
/* The engine `pid` is dead: so it was with whatever ran in it. */
void seen_death(struct seen *s, unsigned host, int32_t pid, const char *how);

#endif
