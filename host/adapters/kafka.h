/* kafka.h - consumers and producers over librdkafka, with the traps of 2.0.2 kept inside.
 *
 * kafka_consumer.c: one consumer of one subscription, driven by its poller.
 * kafka_producer.c: one producer of the engine, for dead letters.
 * kafka_admin.c:    what commands ask a cluster.  kafka_offsets.c: of a group.
 * The binding facts (no batch call, store-only commits, epochs, pause and
 * wake) are in docs/kafka.md.
 *
 * Owns:    the client instances.
 * Threads: consumer: the poller only.  producer: send from any thread, acks come on its own thread.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_H
#define ADAPTERS_KAFKA_H

#include "core/config.h"
#include "core/sink.h"
#include "core/source.h"

/* ---- Consumer */
/* A struct source of this subscription. */
int kafka_source_new(const struct config *c, const struct config_subscription *sub, const struct source_callbacks *cb,
    struct source **ret_source, char *why, size_t size);

/* ---- Producer */
struct kafka_producer;

int kafka_producer_new(const struct config *c, sink_ack_fn ack, void *arg, struct kafka_producer **ret_producer,
    char *why, size_t size);
/* As struct sink_ops say. */
int kafka_producer_send(struct kafka_producer *k, const char *topic, struct bytes key, struct bytes value,
    const struct header *headers, size_t n, int64_t timestamp_ms, void *cookie);
/* The cluster's id, copied; -errno while it is not known. */
int kafka_producer_cluster(struct kafka_producer *k, int timeout_ms, char *ret_id, size_t size);
/* Waits for acks up to timeout_ms, then destroys; takes k; NULL is allowed. */
void kafka_producer_close(struct kafka_producer *k, int timeout_ms);
/* The same as a struct sink, for the engine. */
struct sink *kafka_producer_sink(struct kafka_producer *k);

/* ---- Admin, for commands and tests */
struct kafka_admin;
int kafka_admin_new(const struct config *c, struct kafka_admin **ret_admin, char *why, size_t size);
int kafka_admin_topic_exists(struct kafka_admin *k, const char *topic, int timeout_ms);	/* partitions, 0, -errno */
int kafka_admin_create_topic(struct kafka_admin *k, const char *topic, int partitions, int timeout_ms, char *why,
    size_t size);
int kafka_admin_cluster(struct kafka_admin *k, int timeout_ms, char *ret_id, size_t size);	/* 0 or -errno */
/* A client of that group, which never joins it, borrows its name.  Only such a one may ask for a group: in one without,
 * librdkafka (2.0.2, and newer ones) follows a NULL pointer when the broker answers that it is not the coordinator, as a
 * new one does, or one after a failover. */
int kafka_admin_of_group(const struct config *c, const char *group, struct kafka_admin **ret_admin, char *why, size_t size);
/* Has this group committed any offset, of any topic?  Asked by a client of its own.  1, 0, or -errno with `why`. */
int kafka_group_used(const struct config *c, const char *group, int timeout_ms, char *why, size_t size);
/* One setting of a topic; -EACCES, -ENOENT, -EIO. */
int kafka_admin_topic_config(struct kafka_admin *k, const char *topic, const char *name, int timeout_ms,
    char *ret_value, size_t size);
void kafka_admin_free(struct kafka_admin *k);	/* NULL is allowed */

/* ---- Embedded broker (librdkafka's mock cluster), in a process of its own: it may abort it. */
/* Runs until `stop` is set; writes "host:port" to fd once it listens.  topics: name, partitions. */
int kafka_mock_run(int fd, const struct topic_partition *topics, size_t n, const volatile int *stop);

#endif
