/* servers.h - the backend of the daemon: Kafka for events and letters, Redis for the ledger.
 *
 * Owns:    nothing.
 * Threads: as core/backend.h.
 * Uses:    adapters/kafka, adapters/redis_store.
 */
#ifndef ADAPTERS_SERVERS_H
#define ADAPTERS_SERVERS_H

#include "core/backend.h"

extern const struct backend servers_backend;

#endif
