/* route.h - which route takes an event.
 *
 * Routes are tried in the order that the configuration was judged to have;
 * the first whose tests all hold takes the event.  Fields come through a
 * callback, so that headers and JSON are only touched if a test asks.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    core/config.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "core/config.h"

/* The value of a field; absent (data NULL) if it is not there.  *ret_exists may be true without a value: a JSON
 * object, array or null. */
typedef struct bytes (*field_value_fn)(void *arg, const struct field *f, bool *ret_exists);

/* The index of the route among c->routes, -1 if none takes it. */
int route_pick(const struct config *c, const struct config_subscription *sub, field_value_fn value, void *arg);

#endif
