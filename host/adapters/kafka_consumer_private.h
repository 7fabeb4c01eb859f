/* kafka_consumer_private.h - what the files of the consumer share; nobody else includes it.
 *
 * kafka_consumer.c rebalances, polling, storing, pausing
 * kafka_ask.c      questions to the cluster
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
	rd_kafka_t *rk;
	const struct config_subscription *sub;
	struct kafka_consumer_callbacks cb;
	struct topic *topics;
	char retry_pattern[600];	/* as subscribed to; nothing matches it while there is no retry topic */
	bool closing;
};

#endif
