/* head.h - the first lines of the screen: who, how it is, how much flows.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    cli/top/screen.
 */
#ifndef CLI_TOP_HEAD_H
#define CLI_TOP_HEAD_H

#include "cli/top/screen.h"

/* Returns the line below it.  totals: how many lines the totals may take. */
unsigned head_draw(const struct scene *scene, const struct top_state *state, struct picture *p, unsigned totals);
/* For a screen that has room for nothing else. */
void head_tiny(const struct scene *scene, struct picture *p);

#endif
