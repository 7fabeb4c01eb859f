/* source.h - where the events of one subscription come from, as its poller sees it.
 *
 * Partitions come and go by callback, records are taken one at a time, and a
 * position is stored for commit once everything before it is finished.  Kafka
 * is the source of the daemon (adapters/kafka_consumer.c), a file of events
 * that of `semel try` (cli/try/try_source.c).
 *
 * Owns:    the client; a message belongs to who polled it, until its ops free it.
 * Threads: the poller only; callbacks come within poll, leave and close.
 * Uses:    core/event.
 */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include "core/event.h"

struct topic_partition {
	const char *topic;
	int32_t partition;
	int64_t offset;			/* -1: none */
};

struct source_callbacks {
	void *arg;
	/* New partitions.  For each, set .offset to where to begin (>= 0), or leave it: the committed offset is
	 * already there, -1 if there is none.  Return 0 to go on, -errno: assign nothing (the partitions are
	 * assigned but paused), for good or, -EAGAIN, until the group is joined anew. */
	int (*assign)(void *arg, struct topic_partition *list, size_t n);
	/* Drain and store before it returns; `lost`: they may have another owner already, store nothing. */
	void (*revoke)(void *arg, const struct topic_partition *list, size_t n, bool lost);
	/* `offset` is the partition's end; everything before it was delivered. */
	void (*eof)(void *arg, const char *topic, int32_t partition, int64_t offset);
	/* The end of an assigned partition as it was a moment ago, every few seconds, whether records are fetched or not. */
	void (*end)(void *arg, const char *topic, int32_t partition, int64_t offset);
	/* The position is not in the partition any more.  Set *ret_offset to go on there (0), or -errno. */
	int (*out_of_range)(void *arg, const char *topic, int32_t partition, int64_t *ret_offset);
	/* An error of the client or the broker; `fatal`: this instance is finished (fenced). */
	void (*error)(void *arg, const char *code, const char *text, bool fatal);
	/* A statistics document (JSON), every 5 s; takes nothing. */
	void (*statistics)(void *arg, const char *json, size_t len);
};

struct source;
struct source_ops {
	/* To the subscription's topics, and to its retry topic, once that exists. */
	int (*subscribe)(struct source *s, char *why, size_t size);
	/* Leave the group and join it anew.  A static member that comes back is given what it had, even if it
	 * subscribes to other topics now, and as the leader it would never be asked who shall have these. */
	int (*rejoin)(struct source *s, char *why, size_t size);
	/* One record, or nothing within timeout_ms.  1: *ret_message is filled (the caller frees it through its ops);
	 * 0: none (also after callbacks ran). */
	int (*poll)(struct source *s, int timeout_ms, struct message *ret_message);

	/* Store positions for the next automatic commit.  Entries of partitions not assigned are skipped. */
	int (*store)(struct source *s, const struct topic_partition *list, size_t n);
	/* Commit these now, explicitly (start positions, before the first event).  Stores the same first. */
	int (*commit)(struct source *s, const struct topic_partition *list, size_t n, int timeout_ms, char *why,
	    size_t size);
	/* Is any offset committed by the group for any partition of these topics?  1, 0 or -errno. */
	int (*group_used)(struct source *s, const char *const *topics, size_t n, int timeout_ms, char *why,
	    size_t size);
	/* First and end offset of a partition. */
	int (*watermarks)(struct source *s, const char *topic, int32_t partition, int timeout_ms, int64_t *ret_low,
	    int64_t *ret_high);
	/* How many partitions a topic has; -errno. */
	int (*partitions)(struct source *s, const char *topic, int timeout_ms);

	int (*pause)(struct source *s, const struct topic_partition *list, size_t n);
	int (*resume)(struct source *s, const struct topic_partition *list, size_t n);	/* only what we paused */
	/* Leave the group: revoke is called.  Messages may still be held. */
	void (*leave)(struct source *s);
	/* Destroy.  All messages must have been freed, or it never returns.  Takes s. */
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	/* Where newly assigned partitions begin could not be decided now: a broker did not answer, or `assign` said
	 * -EAGAIN.  rejoin asks again. */
	bool unresolved;
};

#endif
