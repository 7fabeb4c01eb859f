/* letter_headers.h - what a dead letter or a retry record says of its event.
 *
 * Beside our own headers a letter can carry the names that tools of Kafka
 * Connect (DeadLetterQueueReporter, `__connect.errors.*`) or of Spring for
 * Apache Kafka (DeadLetterPublishingRecoverer, `kafka_dlt-*`, numbers big
 * endian) look for.
 *
 * Owns:    -
 * Threads: one at a time.
 * Uses:    core/headers, core/event.
 */
#ifndef ENGINE_LETTER_HEADERS_H
#define ENGINE_LETTER_HEADERS_H

#include "core/headers.h"
#include "engine/subscription.h"

/* The first is the reason, the second the detail.  handler_version NULL: no handler ran. */
void letter_headers(struct headers *h, const struct subscription *s, const struct event *ev,
    const char *handler_version);
void retry_headers(struct headers *h, const struct event *ev);

#endif
