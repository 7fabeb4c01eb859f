/* headers.h - the headers that Semel adds to a record: what the retry topic has to know, and what a letter says.
 *
 * Ours are text, `semel.dlq.*` and `semel.retry.*`; a letter can carry those of
 * Kafka Connect or of Spring for Apache Kafka beside them.  They replace those
 * that an earlier letter or retry left on the record.
 *
 * Owns:    its texts; everything else is borrowed.
 * Threads: one at a time.
 * Uses:    core/event.
 */
#ifndef CORE_HEADERS_H
#define CORE_HEADERS_H

#include "core/event.h"

#define PREFIX_DLQ "semel.dlq."
#define PREFIX_RETRY "semel.retry."
#define PREFIX_CONNECT "__connect.errors."
#define PREFIX_SPRING "kafka_dlt-"

struct header { const char *name; struct bytes value; };

#define ADDED_HEADERS_MAX 26
struct headers {
	char texts[ADDED_HEADERS_MAX][32];
	struct header list[ADDED_HEADERS_MAX];
	size_t n;
};

/* Names and values are borrowed until the headers were sent. */
void headers_bytes(struct headers *h, const char *name, struct bytes value);
void headers_number(struct headers *h, const char *name, int64_t value);	/* decimal */
void headers_big_endian(struct headers *h, const char *name, int64_t value, unsigned size);	/* 1 to 8 bytes */

/* What the next run of an event is told through the retry topic. */
struct retry_note {
	int64_t due_ms;			/* Unix time; 0: at once */
	struct bytes event_id;
	int64_t retries, replays, failed, crashes;
	struct bytes topic;		/* where the event came from first */
	int64_t partition, offset, timestamp_ms;
};
void headers_retry(struct headers *h, const struct retry_note *note);

/* The record's own headers without any that were added before, then these; *ret_own_at: where they begin.  The caller
 * frees the list; NULL when out of memory. */
struct header *headers_join(struct message *m, const struct headers *own, size_t *ret_n, size_t *ret_own_at);

#endif
