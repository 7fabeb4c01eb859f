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

#include "core/config.h"
#include "core/ledger/store.h"

/* A store for the ledger of `subscription`.  Connects at the first call. */
struct store *redis_store_new(const struct config *c, const char *subscription);

/* Remove all keys of a ledger without segments: one that a measurement made. */
void redis_store_remove(struct store *s);

#endif
