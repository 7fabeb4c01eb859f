/* table.h - the replay: the log of one generation, read in order, as a table of ids.
 *
 * A pure function of the list: no clock and no session of its own, so every
 * host and every late reader comes to the same table.  The rules are those of
 * docs/ledger.md; whose claim holds is decided by order alone.
 *
 *   claim     valid if the header is live and the id is absent or released; counters go on
 *   takeover  valid if the header is live, `from` is in the header's list of sessions that are
 *             over (or is the writer itself), and the entry is open (claimed, waiting) and of `from`
 *   settle, wait, wake   valid if the entry is the latest of its id, open, and of the writer's session
 *   carry     valid if the id is not in this list: an entry of the closed list before, moved
 *   heal      of done: valid if the id is absent, released or open; of dead, parked: absent, released, or
 *             open and of the writer's session
 *
 * Void items keep their bytes and their number and have no effect.
 *
 * Owns:    its entries.
 * Threads: one at a time; once nothing is applied any more, any number may look.
 * Uses:    core/ledger/record.
 */
#ifndef CORE_LEDGER_TABLE_H
#define CORE_LEDGER_TABLE_H

#include "core/ledger/record.h"

enum entry_state {
	ENTRY_ABSENT, ENTRY_CLAIMED, ENTRY_WAITING, ENTRY_RELEASED,
	ENTRY_DONE, ENTRY_DEAD, ENTRY_PARKED,
	ENTRY_VOID			/* a claim that did not hold; never found by id */
};

static inline bool entry_is_final(enum entry_state s)
{
	return s == ENTRY_DONE || s == ENTRY_DEAD || s == ENTRY_PARKED;
}

static inline bool entry_is_open(enum entry_state s)
{
	return s == ENTRY_CLAIMED || s == ENTRY_WAITING;
}

struct entry {				/* a copy, for the caller */
	enum entry_state state;
	uint8_t id[LEDGER_ID];
	uint32_t check;
	struct session_id session;	/* who claimed it last */
	struct ledger_counts counts;
	uint32_t generation, record;	/* names it in settles */
	uint16_t index;
	uint64_t fence;			/* of its claim: never given twice, kept when it is carried */
	uint64_t server_s;		/* Unix seconds of the last change */
	uint64_t until_ms;		/* of ENTRY_WAITING */
};

/* An open or released entry as it is carried into the next generation. */
struct record_carry entry_as_carry(const struct entry *e);

struct table;

struct table *table_new(uint32_t generation);	/* NULL when out of memory */
/* Tables are counted, so that a closed one can be sealed by another thread. */
struct table *table_ref(struct table *t);
void table_free(struct table *t);		/* gives one reference back; NULL is allowed */

/* Apply the next record.  0; -EBADMSG: not a record, or one that refers to what is not there; -ENOTSUP: a
 * newer format or newer rules; -ENOMEM.  On failure the table is unchanged.  ret_took, if not NULL, has room for
 * LEDGER_MAX_ITEMS and says of each item, in the order of the sections, whether it had an effect. */
int table_apply(struct table *t, struct bytes header, struct bytes body, bool *ret_took);

uint32_t table_generation(const struct table *t);
uint64_t table_new_ids(const struct table *t);		/* claimed first in this generation: what rotation counts */
uint64_t table_begun_us(const struct table *t);		/* server time of the first record, of the last one */
uint64_t table_last_us(const struct table *t);
uint64_t table_records(const struct table *t);		/* applied so far: the position in the list */
struct ledger_tag table_last_tag(const struct table *t);	/* all zero before the first record */
size_t table_entries(const struct table *t);		/* ids known: open, released and final */
uint64_t table_fence(const struct table *t);		/* the least that a next claim may get */

/* The latest entry of an id; ENTRY_ABSENT (and only state set) if there is none. */
struct entry table_find(const struct table *t, const uint8_t id[LEDGER_ID]);
/* Ask the processor for what table_find of this id reads first. */
void table_prefetch(const struct table *t, const uint8_t id[LEDGER_ID]);
/* The entry an item of a record made; ENTRY_VOID if it had no effect, was replaced, or is not there. */
struct entry table_at(const struct table *t, uint32_t record, uint16_t index);

/* Calls visit for every open entry of a session; used for orphans and for takeovers of an old session. */
void table_each_open(const struct table *t, const struct session_id *session,
    void (*visit)(void *arg, const struct entry *e), void *arg);
size_t table_open(const struct table *t);		/* how many entries are open */
/* The latest entry of every id, in no order. */
void table_each(const struct table *t, void (*visit)(void *arg, const struct entry *e), void *arg);

#endif
