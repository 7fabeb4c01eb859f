/* status_remedies.h - what to type about the state of a subscription.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    engine/subscription.
 */
#ifndef ENGINE_STATUS_REMEDIES_H
#define ENGINE_STATUS_REMEDIES_H

#include "base/buf.h"
#include "engine/subscription.h"

/* `,"remedies":[{"type":"semel resume billing","to":"let it go on"}]`; none while it runs.  Under the status' lock. */
void status_remedies(struct buf *out, struct subscription *s, enum sub_state state);

#endif
