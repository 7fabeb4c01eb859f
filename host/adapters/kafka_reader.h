/* kafka_reader.h - a topic read from its beginning to the ends that it has now, without a group.
 *
 * Owns:    the client.
 * Threads: one.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_READER_H
#define ADAPTERS_KAFKA_READER_H

#include "core/config.h"
#include "core/event.h"

struct kafka_reader;

/* -ENOENT: there is no such topic; other -errno; with `why`. */
int kafka_reader_new(const struct config *c, const char *topic, struct kafka_reader **ret_reader, char *why, size_t size);
/* 1: a record, which the caller frees through its ops; 0: none within timeout_ms; -ENODATA: that was all; other -errno
 * with kafka_reader_text. */
int kafka_reader_next(struct kafka_reader *r, int timeout_ms, struct message *ret_message);
const char *kafka_reader_text(const struct kafka_reader *r);
/* How many offsets there were to be read, and are behind. */
int64_t kafka_reader_total(const struct kafka_reader *r);
int64_t kafka_reader_done(const struct kafka_reader *r);
void kafka_reader_free(struct kafka_reader *r);	/* NULL is allowed; all records must have been freed */

/* One record, copied; -ENOENT: it is not there any more. */
int kafka_reader_one(const struct config *c, const char *topic, int32_t partition, int64_t offset,
    struct message *ret_message, char *why, size_t size);

#endif
