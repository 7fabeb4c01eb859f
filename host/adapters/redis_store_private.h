/* redis_store_private.h - what the files of the Redis store share; nobody else includes it.
 *
 * redis_store.c    making one, append and read
 * redis_run.c      commands and scripts: failures, NOSCRIPT, MOVED, ASK
 * redis_commit.c   metadata and its compare-and-set
 * redis_chunks.c   chunks of segments
 * redis_sessions.c sessions
 *
 * Owns:    -
 * Threads: as adapters/redis_store.h.
 * Uses:    adapters/redis_conn.
 */
#ifndef ADAPTERS_REDIS_STORE_PRIVATE_H
#define ADAPTERS_REDIS_STORE_PRIVATE_H

#include "adapters/ledger_scripts.h"
#include "adapters/redis_meta.h"
#include "adapters/redis_route.h"
#include "adapters/redis_server.h"
#include "adapters/redis_store.h"

#define KEY_MAX 256
#define NUMBER_MAX 24

struct look_args { /* of one GETRANGE */
	char key[KEY_MAX], from[NUMBER_MAX], to[NUMBER_MAX];
	struct bytes argv[4];
};

struct redis_store {
	struct store store;
	struct redis_route *route;
	struct redis_conn *conn, *ask; /* ask: the node that a slot is being moved to, for one command */
	struct redis_place ask_place;
	struct redis_login login;
	int64_t timeout_ms;
	unsigned replicas; /* durability; 0: none */
	char prefix[KEY_MAX - 40];
	char meta_key[KEY_MAX], sessions_key[KEY_MAX], names_key[KEY_MAX], lock_key[KEY_MAX];
	char sha[SCRIPT_N][41]; /* empty: not loaded over this connection yet */
	uint64_t sha_connection;
	struct redis_server server; /* as the connection's greeting found it */
	bool any_server; /* it is only looked at: none is refused */
	char adopted[48]; /* run_id of the server whose metadata was read last */
	uint64_t wrote; /* the connection over which something was written last: what WAIT counts for */
	struct store_record *records;
	size_t cap_records;
	struct store_lease *leases;
	struct look_args *looks;
	size_t cap_looks;
	struct redis_command *commands;
	size_t cap_commands;
	const struct redis_value **values;
	size_t cap_values;
};

/* ---- redis_run.c */

/* Connect if that is due.  0 or -errno with the store's trouble set. */
int redis_store_ready(struct redis_store *s);
/* A reply of another shape: the connection is closed.  -EPROTO. */
int redis_store_bad_reply(struct redis_store *s, const char *what);
/* An error reply: -errno with the store's trouble set. */
int redis_store_error(struct redis_store *s, const char *what, struct bytes text);
/* Commands with one round trip; MOVED and ASK are followed.  0: s->values are the replies, some maybe errors. */
int redis_store_pipe(struct redis_store *s, const struct redis_command *commands, size_t n);
/* One command whose reply is no error. */
int redis_store_command(struct redis_store *s, const char *what, size_t argc, const struct bytes *argv,
    const struct redis_value **ret_value);
/* EVALSHA, then the `more` commands, with one round trip; argv[0..2] are filled in.  A script that is not there had
 * no effect: it is loaded and run again.  0: s->values are the replies, the first is no error. */
int redis_store_script(struct redis_store *s, enum ledger_script script, unsigned keys, size_t argc,
    struct bytes *argv, const struct redis_command *more, size_t n_more);
void redis_store_list_key(const struct redis_store *s, uint32_t generation, char key[KEY_MAX]);

/* ---- redis_chunks.c */

/* The GETRANGEs of some chunks as commands, in s->looks; -ENOMEM. */
int redis_store_looks(struct redis_store *s, const struct store_chunk *chunks, size_t n, struct redis_command *commands);
/* Their replies. */
int redis_store_looked(struct redis_store *s, const struct redis_value *const *values, struct store_chunk *chunks, size_t n);
void redis_store_chunk_key(const struct redis_store *s, const uint8_t segment[SEGMENT_ID], enum store_stream stream,
    uint32_t index, char key[KEY_MAX]);
int redis_chunk_write(struct store *store, const uint8_t segment[SEGMENT_ID], enum store_stream stream, uint32_t index,
    struct bytes data);
int redis_chunk_read(struct store *store, struct store_chunk *chunks, size_t n);
int redis_lock(struct store *store, struct session_id id, uint64_t ms, bool *ret_ours);

/* ---- redis_commit.c */
int redis_meta_read(struct store *store, struct ledger_meta *ret_meta);
int redis_meta_create(struct store *store, const struct ledger_meta *meta, uint64_t heal_us);
int redis_commit(struct store *store, const struct store_commit *c, enum store_result *ret_result);
int redis_adopt(struct store *store, const struct ledger_version *from, uint64_t lease_us);
int redis_healed(struct store *store, struct session_id id);

/* ---- redis_sessions.c */
int redis_session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner);
int redis_session_renew(
    struct store *store, struct session_id id, uint64_t lease_us, struct store_renewal *ret_renewal);
int redis_session_end(struct store *store, struct session_id id);

#endif
