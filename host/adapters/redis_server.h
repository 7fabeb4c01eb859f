/* redis_server.h - what a server says of itself, and whether it can hold a ledger.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    adapters/redis_conn.
 */
#ifndef ADAPTERS_REDIS_SERVER_H
#define ADAPTERS_REDIS_SERVER_H

#include "adapters/redis_conn.h"
#include "adapters/redis_store.h"
#include "core/config.h"
#include "core/ledger/store.h"

struct redis_server {
	enum config_ledger_mode mode;	/* as configured */
	char run_id[48];
	char version[32];
	enum store_trouble trouble;	/* why it was refused */
};

/* The greeting of a new connection: asks INFO and refuses a server that would lose the ledger or cannot hold it.
 * 0; -EPERM: refused, s->trouble says how; other -errno. */
int redis_server_greet(struct redis_conn *c, struct redis_server *s);

#endif
