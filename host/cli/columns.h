/* columns.h - how many columns of a terminal a text takes.
 *
 * By the locale's wcwidth: a wide character takes two, a combining one none.
 * What the locale cannot show (all but ASCII, where it is not UTF-8) is '?'.
 * Text is UTF-8 without controls, as buf_shown leaves it.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    wcwidth.
 */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "base/buf.h"

bool columns_utf8(void);		/* the locale has UTF-8 */
size_t columns_of(const char *text);
/* The bytes of its first character, of text that is not empty, and the columns that this one takes. */
size_t columns_first(const char *text, size_t *ret_columns);
/* Appends as much of text as fits into `width` columns; where something is left out the last of them is '~'.  Returns
 * the columns taken.  More than two combining characters on one are left out. */
size_t columns_put(struct buf *out, const char *text, size_t width);
/* The same without the '~'. */
size_t columns_part(struct buf *out, const char *text, size_t width);
/* The same, but what is left out is in the middle: names mostly differ at an end. */
size_t columns_put_name(struct buf *out, const char *text, size_t width);
/* How many bytes of text make a line of at most `width` columns, at least one character: up to a space where there is
 * one behind its first third.  0 at its end. */
size_t columns_line(const char *text, size_t width);

#endif
