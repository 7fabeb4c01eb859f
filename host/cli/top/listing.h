/* listing.h - the rows of a view: chosen by a text, in an order.
 *
 * Owns:    the rows, until listing_free; what they point to is the rates' last answer.
 * Threads: main only.
 * Uses:    cli/top/rates.
 */
#ifndef CLI_TOP_LISTING_H
#define CLI_TOP_LISTING_H

#include "cli/top/rates.h"

struct listing {
	struct row *rows;		/* each with its gain */
	struct gain *gains;
	size_t n, all;			/* all: before the filter */
};

/* Rows one of whose texts has `filter` in it, whatever the case.  Names rise; of numbers and states what is most comes first;
 * reverse turns that.  What is not known is last either way; what is equal keeps the daemon's order. */
void listing_make(const struct rates *r, enum view v, const char *filter, enum fact sort, bool reverse,
    struct listing *ret_listing);
void listing_free(struct listing *l);

#endif
