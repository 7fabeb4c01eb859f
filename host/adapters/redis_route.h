/* redis_route.h - where the server of a ledger is: single, behind Sentinel, or in a Cluster.
 *
 * single    the one address of the configuration
 * sentinel  the sentinels are asked in turn for the master of the configured name
 * cluster   a node is asked for the owner of the ledger's slot; MOVED corrects it
 *
 * Owns:    what it has learnt.
 * Threads: one at a time.
 * Uses:    adapters/redis_conn.
 */
#ifndef ADAPTERS_REDIS_ROUTE_H
#define ADAPTERS_REDIS_ROUTE_H

#include "adapters/redis_conn.h"
#include "core/config.h"

struct redis_route;

/* Borrows the configuration.  `tag`: what stands in the { } of the ledger's keys. */
struct redis_route *redis_route_new(const struct config *c, const char *tag);
void redis_route_free(struct redis_route *r);	/* NULL is allowed */

/* For redis_conn_hooks.where; arg is the route. */
int redis_route_where(void *arg, struct redis_place *ret_place, char *why, size_t size);
/* The text of a MOVED or ASK reply: where to go.  False: it is none. */
bool redis_route_moved(struct redis_route *r, struct bytes error);
bool redis_route_ask(struct redis_route *r, struct bytes error, struct redis_place *ret_place);
/* Something went wrong there: ask anew. */
void redis_route_forget(struct redis_route *r);
struct redis_login redis_route_login(const struct config *c);
uint16_t redis_slot(struct bytes tag);

#endif
