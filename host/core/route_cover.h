/* route_cover.h - which routes can never match.
 *
 * Compares the tests of routes, so that `semel check` can tell of a route
 * that contradicts itself, or whose events an earlier one takes.  It sees
 * what two tests say of one field, and no more: a route it does not name may
 * still never match.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    core/config.
 */
#ifndef CORE_ROUTE_COVER_H
#define CORE_ROUTE_COVER_H

#include "core/config.h"

/* True if every event that passes `r` passes `before`, too. */
bool route_covers(const struct config_route *before, const struct config_route *r);

/* True if no event passes all tests of `r`. */
bool route_contradicts(const struct config_route *r);

#endif
