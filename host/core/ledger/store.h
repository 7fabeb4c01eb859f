/* store.h - the little that the ledger needs of whatever keeps it.
 *
 * append-if(version, position, session), read from, compare-and-set of the
 * metadata, chunks of bytes, sessions under a lease by the store's clock.
 * Redis is the first store (adapters/redis_store), memory the second
 * (core/ledger/memory_store).  A struct store is one connection: calls are
 * synchronous, with the configured timeout, and never overlap.
 *
 * Owns:    replies belong to the store and live until its next call.
 * Threads: one at a time for one struct store.
 * Uses:    core/ledger/record, core/ledger/segment (types).
 */
#ifndef CORE_LEDGER_STORE_H
#define CORE_LEDGER_STORE_H

#include "base/clock.h"
#include "core/ledger/segment.h"

/* More are never listed: merging keeps them to a few dozen. */
#define LEDGER_MAX_SEGMENTS 256

struct ledger_version { uint8_t b[8]; };

struct ledger_meta {
	unsigned format, rules;
	uint8_t identity[16];		/* random, made with the ledger */
	uint8_t replaces[16];		/* the identity before, whose loss was accepted; zero: none */
	uint8_t hash_key[16];		/* of the ids and payload checks */
	struct ledger_version version;	/* random, anew at every change of this */
	uint32_t generation, oldest;	/* current list, oldest unsealed one: the same, or the one before */
	char run_id[48];		/* of the server that holds it */
	char cluster[64], group[256];	/* Kafka's cluster id, consumer group: must be the same for all hosts */
	uint64_t id_rule;		/* hash of what defines an id (`id`, `missing_id`) */
	uint64_t retention_ms;
	uint64_t dropped_s;		/* when a segment was last dropped, Unix seconds by the server's clock; 0: never */
	uint64_t heal_until_us;		/* after a change of server: no claims before that, by the server's clock, ... */
	unsigned unhealed;		/* ... unless all sessions that were live then have read and healed: so many have not */
	struct segment_info segments[LEDGER_MAX_SEGMENTS];
	size_t n_segments;

	/* Not part of it, but read with it. */
	char server[48];		/* the run_id that the server has now */
	uint64_t now_us;		/* the server's clock */
};

/* Some bytes of one chunk; `data` is set by the call, empty if the chunk is not there. */
enum store_stream { STORE_FILTER, STORE_BODY };
struct store_chunk {
	uint8_t segment[SEGMENT_ID];
	enum store_stream stream;
	uint32_t index;
	uint32_t from, len;		/* all of it: 0, SEGMENT_CHUNK */
	struct bytes data;
};

struct store_append {
	struct ledger_version version;	/* under which the claims were looked up */
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
	struct store_chunk *look;	/* read with the same round trip, whatever the result */
	size_t n_look;
};

enum store_result {
	STORE_OK,			/* appended: delta = what others wrote since, then our own header */
	STORE_STALE,			/* the version moved: no effect */
	STORE_DIVERGED,			/* the last record we read is not there: no effect, read anew */
	STORE_BEHIND,			/* too far behind: no effect, read first */
	STORE_MISSING			/* of a commit: a chunk that it names is not there */
};

struct store_record {
	struct bytes header, body;	/* body.data NULL: our own, which the caller has */
};

struct store_reply {
	enum store_result result;
	const struct store_record *records;
	size_t n;
	bool confirmed;			/* of an append: as many replicas have it as `durability` asks for */
	/* Of a read: */
	struct ledger_version version;	/* of the metadata */
	bool has_meta;
};

struct store_lease {
	struct session_id session;
	uint64_t end_us;		/* server time */
	unsigned rules;			/* the newest it knows */
	char owner[64];			/* the node's name */
};

struct store_renewal {
	const struct store_lease *leases;	/* all, ended ones too */
	size_t n;
	uint64_t now_us;
	struct ledger_version version;	/* of the metadata */
	bool has_meta;
};

/* One compare-and-set of the metadata and of what it speaks of, all or nothing. */
struct store_commit {
	struct ledger_version from;
	const struct ledger_meta *to;	/* its version is new; run_id, healing and segments are not taken from it */
	bool open_list;			/* list to->generation begins anew, its fence behind that of list `close` */
	uint32_t close;			/* the list before; 0: none */
	bool unlink;			/* remove list `close` */
	const struct bytes *carries;	/* bodies of records for list to->generation */
	size_t n_carries;
	struct session_id session;	/* of these */
	const struct segment_info *add;	/* NULL: none; its chunks are there and become permanent */
	const struct segment_info *remove;	/* their chunks expire */
	size_t n_remove;
	uint64_t heal_us;		/* begin healing, as adopt does; 0: no */
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
	bool append_only;
	unsigned replicas;		/* connected now */
	int64_t certificate_expiry;	/* of the server, Unix time; 0: no TLS */
	char server_version[32];
};

struct store;
struct store_ops {
	/* All return 0 or -errno; store->trouble and store->text then say what the operator reads. */
	int (*append)(struct store *s, const struct store_append *a, struct store_reply *ret_reply);
	/* Records from `from` on, at most max, with the one before it at the front if there is one.  -ENOENT: the
	 * list is gone. */
	int (*read)(struct store *s, uint32_t generation, uint64_t from, uint32_t max,
	    struct store_reply *ret_reply);
	/* Make sure that what was written over this connection is where `durability` wants it.  -EAGAIN: not yet. */
	int (*confirm)(struct store *s, struct session_id id, uint64_t lease_us);

	int (*meta_read)(struct store *s, struct ledger_meta *ret_meta);	/* -ENOENT: no ledger */
	/* Make the ledger, with its first record, if there is none.  -EEXIST: another host was first.  With heal_us
	 * nothing is claimed for so long: hosts that know a lost one write again what they know. */
	int (*meta_create)(struct store *s, const struct ledger_meta *meta, uint64_t heal_us);
	int (*commit)(struct store *s, const struct store_commit *c, enum store_result *ret_result);
	/* The ledger lies on another server than its metadata says: change run_id to it and the version, raise the
	 * fence by a minute, cap every lease at now + lease_us, and begin healing.  No effect if the version moved. */
	int (*adopt)(struct store *s, const struct ledger_version *from, uint64_t lease_us);
	/* That session has read and healed. */
	int (*healed)(struct store *s, struct session_id id);

	/* A chunk of a segment that is to be committed; it goes by itself if that does not happen. */
	int (*chunk_write)(struct store *s, const uint8_t segment[SEGMENT_ID], enum store_stream stream,
	    uint32_t index, struct bytes data);
	int (*chunk_read)(struct store *s, struct store_chunk *chunks, size_t n);
	/* Who seals or merges, so that not all hosts do the same work; ret_ours false: somebody else does.  It is
	 * not what makes it safe. */
	int (*lock)(struct store *s, struct session_id id, uint64_t ms, bool *ret_ours);

	/* Open a session; its lease ends lease_us from now by the store's clock. */
	int (*session_open)(struct store *s, struct session_id id, uint64_t lease_us, const char *owner);
	/* -ENOENT: the session is not there.  lease_us 0: renew nothing, only show. */
	int (*session_renew)(struct store *s, struct session_id id, uint64_t lease_us,
	    struct store_renewal *ret_renewal);
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
/* For tests.  The lists, by generation; their records and bytes. */
size_t memory_ledger_records(const struct memory_ledger *m, uint32_t generation);
struct buf *memory_ledger_record(struct memory_ledger *m, uint32_t generation, size_t i, bool body);
/* Another server, with everything as it was at the last memory_ledger_snapshot: what was written since is lost. */
void memory_ledger_snapshot(struct memory_ledger *m);
void memory_ledger_failover(struct memory_ledger *m);
const struct ledger_meta *memory_ledger_meta(const struct memory_ledger *m);
void memory_ledger_wipe(struct memory_ledger *m);	/* all of it, as FLUSHALL does */
/* A byte of a chunk, to damage it; NULL: there is no such chunk. */
struct buf *memory_ledger_chunk(struct memory_ledger *m, size_t i);
struct store *memory_store_new(struct memory_ledger *m);

#endif
