/* kafka.h - consumers and producers over librdkafka, with the traps of 2.0.2 kept inside.
 *
 * kafka_consumer.c: one consumer of one subscription, driven by its poller.
 * kafka_producer.c: one producer of the engine, for dead letters.
 * kafka_admin.c:    what commands ask a cluster.
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
#include "core/event.h"

struct kafka_topic_partition {
	const char *topic;
	int32_t partition;
	int64_t offset;			/* -1: none */
};

/* ---- Consumer */
struct kafka_consumer;

struct kafka_consumer_callbacks {
	void *arg;
	/* All within kafka_consumer_poll or kafka_consumer_close, on the poller's thread. */
	/* New partitions.  For each, set .offset to where to begin (>= 0), or leave it: the committed offset is
	 * already there, -1 if there is none.  Return 0 to go on, -errno: assign nothing (the subscription is
	 * blocked; the partitions are assigned but paused). */
	int (*assign)(void *arg, struct kafka_topic_partition *list, size_t n);
	/* Drain and store before it returns; `lost`: they may have another owner already, store nothing. */
	void (*revoke)(void *arg, const struct kafka_topic_partition *list, size_t n, bool lost);
	/* `offset` is the partition's end; everything before it was delivered. */
	void (*eof)(void *arg, const char *topic, int32_t partition, int64_t offset);
	/* The position is not in the partition any more.  Set *ret_offset to go on there (0), or -errno. */
	int (*out_of_range)(void *arg, const char *topic, int32_t partition, int64_t *ret_offset);
	/* An error of the client or the broker; `fatal`: this instance is finished (fenced). */
	void (*error)(void *arg, const char *code, const char *text, bool fatal);
	/* A statistics document (JSON), every 5 s; takes nothing. */
	void (*statistics)(void *arg, const char *json, size_t len);
};

int kafka_consumer_new(const struct config *c, const struct config_subscription *sub,
    const struct kafka_consumer_callbacks *cb, struct kafka_consumer **ret_consumer, char *why, size_t size);
/* To the subscription's topics, and to its retry topic, once that exists. */
int kafka_consumer_subscribe(struct kafka_consumer *k, char *why, size_t size);

/* Leaves the group and joins it anew.  A static member that comes back is given what it had, even if it subscribes to
 * other topics now, and as the leader it would never be asked who shall have these. */
int kafka_consumer_rejoin(struct kafka_consumer *k, char *why, size_t size);

/* One record, or nothing within timeout_ms.  1: *ret_message is filled (the caller frees it through its ops);
 * 0: none (also after callbacks ran). */
int kafka_consumer_poll(struct kafka_consumer *k, int timeout_ms, struct message *ret_message);

/* Store positions for the next automatic commit.  Entries of partitions not assigned are skipped. */
int kafka_consumer_store(struct kafka_consumer *k, const struct kafka_topic_partition *list, size_t n);
/* Commit these now, explicitly (start positions, before the first event).  Stores the same first. */
int kafka_consumer_commit(struct kafka_consumer *k, const struct kafka_topic_partition *list, size_t n,
    int timeout_ms, char *why, size_t size);
/* Is any offset committed by the group for any partition of these topics?  1, 0 or -errno. */
int kafka_consumer_group_used(struct kafka_consumer *k, const char *const *topics, size_t n, int timeout_ms,
    char *why, size_t size);
/* First and end offset of a partition. */
int kafka_consumer_watermarks(struct kafka_consumer *k, const char *topic, int32_t partition, int timeout_ms,
    int64_t *ret_low, int64_t *ret_high);
/* How many partitions a topic has; -errno. */
int kafka_consumer_partitions(struct kafka_consumer *k, const char *topic, int timeout_ms);

int kafka_consumer_pause(struct kafka_consumer *k, const struct kafka_topic_partition *list, size_t n);
/* Only what we paused; wakes the fetchers at once. */
int kafka_consumer_resume(struct kafka_consumer *k, const struct kafka_topic_partition *list, size_t n);
/* Leaves the group: revoke is called.  Messages may still be held. */
void kafka_consumer_leave(struct kafka_consumer *k);
/* Destroys.  All messages must have been freed, or it never returns.  Takes k. */
void kafka_consumer_close(struct kafka_consumer *k);

/* ---- Producer */
struct kafka_producer;

struct kafka_header { const char *name; struct bytes value; };

/* Called once a record, from the producer's thread.  error NULL: acknowledged by all in-sync replicas. */
typedef void (*kafka_ack_fn)(void *arg, void *cookie, const char *error_code, const char *error_text);

int kafka_producer_new(const struct config *c, kafka_ack_fn ack, void *arg, struct kafka_producer **ret_producer,
    char *why, size_t size);
/* Everything is copied.  0: `ack` will come; -ENOBUFS: queue full, later; -EMSGSIZE: too large for any topic;
 * other -errno. */
int kafka_producer_send(struct kafka_producer *k, const char *topic, struct bytes key, struct bytes value,
    const struct kafka_header *headers, size_t n, int64_t timestamp_ms, void *cookie);
/* The cluster's id, copied; -errno while it is not known. */
int kafka_producer_cluster(struct kafka_producer *k, int timeout_ms, char *ret_id, size_t size);
/* Has this group committed any offset, of any topic?  1, 0, or -errno with `why`. */
int kafka_producer_group_used(struct kafka_producer *k, const char *group, int timeout_ms, char *why, size_t size);
/* Waits for acks up to timeout_ms, then destroys; takes k; NULL is allowed. */
void kafka_producer_close(struct kafka_producer *k, int timeout_ms);

/* ---- Admin, for commands and tests */
struct kafka_admin;
int kafka_admin_new(const struct config *c, struct kafka_admin **ret_admin, char *why, size_t size);
int kafka_admin_topic_exists(struct kafka_admin *k, const char *topic, int timeout_ms);	/* partitions, 0, -errno */
int kafka_admin_create_topic(struct kafka_admin *k, const char *topic, int partitions, int timeout_ms, char *why,
    size_t size);
int kafka_admin_cluster(struct kafka_admin *k, int timeout_ms, char *ret_id, size_t size);	/* 0 or -errno */
/* As kafka_producer_group_used. */
int kafka_admin_group_used(struct kafka_admin *k, const char *group, int timeout_ms, char *why, size_t size);
/* One setting of a topic; -EACCES, -ENOENT, -EIO. */
int kafka_admin_topic_config(struct kafka_admin *k, const char *topic, const char *name, int timeout_ms,
    char *ret_value, size_t size);
void kafka_admin_free(struct kafka_admin *k);	/* NULL is allowed */

/* ---- Embedded broker (librdkafka's mock cluster), in a process of its own: it may abort it. */
/* Runs until `stop` is set; writes "host:port" to fd once it listens.  topics: name, partitions. */
int kafka_mock_run(int fd, const struct kafka_topic_partition *topics, size_t n, const volatile int *stop);

#endif
