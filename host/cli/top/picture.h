/* picture.h - what is to be seen on width times height places, before any terminal has it.
 *
 * Owns:    its text, until picture_free.
 * Threads: main only.
 * Uses:    cli/columns; the styles and nothing else of adapters/terminal.
 */
#ifndef CLI_TOP_PICTURE_H
#define CLI_TOP_PICTURE_H

#include "base/buf.h"

struct picture_run {
	unsigned line, column, style;	/* style: STYLE_ of adapters/terminal.h */
	char *text;
};

/* With width and height set and the rest zero it is empty and ready. */
struct picture {
	unsigned width, height;
	unsigned dimmed;		/* a style that is added to all that is put */
	struct picture_run *runs;
	size_t n, cap;
};

/* Cut where the line ends; nothing where there is no such line.  Returns the columns taken.  What is put later
 * covers what is there. */
unsigned picture_put(struct picture *p, unsigned line, unsigned column, unsigned style, const char *text);
unsigned picture_printf(struct picture *p, unsigned line, unsigned column, unsigned style, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A whole line of one style. */
void picture_fill(struct picture *p, unsigned line, unsigned style);
/* As plain text: `height` lines, no spaces at their ends. */
void picture_text(const struct picture *p, struct buf *out);
void picture_free(struct picture *p);

#endif
