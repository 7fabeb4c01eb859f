/* memory_private.h - what the files of the memory store share; nobody else includes it.
 *
 * memory_ledger.c what is kept, and what tests do to it
 * memory_store.c  the calls of the interface
 *
 * Owns:    -
 * Threads: as core/ledger/store.h.
 * Uses:    core/ledger/store.
 */
#ifndef CORE_LEDGER_MEMORY_PRIVATE_H
#define CORE_LEDGER_MEMORY_PRIVATE_H

#include "core/ledger/store.h"

#define MAX_LISTS 4

struct kept { /* one record */
	struct buf header, body;
};

struct list {
	uint32_t generation; /* 0: none */
	struct kept *records;
	size_t n, cap;
};

struct session {
	struct session_id id;
	uint64_t end_us;
	bool unhealed;
	char owner[64];
};

struct chunk {
	uint8_t segment[SEGMENT_ID];
	enum store_stream stream;
	uint32_t index;
	struct buf data;
	uint64_t expires_us; /* 0: never */
};

/* Everything that a failover may turn back. */
struct content {
	bool made;
	struct ledger_meta meta;
	uint64_t fence_floor;
	bool heal_all; /* nobody can say who has to heal: the time decides */
	struct list lists[MAX_LISTS];
	struct session *sessions;
	size_t n_sessions;
	struct chunk *chunks;
	size_t n_chunks;
};

struct memory_ledger {
	struct content now, then;
	unsigned server; /* its run_id */
	struct session_id locked;
	uint64_t locked_until_us;
	uint64_t now_us;
};

struct memory_store {
	struct store store;
	struct memory_ledger *m;
	unsigned server; /* when the metadata was last read */
	struct store_record *reply;
	struct buf own; /* the last header */
	struct buf *data; /* of chunks that were read */
	size_t n_data;
	struct store_lease *leases;
};

void *memory_grow(void *old, size_t size);
void memory_free_list(struct list *l, size_t from);
struct list *memory_list_of(struct content *c, uint32_t generation);
struct session *memory_session_find(const struct memory_ledger *m, const struct session_id *id);
bool memory_is_over(const struct memory_ledger *m, const struct session_id *id);
struct kept *memory_add_record(struct list *l);
struct chunk *memory_chunk_find( struct content *c, const uint8_t segment[SEGMENT_ID], enum store_stream stream, uint32_t index);
void memory_expire(struct memory_ledger *m);

#endif
