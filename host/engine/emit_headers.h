/* emit_headers.h - the headers of a record that a handler emitted: its own, a derived id, the trace it belongs to.
 *
 * `event-id` is the one that the handler set, else core/emit_id.
 *
 * Owns:    its texts and its list.
 * Threads: any.
 * Uses:    adapters/keyed_hash.
 */
#ifndef ENGINE_EMIT_HEADERS_H
#define ENGINE_EMIT_HEADERS_H

#include "core/headers.h"
#include "engine/subscription.h"

struct emit_headers {
	struct header *list;
	size_t n;
	char id[33];
};

/* Of the i-th record of ev; 0 or -ENOMEM. */
int emit_headers(struct emit_headers *h, const struct subscription *s, struct event *ev, size_t i);
void emit_headers_free(struct emit_headers *h);

#endif
