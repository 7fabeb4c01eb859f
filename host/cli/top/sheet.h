/* sheet.h - a table that is fitted into a width.
 *
 * With room, all columns, long titles and whole names.  With less, short
 * titles, then names cut in their middle, then columns go, the least needed
 * first.  The name and the mark of its state always stay.
 *
 * Owns:    its texts, until sheet_free.
 * Threads: main only.
 * Uses:    cli/top/listing, cli/top/picture.
 */
#ifndef CLI_TOP_SHEET_H
#define CLI_TOP_SHEET_H

#include "cli/top/listing.h"
#include "cli/top/picture.h"
#include "cli/top/state.h"

/* PLAIN: for machines, too; no arrow, no thousands apart.  ASCII: of a locale that has no more. */
enum sheet_letters { SHEET_PLAIN, SHEET_ASCII, SHEET_UTF8 };

struct sheet {
	const struct listing *listing;
	const struct top_column *columns;
	char **texts;			/* row by row, all columns */
	unsigned n, gap;
	unsigned width[TOP_COLUMNS];	/* 0: not shown */
	bool brief[TOP_COLUMNS];	/* the short title */
	enum fact sort;
	bool rising;
	enum sheet_letters letters;
};

/* On a screen columns stay as wide as they were: *state remembers. */
void sheet_make(const struct listing *l, enum view v, struct top_state *state, unsigned width,
    enum sheet_letters letters, struct sheet *ret_sheet);
/* Bit i: column i is shown. */
unsigned sheet_shown(const struct sheet *s);
/* The line of titles, and rows from `first` on, at most `lines` together. */
void sheet_draw(const struct sheet *s, struct picture *p, unsigned line, unsigned lines, size_t first);
void sheet_free(struct sheet *s);

/* How a state looks: never the colour alone. */
unsigned tone_style(enum tone t);
char tone_mark(enum tone t);

#endif
