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
/* An id as one types it: as it is where a shell takes it so, else --base64 and that; ids are a sender's words.  data NULL:
 * a word for it. */
void status_put_id(struct buf *out, struct bytes id);
/* The same of one event, that is, its id; data NULL: it is too long to be typed. */
void status_remedies_of_event(struct buf *out, const char *sub, struct bytes id);

#endif
