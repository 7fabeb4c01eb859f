/* connect.h - what the servers say to a configuration: the part of `semel check` that opens connections.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    adapters/kafka, adapters/redis_store.
 */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "adapters/config_file.h"

/* Asks Kafka and Redis, and adds what is wrong to the problems. */
void connect_check(const struct config *c, struct config_problems *problems);

#endif
