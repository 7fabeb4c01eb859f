/* kafka_consumer_private.h - what the files of the consumer share; nobody else includes it.
 *
 * kafka_consumer.c  rebalances, polling
 * kafka_positions.c positions stored and committed, pause, resume
 * kafka_ask.c       questions to the cluster
 *
 * Owns:    -
 * Threads: the poller.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_CONSUMER_PRIVATE_H
#define ADAPTERS_KAFKA_CONSUMER_PRIVATE_H

#include "adapters/kafka.h"

#include <librdkafka/rdkafka.h>

struct topic { /* a name that lives as long as the consumer */
	struct topic *next;
	rd_kafka_topic_t *rkt; /* of the messages last seen; compared, not used */
	char name[];
};

struct kafka_consumer {
	struct source source;
	rd_kafka_t *rk;
	const struct config_subscription *sub;
	struct source_callbacks cb;
	struct topic *topics;
	char retry_pattern[600];	/* as subscribed to; nothing matches it while there is no retry topic */
	bool closing;
};

static inline struct kafka_consumer *consumer_of(struct source *s)
{
	return (struct kafka_consumer *)s;
}

/* kafka_positions.c */
rd_kafka_topic_partition_list_t *consumer_list(const struct topic_partition *list, size_t n);
int consumer_store(struct source *s, const struct topic_partition *list, size_t n);
int consumer_commit(
    struct source *s, const struct topic_partition *list, size_t n, int timeout_ms, char *why, size_t size);
int consumer_pause(struct source *s, const struct topic_partition *list, size_t n);
int consumer_resume(struct source *s, const struct topic_partition *list, size_t n);

/* kafka_ask.c */
int consumer_partitions(struct source *s, const char *topic, int timeout_ms);
int consumer_group_used(
    struct source *s, const char *const *topics, size_t n, int timeout_ms, char *why, size_t size);
int consumer_watermarks(struct source *s, const char *topic, int32_t partition, int timeout_ms, int64_t *ret_low,
    int64_t *ret_high);

#endif
