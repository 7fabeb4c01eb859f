/* kafka_offsets.h - where a consumer group stands, and moving it while nobody is in it.
 *
 * Owns:    nothing.
 * Threads: one at a time for one client, which kafka_admin_of_group made.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_OFFSETS_H
#define ADAPTERS_KAFKA_OFFSETS_H

#include "adapters/kafka.h"

struct group_place {
	char topic[250];
	int32_t partition;
	int64_t low, end;		/* first offset there is, and one past the last */
	int64_t committed;		/* -1: none */
};

/* All partitions of the topics that `wanted` says yes to, by topic and partition.  0: *ret_places (the caller frees) has
 * *ret_n; else -errno with `why`. */
int kafka_admin_places(struct kafka_admin *k, bool (*wanted)(void *arg, const char *topic), void *arg,
    struct group_place **ret_places, size_t *ret_n, char *why, size_t size);

/* The first offset of each partition whose record is not older than `ms` (Unix time); its end if there is none. */
int kafka_admin_at_time(struct kafka_admin *k, const struct group_place *places, size_t n, int64_t ms, int64_t *ret_offsets,
    char *why, size_t size);

/* Commit these for the group.  -EBUSY: it has members; else -errno; both with `why`. */
int kafka_admin_move(struct kafka_admin *k, const struct topic_partition *list, size_t n, char *why,
    size_t size);

#endif
