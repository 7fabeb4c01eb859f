/* rates.h - what became of the host's counts over the last seconds.
 *
 * Keeps the answers of the last six seconds, or the last two where answers are
 * further apart; and some of the last thirty, for the trend of lag: where a
 * topic ends is learned in leaps, with what is fetched.  An engine that was started anew counts from nothing: what
 * was before it is let go, so no rate is ever below zero.
 *
 * Owns:    the snapshots it was given.
 * Threads: main only.
 * Uses:    cli/facts.
 */
#ifndef CLI_TOP_RATES_H
#define CLI_TOP_RATES_H

#include "cli/facts.h"

struct rates;

struct rates *rates_new(void);
void rates_free(struct rates *r);		/* NULL is allowed */
/* Takes an answer.  A time that is not after the last one's starts anew. */
void rates_add(struct rates *r, struct snapshot *s);
/* The last answer; NULL: none yet. */
const struct snapshot *rates_now(const struct rates *r);
/* The time between the two answers that the rates come from, in seconds; 0: there is one only. */
double rates_span(const struct rates *r);

/* Of a row of the last answer; valid until the next rates_add. */
struct gain rates_of(const struct rates *r, const struct row *row);
/* Of all subscriptions together. */
struct gain rates_total(const struct rates *r);

#endif
