/* opening.h - plugins loaded and opened for a trial, before a host depends on them.
 *
 * Plugin code runs here: a process that is to outlive it asks opening_check, which has a child do it.
 *
 * Owns:    nothing.
 * Threads: main only.
 * Uses:    adapters/plugin, fork.
 */
#ifndef CLI_OPENING_H
#define CLI_OPENING_H

#include "adapters/config_file.h"
#include "core/metrics.h"

/* Loads, opens and closes the plugin of h in this process.  0, or -errno: then it is in `problems`, at the handler's
 * place.  *ret_later: it is its open that cannot do it now, and a host would ask again. */
int opening_try(const struct config_handler *h, bool lenient, struct metrics *metrics,
    struct config_problems *problems, bool *ret_later);

/* The same for all handlers, one after the other, each in a child that has a minute.  Root opens them as the owner of
 * state_dir, as the daemon does, so that what a plugin makes in its open is the daemon's. */
void opening_check(const struct config *c, struct config_problems *problems);

#endif
