/* redis_store.h - the ledger's first store: Redis, over a transport with real deadlines.
 *
 * redis_conn.c speaks RESP2 on a non-blocking socket (TCP, TLS, Unix) with
 * hiredis' reader; redis_route.c finds the server (single, Sentinel, Cluster);
 * redis_run.c follows MOVED and ASK; the files of redis_store_private.h are
 * the ledger on top; the scripts are in ledger_scripts.c.
 *
 * Owns:    one connection; made when it is needed, again after it broke, with jittered back-off.
 * Threads: one at a time for one store.
 * Uses:    hiredis (redis_conn.c), OpenSSL (tls.c).
 */
#ifndef ADAPTERS_REDIS_STORE_H
#define ADAPTERS_REDIS_STORE_H

#include "base/buf.h"
#include "core/config.h"
#include "core/ledger/store.h"

/* A store for the ledger of `subscription`.  Connects at the first call. */
struct store *redis_store_new(const struct config *c, const char *subscription);

/* What the server says of itself (the text of INFO), whether or not it could hold a ledger.  0, or -errno with the store's
 * text.  The store is of no other use then. */
int redis_store_info(struct store *s, struct buf *ret_info);
/* The value of "name:" in such a text; empty if it is not there. */
struct bytes redis_info(struct bytes info, const char *name);
void redis_stats_parse(struct bytes info, struct store_stats *ret_stats);

/* Remove all keys of a ledger without segments: one that a measurement made. */
void redis_store_remove(struct store *s);

#endif
