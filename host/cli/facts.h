/* facts.h - what is shown of a subscription, a partition, a handler: columns and typed cells.
 *
 * `semel status` prints some of these columns, `semel top` others; both ask
 * here what stands in a cell, how it is written and which of two is more.
 *
 * Owns:    nothing; a cell's text is the snapshot's.
 * Threads: any.
 * Uses:    cli/snapshot.
 */
#ifndef CLI_FACTS_H
#define CLI_FACTS_H

#include "cli/snapshot.h"

enum view { VIEW_SUBSCRIPTIONS, VIEW_PARTITIONS, VIEW_HANDLERS, N_VIEWS };

/* fact, kind, word for --sort, title, title where there is little room */
#define FACTS(X) \
	X(SUB_NAME, TEXT, "name", "SUBSCRIPTION", "NAME") \
	X(SUB_STATE, STATE, "state", "STATE", "STATE") \
	X(SUB_IN_FLIGHT, COUNT, "flight", "IN FLIGHT", "FLIGHT") \
	X(SUB_WAITING, COUNT, "waiting", "WAITING", "WAIT") \
	X(SUB_OLDEST, SPAN, "oldest", "OLDEST", "OLDEST") \
	X(SUB_LAG, COUNT, "lag", "LAG", "LAG") \
	X(SUB_CATCH_UP, CATCH_UP, "catch-up", "CATCH UP", "TO GO") \
	X(SUB_CONSUMED, RATE, "consumed", "CONSUMED/s", "IN/s") \
	X(SUB_HANDLED_RATE, RATE, "handled", "HANDLED/s", "DONE/s") \
	X(SUB_FAILED, RATE, "failed", "FAILED/s", "FAIL/s") \
	X(SUB_HANDLED, COUNT, "handled-total", "HANDLED", "HANDLED") \
	X(SUB_DUPLICATES, COUNT, "duplicates", "DUPLICATES", "DUPL") \
	X(SUB_DEAD, COUNT, "dead", "DEAD LETTERS", "DEAD") \
	X(SUB_LEDGER, STATE, "ledger", "LEDGER", "LEDGER") \
	X(SUB_IDS, COUNT, "ids", "IDS", "IDS") \
	X(SUB_REDIS, BYTES, "redis", "IN REDIS", "REDIS") \
	X(SUB_TREND, TREND, "", "CONSUMED", "TREND") \
	X(PART_SUB, TEXT, "name", "SUBSCRIPTION", "SUB") \
	X(PART_TOPIC, TEXT, "topic", "TOPIC", "TOPIC") \
	X(PART_PARTITION, NUMBER, "partition", "PARTITION", "PART") \
	X(PART_STATE, STATE, "state", "STATE", "STATE") \
	X(PART_NEXT, COUNT, "next", "NEXT OFFSET", "NEXT") \
	X(PART_COMMITTED, COUNT, "committed", "COMMITTED", "COMMITTED") \
	X(PART_DONE, RATE, "done", "COMMITTED/s", "DONE/s") \
	X(PART_LAG, COUNT, "lag", "LAG", "LAG") \
	X(PART_CATCH_UP, CATCH_UP, "catch-up", "CATCH UP", "TO GO") \
	X(PART_OLDEST, SPAN, "oldest", "OLDEST", "OLDEST") \
	X(PART_OLDEST_AT, COUNT, "offset", "AT OFFSET", "AT") \
	X(HANDLER_NAME, TEXT, "name", "HANDLER", "NAME") \
	X(HANDLER_STATE, STATE, "state", "STATE", "STATE") \
	X(HANDLER_PLUGIN, PLUGIN, "plugin", "PLUGIN", "PLUGIN") \
	X(HANDLER_BUSY, PART_OF, "busy", "BUSY", "BUSY") \
	X(HANDLER_STUCK, COUNT, "stuck", "STUCK", "STUCK") \
	X(HANDLER_RATE, RATE, "rate", "RUNS/s", "RUNS/s") \
	X(HANDLER_RUNS, COUNT, "runs", "RUNS", "RUNS") \
	X(HANDLER_TAKES, SPAN, "takes", "A RUN TAKES", "A RUN")

enum fact {
#define X(fact, kind, word, title, brief) fact,
	FACTS(X)
#undef X
	N_FACTS
};

enum cell_kind {
	CELL_TEXT, CELL_STATE, CELL_PLUGIN,	/* flush left */
	CELL_COUNT,
	CELL_NUMBER,			/* a count that is a name: never with separators */
	CELL_PART_OF,			/* number of `of` */
	CELL_RATE,			/* a second */
	CELL_SPAN, CELL_CATCH_UP,	/* seconds; CATCH_UP: INFINITY at this trend */
	CELL_BYTES,
	CELL_TREND			/* points, drawn by who can */
};

struct fact_title {
	enum cell_kind kind;
	const char *word, *title, *brief;
	bool right;			/* flush right */
};
const struct fact_title *fact_title(enum fact f);

/* What became of the counts since an earlier snapshot: a second, NOT_KNOWN where there is none. */
struct gain {
	double consumed, handled, failed, duplicates, dead;	/* of a subscription */
	double done;			/* committed offsets, of a partition or a subscription */
	double catch_up;		/* seconds until lag is 0 at its trend; 0: it keeps up; INFINITY: lag does not fall */
	double runs, run_seconds;	/* of a handler; run_seconds of one run */
	const double *points;		/* consumed, oldest first */
	size_t n_points;
};

struct row {			/* which of the first three is set says what it is of; a partition has its subscription, too */
	const struct snap_sub *sub;
	const struct snap_partition *partition;
	const struct snap_handler *handler;
	const struct gain *gain;	/* NULL: not known */
};

struct cell {
	enum cell_kind kind;
	double number, of;
	const char *text, *text2;
	const struct gain *gain;
};

struct cell row_cell(const struct row *r, enum fact f);
/* Its text, escaped and at most 64 bytes long, appended.  grouped: thousands apart, for eyes. */
void cell_text(const struct cell *c, bool grouped, struct buf *out);
/* < 0: a stands before b when what is least comes first.  Of states the worst is the most; NOT_KNOWN is the least. */
int cell_compare(const struct cell *a, const struct cell *b);
bool cell_known(const struct cell *c);

/* What a state calls for. */
enum tone { TONE_GOOD, TONE_WAIT, TONE_HOLD, TONE_BAD };
enum tone state_tone(const char *state);

#endif
