/* redis_store_private.h - what the files of the Redis store share; nobody else includes it.
 *
 * redis_store.c    failures, scripts, append and read, metadata
 * redis_sessions.c sessions
 *
 * Owns:    -
 * Threads: as adapters/redis_store.h.
 * Uses:    adapters/redis_conn.
 */
#ifndef ADAPTERS_REDIS_STORE_PRIVATE_H
#define ADAPTERS_REDIS_STORE_PRIVATE_H

#include "adapters/ledger_scripts.h"
#include "adapters/redis_conn.h"
#include "adapters/redis_meta.h"
#include "adapters/redis_store.h"

#define KEY_MAX 512
#define NUMBER_MAX 24

struct redis_store {
	struct store store;
	struct redis_conn *conn;
	char meta_key[KEY_MAX], sessions_key[KEY_MAX], names_key[KEY_MAX], list_key[KEY_MAX];
	char sha[SCRIPT_N][41]; /* empty: not loaded over this connection yet */
	uint64_t sha_connection;
	struct redis_server server; /* as the connection's greeting found it */
	struct buf over;
	struct store_record *records;
	size_t cap_records;
	struct store_lease *leases;
};

/* A reply of another shape: the connection is closed.  -EPROTO. */
int redis_store_bad_reply(struct redis_store *s, const char *what);
/* EVALSHA; argv[0..2] are filled in.  0: *ret_value is no error; else -errno with the store's trouble set. */
int redis_store_run(struct redis_store *s, enum ledger_script script, unsigned keys, int argc, struct bytes *argv,
    const struct redis_value **ret_value);

int redis_session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner);
int redis_session_renew(struct store *store, struct session_id id, uint64_t lease_us,
    const struct store_lease **ret_leases, size_t *ret_n, uint64_t *ret_now_us);
int redis_session_end(struct store *store, struct session_id id);

#endif
