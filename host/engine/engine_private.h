/* engine_private.h - what the files of the engine share; nobody else includes it.
 *
 * engine.c       start, stop, plugins that are opened again
 * engine_admin.c what the admin socket asks for
 *
 * Owns:    -
 * Threads: main; engine_admin: http.
 * Uses:    engine/engine.
 */
#ifndef ENGINE_ENGINE_PRIVATE_H
#define ENGINE_ENGINE_PRIVATE_H

#include "engine/engine.h"
#include "engine/ledger_io.h"
#include "engine/web.h"

struct engine {
	const struct config *config;
	struct metrics *metrics;
	struct subscription **subs;
	struct status_handler *handlers;
	struct plugin **plugins; /* NULL: refused or missing */
	struct pool **pools; /* NULL: not open (yet) */
	struct ledger_io **ledgers;
	struct letters *letters;
	struct gate gate;
	struct web *web;
	const struct engine_outside *outside;
	struct status_source status;
	struct mono open_at;
	bool to_open; /* a plugin waits to be opened again */
};

/* Fills what status and admin requests are answered with. */
void engine_admin(struct engine *e, struct status_source *ret_source);

#endif
