/* emit_headers.h - the headers of a record that a handler emitted: its own, a derived id, the trace it belongs to.
 *
 * `event-id`, unless the handler set one: 32 hex digits of SipHash-2-4-128 under
 * the public key "semel emitted id" over subscription, event id and handler,
 * each as length (4 bytes, big endian) and bytes, and the record's number (4
 * bytes, big endian).  So every run of an event emits the same ids, whatever
 * ledger there was.
 *
 * Owns:    its texts and its list.
 * Threads: any.
 * Uses:    adapters/keyed_hash.
 */
#ifndef ENGINE_EMIT_HEADERS_H
#define ENGINE_EMIT_HEADERS_H

#include "adapters/kafka.h"
#include "engine/subscription.h"

struct emit_headers {
	struct kafka_header *list;
	size_t n;
	char id[33];
};

/* Of the i-th record of ev; 0 or -ENOMEM. */
int emit_headers(struct emit_headers *h, const struct subscription *s, struct event *ev, size_t i);
void emit_headers_free(struct emit_headers *h);
void emit_id(const char *subscription, struct bytes id, const char *handler, uint32_t i, char ret_id[33]);

#endif
