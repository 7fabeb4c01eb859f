/* try_judge.h - what was seen, counted and judged; the probe.
 *
 * Owns:    struct try_verdict: its lists.
 * Threads: main.
 * Uses:    cli/try/try_seen.
 */
#ifndef CLI_TRY_TRY_JUDGE_H
#define CLI_TRY_TRY_JUDGE_H

#include "base/buf.h"
#include "cli/try/try_run.h"

/* Of one id; by the number of its first record. */
struct try_id {
	uint32_t runs, marked;		/* of these, redelivered */
	uint32_t effects;		/* as the probe says */
	uint32_t last;			/* run + 1, of the highest attempt */
	bool ok;			/* a run of it ended with SEMEL_OK */
};

struct try_verdict {
	struct try_id *ids;		/* as many as records */
	/* Records. */
	size_t handled, duplicates, letters, dropped, unrouted, unfinished, conflicts, emitted;
	size_t reasons[DLQ_N_REASONS];
	/* Ids. */
	size_t n_ids, n_ok, never, once, again;
	/* Runs. */
	size_t runs, outcomes[6], died;
	size_t asked;			/* again after the handler had asked for it */
	size_t marked;			/* again, and marked: an earlier one has no record of its end */
	size_t unmarked;		/* again, and not marked */
	size_t late;			/* past the handler's timeout */
	/* The probe. */
	bool probed;
	int probe_status;		/* of waitpid */
	size_t effects, exact, repeated, missing, beside, unknown;
	uint32_t named[5], named_missing[5];	/* records of some that are repeated, or missing */

	struct buf faults;		/* what is wrong, a line each; empty: nothing */
};

void try_judge(const struct try_options *o, const struct seen *s, const struct try_result *result,
    struct try_verdict *ret_verdict);
/* Runs the command and counts effects.  An exit status; what is wrong was printed. */
int try_probe(const struct try_options *o, const struct seen *s, const char *folder, struct try_verdict *v);
void try_verdict_free(struct try_verdict *v);
/* An id as text: what is not printable as \xHH; joined ones as a|b. */
void try_put_id(struct buf *out, struct bytes id);

#endif
