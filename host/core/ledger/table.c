#include "core/ledger/table_private.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Buckets for an ordinary generation's ids: growing the index holds everything up for milliseconds.  Memory that is
 * not touched costs nothing. */
#define FIRST_SIZE ((size_t)1 << 20)

struct table *table_new(uint32_t generation)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	atomic_store(&t->refs, 1);
	t->generation = generation;
	t->mask = FIRST_SIZE - 1;
	t->index = calloc(t->mask + 1, sizeof(*t->index));
	if (t->index == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

struct table *table_ref(struct table *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void table_free(struct table *t)
{
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	free(t->slots);
	free(t->records);
	free(t->index);
	free(t->sessions);
	free(t->fences);
	free(t->open);
	free(t);
}

/* ---- The index.  Ids are output of a keyed hash: any of their bytes spread well. */

static uint32_t bits_of(const uint8_t id[LEDGER_ID])
{
	uint32_t bits;

	memcpy(&bits, id + 4, sizeof(bits));
	return bits;
}

size_t table_index_of(const struct table *t, const uint8_t id[LEDGER_ID])
{
	uint32_t bits = bits_of(id);
	size_t i;

	for (i = bits & t->mask; t->index[i].at != 0; i = (i + 1) & t->mask)
		if (t->index[i].bits == bits && memcmp(t->slots[t->index[i].at - 1].id, id, LEDGER_ID) == 0)
			break;
	return i;
}

void table_index_set(struct table *t, size_t i, const struct slot *s)
{
	t->index[i] = (struct bucket){ (uint32_t)(s - t->slots) + 1, bits_of(s->id) };
}

void table_prefetch(const struct table *t, const uint8_t id[LEDGER_ID])
{
	__builtin_prefetch(&t->index[bits_of(id) & t->mask]);
}

/* Room for `more` further ids at no more than half full. */
int table_grow_index(struct table *t, size_t more)
{
	size_t size = t->mask + 1, n = size;
	struct bucket *grown;

	if (2 * (t->n_ids + more) <= size)
		return 0;
	while (2 * (t->n_ids + more) > size)
		size *= 2;
	grown = calloc(size, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t to = t->index[i].bits & (size - 1);

		if (t->index[i].at == 0)
			continue;
		while (grown[to].at != 0)
			to = (to + 1) & (size - 1);
		grown[to] = t->index[i];
	}
	free(t->index);
	t->index = grown;
	t->mask = size - 1;
	return 0;
}

int table_grow(void **array, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap == 0 ? 256 : *cap;
	void *grown;

	if (need <= *cap)
		return 0;
	while (n < need)
		n += n / 2;
	grown = realloc(*array, n * size);
	if (grown == NULL)
		return -ENOMEM;
	*array = grown;
	*cap = n;
	return 0;
}

struct slot *table_latest(const struct table *t, const uint8_t id[LEDGER_ID])
{
	uint32_t at = t->index[table_index_of(t, id)].at;

	return at == 0 ? NULL : &t->slots[at - 1];
}

/* ---- Sessions, interned; few are alive at a time, so the newest are tried first */

int table_session(struct table *t, const struct session_id *id, uint16_t *ret_index)
{
	for (size_t i = t->n_sessions; i-- > 0;) {
		if (memcmp(&t->sessions[i], id, sizeof(*id)) == 0) {
			*ret_index = (uint16_t)i;
			return 0;
		}
	}
	if (t->n_sessions > UINT16_MAX)
		return -ENOSPC;
	if (table_grow((void **)&t->sessions, &t->cap_sessions, t->n_sessions + 1, sizeof(*t->sessions)) < 0)
		return -ENOMEM;
	t->sessions[t->n_sessions] = *id;
	*ret_index = (uint16_t)t->n_sessions++;
	return 0;
}

/* ---- Open entries */

static void open_add(struct table *t, uint32_t at)
{
	t->slots[at].open_at = (uint32_t)t->n_open;
	t->open[t->n_open++] = at;
}

static void open_del(struct table *t, uint32_t at)
{
	uint32_t place = t->slots[at].open_at, last = t->open[--t->n_open];

	t->open[place] = last;
	t->slots[last].open_at = place;
}

void table_set_state(struct table *t, struct slot *s, enum entry_state state)
{
	uint32_t at = (uint32_t)(s - t->slots);

	if (entry_is_open((enum entry_state)s->state) && !entry_is_open(state))
		open_del(t, at);
	else if (!entry_is_open((enum entry_state)s->state) && entry_is_open(state))
		open_add(t, at);
	s->state = (uint8_t)state;
	s->extra = 0;
}

/* Every reference of a record must be to an item of an earlier one. */
bool table_refers(const struct table *t, uint32_t record, uint16_t index)
{
	uint32_t end;

	if (record >= t->n_records)
		return false;
	end = record + 1 < t->n_records ? t->records[record + 1].slot : (uint32_t)t->n_slots;
	return index < end - t->records[record].slot;
}

struct slot *table_slot(const struct table *t, uint32_t record, uint16_t index)
{
	return &t->slots[t->records[record].slot + index];
}

/* ---- Looking */

uint32_t table_generation(const struct table *t)
{
	return t->generation;
}

uint64_t table_new_ids(const struct table *t)
{
	return t->new_ids;
}

uint64_t table_begun_us(const struct table *t)
{
	return t->begun_us;
}

uint64_t table_last_us(const struct table *t)
{
	return t->last_us;
}

uint64_t table_records(const struct table *t)
{
	return t->n_records;
}

struct ledger_tag table_last_tag(const struct table *t)
{
	return t->last_tag;
}

size_t table_entries(const struct table *t)
{
	return t->n_ids;
}

uint64_t table_fence(const struct table *t)
{
	return t->fence;
}

size_t table_open(const struct table *t)
{
	return t->n_open;
}

static uint64_t fence_of(const struct table *t, uint32_t slot)
{
	uint32_t record = t->slots[slot].record;
	size_t low = 0, high = t->n_fences;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->fences[middle].slot < slot)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < t->n_fences && t->fences[low].slot == slot)
		return t->fences[low].fence;
	return t->records[record].fence + (slot - t->records[record].slot);
}

static struct entry view(const struct table *t, const struct slot *s)
{
	uint32_t at = (uint32_t)(s - t->slots);
	struct entry e = { .state = (enum entry_state)s->state,
		.check = s->check,
		.session = t->sessions[s->session],
		.counts = { s->failed, s->crashes, s->takeovers },
		.generation = t->generation,
		.record = s->record,
		.index = (uint16_t)(at - t->records[s->record].slot),
		.fence = fence_of(t, at),
		.server_s = s->server_s };

	memcpy(e.id, s->id, LEDGER_ID);
	if (s->state == ENTRY_WAITING)
		e.until_ms = (uint64_t)s->server_s * 1000 + s->extra;
	return e;
}

struct entry table_find(const struct table *t, const uint8_t id[LEDGER_ID])
{
	const struct slot *s = table_latest(t, id);

	return s == NULL ? (struct entry){ .state = ENTRY_ABSENT } : view(t, s);
}

struct entry table_at(const struct table *t, uint32_t record, uint16_t index)
{
	if (!table_refers(t, record, index))
		return (struct entry){ .state = ENTRY_VOID };
	return view(t, table_slot(t, record, index));
}

void table_each_open(const struct table *t, const struct session_id *session,
    void (*visit)(void *arg, const struct entry *e), void *arg)
{
	for (size_t i = 0; i < t->n_open; i++) {
		struct entry e = view(t, &t->slots[t->open[i]]);

		if (memcmp(&e.session, session, sizeof(*session)) == 0)
			visit(arg, &e);
	}
}

void table_each(const struct table *t, void (*visit)(void *arg, const struct entry *e), void *arg)
{
	for (size_t i = 0; i < t->n_slots; i++) {
		struct entry e;

		if (t->slots[i].state == ENTRY_VOID)
			continue;
		e = view(t, &t->slots[i]);
		visit(arg, &e);
	}
}

struct record_carry entry_as_carry(const struct entry *e)
{
	struct record_carry k = { .check = e->check,
		.session = e->session,
		.counts = e->counts,
		.state = e->state == ENTRY_CLAIMED   ? CARRY_CLAIMED
			 : e->state == ENTRY_WAITING ? CARRY_WAITING
						     : CARRY_RELEASED,
		.until_ms = e->until_ms,
		.fence = e->fence,
		.server_s = (uint32_t)e->server_s };

	memcpy(k.id, e->id, LEDGER_ID);
	return k;
}
