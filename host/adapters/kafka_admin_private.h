/* kafka_admin_private.h - what the files of the admin client share; nobody else includes it.
 *
 * kafka_admin.c    topics, settings, the cluster
 * kafka_offsets.c  where a group stands, and moving it
 *
 * Owns:    -
 * Threads: one at a time.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_ADMIN_PRIVATE_H
#define ADAPTERS_KAFKA_ADMIN_PRIVATE_H

#include "adapters/kafka_conf.h"

struct kafka_admin {
	rd_kafka_t *rk;
	const char *group;		/* it is of this group; NULL: of none, and may not ask for one */
};

#endif
