/* event_id.h - an event's id from its parts.
 *
 * One part is taken as it is.  Several are joined as length (4 bytes, big
 * endian) and bytes, so that "a","bc" differs from "ab","c"; people see
 * `a|bc`.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    base/buf.
 */
#ifndef CORE_EVENT_ID_H
#define CORE_EVENT_ID_H

#include "base/buf.h"

/* Appends one part of a joined id. */
void event_id_join(struct buf *out, struct bytes part);
/* A joined id as people see it; false if the bytes are not a joined id. */
bool event_id_show(struct bytes id, struct buf *out);

#endif
