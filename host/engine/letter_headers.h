/* letter_headers.h - the headers of dead letters and retry records.
 *
 * Ours are text, `semel.dlq.*` and `semel.retry.*`; they replace those that the
 * record had.  Beside them a letter can carry the names that tools of Kafka
 * Connect (DeadLetterQueueReporter, `__connect.errors.*`) or of Spring for
 * Apache Kafka (DeadLetterPublishingRecoverer, `kafka_dlt-*`, numbers big
 * endian) look for.
 *
 * Owns:    its texts; everything else is borrowed from the event.
 * Threads: one at a time.
 * Uses:    core/event.
 */
#ifndef ENGINE_LETTER_HEADERS_H
#define ENGINE_LETTER_HEADERS_H

#include "adapters/kafka.h"
#include "engine/subscription.h"

#define LETTER_HEADERS_MAX 26

struct letter_headers {
	char texts[LETTER_HEADERS_MAX][32];
	struct kafka_header list[LETTER_HEADERS_MAX];
	size_t n;
};

/* The first is the reason, the second the detail.  handler_version NULL: no handler ran. */
void letter_headers(struct letter_headers *h, const struct subscription *s, const struct event *ev,
    const char *handler_version);
void retry_headers(struct letter_headers *h, const struct event *ev);
/* The record's own, without what an earlier letter or retry added, then these; *ret_own_at: where they begin.  The
 * caller frees the list; NULL when out of memory.  Letters are rare: they may allocate. */
struct kafka_header *letter_headers_all(struct event *ev, const struct letter_headers *own, size_t *ret_n, size_t *ret_own_at);

#endif
