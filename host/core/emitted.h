/* emitted.h - records that a handler publishes if its event ends well.
 *
 * Copied when they are emitted, because the handler's memory is its own.
 *
 * Owns:    copies of all that is in them.
 * Threads: the holder of the event; `pending`, `code`, `text`: the producer's.
 * Uses:    base.
 */
#ifndef CORE_EMITTED_H
#define CORE_EMITTED_H

#include "base/bytes.h"

#include <stdatomic.h>

#define EMITTED_MAX 1000
#define EMITTED_MAX_BYTES ((size_t)16 << 20)

struct event;

struct emitted_header { char *name; struct bytes value; };
struct emitted_record {
	char *topic;
	struct bytes key, payload;
	struct emitted_header *headers;
	size_t n_headers;
};

struct emitted {
	struct emitted_record *list;
	size_t n, bytes;
	/* While they are published. */
	struct event *event;
	_Atomic size_t pending;
	_Atomic(const char *) code;	/* of the first that failed; a constant; NULL: none */
	_Atomic(const char *) text;
};

/* To *e, which is made if it is NULL.  0, -ENOBUFS: too many, or too much; -ENOMEM. */
int emitted_add(struct emitted **e, const char *topic, struct bytes key, struct bytes payload,
    const struct emitted_header *headers, size_t n_headers);
void emitted_free(struct emitted *e);		/* NULL is allowed */

#endif
