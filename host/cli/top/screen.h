/* screen.h - all that `semel top` shows at one time, from what is known at that time.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    cli/top/sheet, cli/troubles.
 */
#ifndef CLI_TOP_SCREEN_H
#define CLI_TOP_SCREEN_H

#include "cli/top/picture.h"
#include "cli/top/rates.h"
#include "cli/top/state.h"

struct scene {
	const struct rates *rates;
	const char *where;		/* the socket that is asked */
	const char *why;		/* why it did not answer; NULL: the last time it did */
	double silent_seconds;		/* since it last did; without any answer, since the first question */
	bool utf8;
};

/* Into p, which is empty and has its size.  What is scrolled too far, and which columns there are, is put into *state. */
void screen_draw(const struct scene *scene, struct top_state *state, struct picture *p);
/* The same as lines, all of them: the head, the view of the state or (all) each, what is wrong. */
void screen_print(const struct scene *scene, struct top_state *state, bool all, struct buf *out);

#endif
