/* table.h - columns as wide as what stands in them, for a terminal.
 *
 * What goes into a cell is shown and not obeyed: controls and the like are
 * escaped (buf_shown), and a cell is cut at 64 bytes.  A struct table that is
 * all zero is empty and ready.
 *
 * Owns:    its cells, until table_print.
 * Threads: main only.
 * Uses:    base/buf.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/buf.h"

#define TABLE_COLUMNS 12

struct table {
	struct table_cell {
		char *text;
		const char *colour;	/* an escape sequence; "": none */
		size_t width;		/* characters */
	} *cells;
	size_t n, cap;
	unsigned columns;
	bool right[TABLE_COLUMNS];
	size_t widths[TABLE_COLUMNS];
};

/* The titles; of one that opens with '>' the column is flush right. */
void table_titles(struct table *t, const char *const *titles, unsigned n);
/* The next cell, row by row.  colour may be NULL. */
void table_add(struct table *t, const char *colour, const char *text);
void table_printf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints it, each line with `indent` in front, and frees it; one without rows is not printed. */
void table_print(struct table *t, const char *indent);

#endif
