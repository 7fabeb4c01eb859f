/* advice.h - what is wrong and what to type, in lines of a width.
 *
 * Owns:    its lines, until advice_free.
 * Threads: main only.
 * Uses:    cli/troubles, cli/top/picture.
 */
#ifndef CLI_TOP_ADVICE_H
#define CLI_TOP_ADVICE_H

#include "cli/top/picture.h"
#include "cli/troubles.h"

struct advice_line {
	unsigned indent;
	enum tone tone;
	bool head;			/* the first line of something that is wrong */
	char *command, *text;		/* command: to be typed; either may be NULL */
	const char *state;		/* stands in text at state_at; NULL: no */
	unsigned state_at;
};

struct advice {
	struct advice_line *lines;
	size_t n, cap;
	size_t n_troubles;
};

/* What is worst comes first.  How the last engine ended is told if that was less than recent_seconds ago; < 0: in any case. */
void advice_make(const struct snapshot *s, unsigned width, double recent_seconds, struct advice *ret_advice);
void advice_draw(const struct advice *a, struct picture *p, unsigned line, unsigned lines, size_t first);
void advice_free(struct advice *a);

#endif
