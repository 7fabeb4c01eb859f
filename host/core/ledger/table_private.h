/* table_private.h - the table's insides, for keeping (table.c) and applying (table_apply.c).
 *
 * Owns:    -
 * Threads: as core/ledger/table.h.
 * Uses:    core/ledger/table.
 */
#ifndef CORE_LEDGER_TABLE_PRIVATE_H
#define CORE_LEDGER_TABLE_PRIVATE_H

#include "core/ledger/table.h"

/* One claim or takeover of the log, void ones too.  There are as many as ids are remembered: kept small. */
struct slot {
	uint8_t id[LEDGER_ID];
	uint8_t state; /* enum entry_state */
	uint8_t crashes;
	uint32_t check;
	uint16_t session; /* index into `sessions` */
	uint16_t failed, takeovers;
	uint32_t server_s;
	uint32_t record;
	uint32_t extra; /* waiting: ms from server_s on; open: unused; else 0 */
	uint32_t open_at; /* its place in `open` while it is open */
};

struct first { /* of one record */
	uint32_t slot; /* its first claim */
	uint64_t fence;
};

struct bucket {
	uint32_t at; /* slot + 1 of the id's latest entry; 0: empty */
	uint32_t bits; /* of the id, so that others are passed over without a look at their slots */
};

struct kept_fence { /* of a carried entry */
	uint32_t slot;
	uint64_t fence;
};

struct table {
	_Atomic unsigned refs;
	uint32_t generation;
	uint64_t new_ids, begun_us, last_us;
	struct slot *slots;
	size_t n_slots, cap_slots;
	struct first *records;
	size_t n_records, cap_records;
	struct bucket *index; /* by id */
	size_t mask, n_ids;
	struct session_id *sessions;
	size_t n_sessions, cap_sessions;
	struct kept_fence *fences; /* by slot, rising */
	size_t n_fences, cap_fences;
	uint32_t *open; /* slots that are claimed or waiting, in no order */
	size_t n_open, cap_open;
	struct ledger_tag last_tag;
	uint64_t fence;
};

/* Where an id is, or would be, in the index. */
size_t table_index_of(const struct table *t, const uint8_t id[LEDGER_ID]);
void table_index_set(struct table *t, size_t i, const struct slot *s);	/* s is the latest of its id */
struct slot *table_latest(const struct table *t, const uint8_t id[LEDGER_ID]);	/* NULL: not known */
/* Room for `more` further ids; 0 or -ENOMEM. */
int table_grow_index(struct table *t, size_t more);
int table_grow(void **array, size_t *cap, size_t need, size_t size);
int table_session(struct table *t, const struct session_id *id, uint16_t *ret_index);
void table_set_state(struct table *t, struct slot *s, enum entry_state state);
/* True if an item of a record is there. */
bool table_refers(const struct table *t, uint32_t record, uint16_t index);
struct slot *table_slot(const struct table *t, uint32_t record, uint16_t index);

#endif
