/* process.h - the engine as a process: start, signals, what the manager is told, the end.
 *
 * Owns:    the engine.
 * Threads: main.
 * Uses:    engine/engine, base/channel.
 */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include "base/box.h"
#include "core/config.h"

struct engine_setup;

/* What the manager gives: descriptors, the black box. */
struct engine_links {
	int channel, http, admin;	/* http -1: none */
	int crash;			/* where last words go */
	struct box *box;
};

/* Runs until SIGTERM; the exit status of the process. */
int process_run(const struct config *c, const struct engine_setup *setup, const struct engine_links *links);

#endif
