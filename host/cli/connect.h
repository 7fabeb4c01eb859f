/* connect.h - what the servers say to a configuration: the part of `semel check` and `semel doctor` that opens connections.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    adapters/kafka, adapters/redis_store.
 */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "cli/findings.h"

/* Asks Kafka and Redis. */
void connect_check(const struct config *c, struct findings *f);

#endif
