/* kafka_consumer_private.h - what the files of the consumer share; nobody else includes it.
 *
 * kafka_consumer.c  rebalances, polling
 * kafka_positions.c positions stored and committed, pause, resume
 * kafka_ask.c       questions to the cluster
 * kafka_ends.c      the ends of the assigned partitions, now and then
 *
 * Owns:    -
 * Threads: the poller.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_CONSUMER_PRIVATE_H
#define ADAPTERS_KAFKA_CONSUMER_PRIVATE_H

#include "adapters/kafka.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

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
	struct {			/* kafka_ends.c */
		pthread_t thread;
		pthread_mutex_t lock;	/* of what follows */
		pthread_cond_t wake;
		bool runs, stop, wanted;
		rd_kafka_topic_partition_list_t *list;	/* the last answer that was not told yet */
		_Atomic bool there;	/* there is one */
	} ends;
};

static inline struct kafka_consumer *consumer_of(struct source *s)
{
	return (struct kafka_consumer *)s;
}

/* The consumer's own copy of a topic's name: one topic has one. */
const char *consumer_topic(struct kafka_consumer *k, const char *name);

/* kafka_ends.c */
int kafka_ends_start(struct kafka_consumer *k);		/* 0 or -1 */
void kafka_ends_want(struct kafka_consumer *k);		/* now, not only in a while */
void kafka_ends_tell(struct kafka_consumer *k);		/* calls back with what was answered since */
void kafka_ends_stop(struct kafka_consumer *k);		/* twice is allowed */

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
