/* status.h - which outcome a status code means.
 *
 * Three lists of patterns, "409" or "4xx".  An exact code beats a class, and what is configured beats a default; a
 * list that is given replaces its default.  A code in no list is tried again.
 *
 * Owns:    -
 * Threads: any, once it is made.
 * Uses:    libc.
 */
#ifndef WEBHOOK_STATUS_H
#define WEBHOOK_STATUS_H

#include <semel/handler.h>

#define STATUS_OK_DEFAULT "2xx"
#define STATUS_REJECT_DEFAULT "4xx"
/* What speaks of the endpoint, the credentials or the moment, and not of the event: an operator or time mends it. */
#define STATUS_RETRY_DEFAULT "401 403 404 407 408 409 421 423 425 429"

struct status_rules {
	struct status_rule { uint8_t outcome, rank; } exact[600], class[6];
};

/* Adds a pattern to the list of that outcome.  0; -EINVAL: no pattern; -EEXIST: configured for another outcome. */
int status_add(struct status_rules *s, const char *pattern, enum semel_outcome outcome, bool is_default);
/* Adds a list of patterns with blanks in between, as a default. */
void status_add_defaults(struct status_rules *s, const char *patterns, enum semel_outcome outcome);
enum semel_outcome status_outcome(const struct status_rules *s, long status);

#endif
