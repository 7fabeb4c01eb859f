/* table.h - columns as wide as what stands in them, for a terminal.
 *
 * What goes into a cell is escaped already (buf_shown, cell_text).
 *
 * Owns:    its cells, until table_print.
 * Threads: main only.
 * Uses:    cli/columns.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS 12

struct table {
	struct table_cell {
		char *text;
		const char *colour;	/* an escape sequence; "": none */
		size_t width;		/* columns of a terminal */
	} *cells;
	size_t n, cap;
	unsigned columns;
	bool right[TABLE_COLUMNS];	/* flush right */
	size_t widths[TABLE_COLUMNS];
};

void table_begin(struct table *t, unsigned columns);
/* The next cell, row by row, the titles first.  colour may be NULL. */
void table_add(struct table *t, const char *colour, const char *text);
/* Prints it, each line with `indent` in front, and frees it; one without rows is not printed. */
void table_print(struct table *t, const char *indent);

#endif
