/* connect_private.h - what the files of connect share; nobody else includes it.
 *
 * connect.c        Kafka
 * connect_redis.c  the ledgers and their servers
 *
 * Owns:    -
 * Threads: main only.
 * Uses:    cli/connect.
 */
#ifndef CLI_CONNECT_PRIVATE_H
#define CLI_CONNECT_PRIVATE_H

#include "adapters/kafka.h"
#include "cli/connect.h"

#define CONNECT_TIMEOUT_MS 10000

struct checking {
	const struct config *c;
	struct findings *f;
	struct kafka_admin *admin;
	char cluster[64];		/* empty: Kafka does not answer */
	bool topics_ask;
};

/* The ledger of one subscription, and the server that has it. */
void connect_ledger(struct checking *k, const struct config_subscription *sub);

#endif
