/* backend.h - what an engine works with: event source, sink, ledger's store.
 *
 * Chosen once, by the program that starts the engine: Kafka and Redis
 * (adapters/servers.h) in the daemon, files and memory in `semel try`.
 * Nothing above the adapters names either.
 *
 * Owns:    nothing; what the functions make is the caller's.
 * Threads: any; each function can be called by several at once.
 * Uses:    core/source, core/sink, core/ledger/store.
 */
#ifndef CORE_BACKEND_H
#define CORE_BACKEND_H

#include "core/config.h"
#include "core/ledger/store.h"
#include "core/sink.h"
#include "core/source.h"

struct backend {
	void *arg;
	/* 0, or -errno with `why`. */
	int (*source)(void *arg, const struct config *c, const struct config_subscription *sub,
	    const struct source_callbacks *cb, struct source **ret_source, char *why, size_t size);
	int (*sink)(void *arg, const struct config *c, sink_ack_fn ack, void *ack_arg, struct sink **ret_sink,
	    char *why, size_t size);
	/* A connection of its own; NULL when out of memory.  Connects at the first call. */
	struct store *(*store)(void *arg, const struct config *c, const char *subscription);
};

#endif
