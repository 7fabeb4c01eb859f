/* holds.h - what an operator has paused or drained, remembered over restarts in state_dir.
 *
 * Owns:    nothing.
 * Threads: main (read, before there are others), http (write).
 * Uses:    engine/subscription.
 */
#ifndef ENGINE_HOLDS_H
#define ENGINE_HOLDS_H

#include "engine/subscription.h"

void holds_read(const struct config *c, struct subscription *const *subs, size_t n);
/* A file that cannot be written is said; the hold is in force all the same. */
void holds_write(const struct config *c, struct subscription *const *subs, size_t n);

#endif
