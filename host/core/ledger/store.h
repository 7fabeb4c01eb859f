/* store.h - the little that the ledger needs of whatever keeps it.
 *
 * append-if(version, position, session), read from, the metadata, sessions
 * under a lease by the store's clock.  Redis is the first store
 * (adapters/redis_store), memory the second (core/ledger/memory_store).
 * A struct store is one connection: calls are synchronous, with the
 * configured timeout, and never overlap.
 *
 * Owns:    replies belong to the store and live until its next call.
 * Threads: one at a time for one struct store.
 * Uses:    core/ledger/record.
 */
#ifndef CORE_LEDGER_STORE_H
#define CORE_LEDGER_STORE_H

#include "base/clock.h"
#include "core/ledger/record.h"

struct ledger_version { uint8_t b[8]; };

struct ledger_meta {
	unsigned format, rules;
	uint8_t identity[16];		/* random, made with the ledger */
	uint8_t hash_key[16];		/* of the ids and payload checks */
	struct ledger_version version;	/* random, anew at every change of this */
	uint32_t generation, oldest;	/* current list, oldest unsealed one */
	char run_id[48];		/* of the server */
	char cluster[64], group[256];	/* Kafka's cluster id, consumer group: must be the same for all hosts */
	uint64_t id_rule;		/* hash of what defines an id (`id`, `missing_id`) */
	uint64_t retention_ms;
};

struct store_append {
	struct ledger_version version;
	struct session_id session;
	uint32_t generation;
	uint64_t position;		/* records read so far */
	struct ledger_tag last_tag;	/* of the last of them */
	struct ledger_tag tag;		/* of this record; a call sent again has the same */
	struct bytes body;
	const struct session_id *ask;	/* which of these are over? */
	uint8_t n_ask;
	uint16_t max_delta;		/* more records behind than this: STORE_BEHIND */
	bool oom_ok;			/* settles only: runs although the server is out of memory */
};

enum store_result {
	STORE_OK,			/* appended: delta = what others wrote since, then our own header */
	STORE_STALE,			/* the version moved: no effect */
	STORE_DIVERGED,			/* the last record we read is not there: no effect, read anew */
	STORE_BEHIND			/* too far behind: no effect, read first */
};

struct store_record {
	struct bytes header, body;	/* body.data NULL: our own, which the caller has */
};

struct store_reply {
	enum store_result result;
	const struct store_record *records;
	size_t n;
};

struct store_lease {
	struct session_id session;
	uint64_t end_us;		/* server time */
	char owner[64];			/* the node's name */
};

/* How a call failed, beside -errno: what the operator must know and whether it may go through later. */
enum store_trouble {
	STORE_TROUBLE_NONE,
	STORE_UNREACHABLE,		/* no connection, timeout: reconnect, the call's effect is unknown */
	STORE_LOADING, STORE_READONLY, STORE_OOM, STORE_BUSY,	/* refused for now: no effect */
	STORE_DENIED,			/* NOAUTH, WRONGPASS, NOPERM: no effect, remedy needed */
	STORE_REFUSED			/* any other error reply: fail closed */
};

struct store_stats {
	uint64_t records, bytes;	/* of the current list */
	uint64_t memory, memory_limit;	/* of the server; limit 0: none */
	char policy[32];		/* maxmemory-policy */
	char server_version[32];
};

struct store;
struct store_ops {
	/* All return 0 or -errno; store->trouble and store->text then say what the operator reads. */
	int (*append)(struct store *s, const struct store_append *a, struct store_reply *ret_reply);
	/* Records from `from` on, at most max.  -ENOENT: the list is gone. */
	int (*read)(struct store *s, uint32_t generation, uint64_t from, uint32_t max,
	    struct store_reply *ret_reply);
	int (*meta_read)(struct store *s, struct ledger_meta *ret_meta);	/* -ENOENT: no ledger */
	/* Make the ledger, with its first record, if there is none.  -EEXIST: another host was first. */
	int (*meta_create)(struct store *s, const struct ledger_meta *meta);
	/* Open a session; its lease ends lease_us from now by the store's clock. */
	int (*session_open)(struct store *s, struct session_id id, uint64_t lease_us, const char *owner);
	/* -ENOENT: the session is not there.  All leases, ended ones too, are returned; also *ret_now_us. */
	int (*session_renew)(struct store *s, struct session_id id, uint64_t lease_us,
	    const struct store_lease **ret_leases, size_t *ret_n, uint64_t *ret_now_us);
	int (*session_end)(struct store *s, struct session_id id);
	int (*stats)(struct store *s, uint32_t generation, struct store_stats *ret_stats);
	void (*free)(struct store *s);
};

struct store {
	const struct store_ops *ops;
	enum store_trouble trouble;	/* of the last call that failed */
	char text[256];
	uint64_t connections;		/* made so far: a watch on leases starts anew with each */
};

/* The second store: shared between clients in one process, with a clock of the test's.  For tests and
 * `semel try`.  Threads: one at a time for all clients of one memory. */
struct memory_ledger;
struct memory_ledger *memory_ledger_new(void);
void memory_ledger_free(struct memory_ledger *m);
void memory_ledger_set_time(struct memory_ledger *m, uint64_t server_us);
/* For tests: lose all records from the n-th on, as a failover may; how many there are; their bytes. */
void memory_ledger_truncate(struct memory_ledger *m, size_t records);
size_t memory_ledger_records(const struct memory_ledger *m);
struct buf *memory_ledger_record(struct memory_ledger *m, size_t i, bool body);
/* A client; `fail`, if set, is asked before (after = false) and after each call and returns 0 or the -errno to
 * fail with: after an effect that is a lost reply. */
struct store *memory_store_new(struct memory_ledger *m, int (*fail)(void *arg, bool after), void *arg);

#endif
