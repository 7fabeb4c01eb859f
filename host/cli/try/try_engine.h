/* try_engine.h - what the engine of a try works with: records of a file, a sink that takes note, an observer.
 *
 * try_source.c the event source
 * try_engine.c the rest of the backend, and the observer
 *
 * Owns:    nothing; everything was there before the engine was forked.
 * Threads: as core/source, core/sink and engine/observer say.
 * Uses:    core/backend, engine/observer.
 */
#ifndef CLI_TRY_TRY_ENGINE_H
#define CLI_TRY_TRY_ENGINE_H

#include "cli/try/try.h"
#include "engine/engine.h"

struct try_engine {
	const struct try_options *options;
	const struct try_events *events;
	struct try_shared *shared;
	int notes;			/* socket to who keeps the ledger; a packet a note */
	unsigned host;			/* 0, or the one that takes over */
	struct backend backend;
	struct observer observer;
	struct engine_setup setup;
};

/* Fills the last three from the others. */
void try_engine_init(struct try_engine *e);

int try_source_new(void *arg, const struct config *c, const struct config_subscription *sub,
    const struct source_callbacks *cb, struct source **ret_source, char *why, size_t size);

#endif
