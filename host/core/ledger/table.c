#include "core/ledger/table.h"

#include <errno.h>
#include <stdlib.h>

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

struct table {
	struct slot *slots;
	size_t n_slots, cap_slots;
	struct first *records;
	size_t n_records, cap_records;
	uint32_t *index; /* by id: slot + 1 of its latest entry; 0: empty */
	size_t mask, n_ids;
	struct session_id *sessions;
	size_t n_sessions, cap_sessions;
	uint32_t *open; /* slots that are claimed or waiting, in no order */
	size_t n_open, cap_open;
	struct ledger_tag last_tag;
	uint64_t fence;
};

struct table *table_new(void)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->mask = 1023;
	t->index = calloc(t->mask + 1, sizeof(*t->index));
	if (t->index == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	free(t->records);
	free(t->index);
	free(t->sessions);
	free(t->open);
	free(t);
}

/* ---- The index.  Ids are output of a keyed hash: any of their bytes spread well. */

static size_t index_of(const struct table *t, const uint8_t id[LEDGER_ID])
{
	uint32_t h;
	size_t i;

	memcpy(&h, id + 4, sizeof(h));
	for (i = h & t->mask; t->index[i] != 0; i = (i + 1) & t->mask)
		if (memcmp(t->slots[t->index[i] - 1].id, id, LEDGER_ID) == 0)
			break;
	return i;
}

/* Room for `more` further ids at no more than half full. */
static int grow_index(struct table *t, size_t more)
{
	size_t size = t->mask + 1;
	uint32_t *old = t->index;

	if (2 * (t->n_ids + more) <= size)
		return 0;
	while (2 * (t->n_ids + more) > size)
		size *= 2;
	t->index = calloc(size, sizeof(*t->index));
	if (t->index == NULL) {
		t->index = old;
		return -ENOMEM;
	}
	for (size_t i = 0, n = t->mask + 1; (t->mask = size - 1, i < n); i++)
		if (old[i] != 0)
			t->index[index_of(t, t->slots[old[i] - 1].id)] = old[i];
	free(old);
	return 0;
}

static int grow(void **array, size_t *cap, size_t need, size_t size)
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

static struct slot *latest(const struct table *t, const uint8_t id[LEDGER_ID])
{
	uint32_t at = t->index[index_of(t, id)];

	return at == 0 ? NULL : &t->slots[at - 1];
}

/* ---- Sessions, interned; few are alive at a time, so the newest are tried first */

static int session_index(struct table *t, const struct session_id *id, uint16_t *ret_index)
{
	for (size_t i = t->n_sessions; i-- > 0;) {
		if (memcmp(&t->sessions[i], id, sizeof(*id)) == 0) {
			*ret_index = (uint16_t)i;
			return 0;
		}
	}
	if (t->n_sessions > UINT16_MAX)
		return -ENOSPC;
	if (grow((void **)&t->sessions, &t->cap_sessions, t->n_sessions + 1, sizeof(*t->sessions)) < 0)
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

static void set_state(struct table *t, struct slot *s, enum entry_state state)
{
	uint32_t at = (uint32_t)(s - t->slots);

	if (entry_is_open((enum entry_state)s->state) && !entry_is_open(state))
		open_del(t, at);
	else if (!entry_is_open((enum entry_state)s->state) && entry_is_open(state))
		open_add(t, at);
	s->state = (uint8_t)state;
	s->extra = 0;
}

/* ---- Applying */

struct applying {
	struct record_header header;
	struct record_view body;
	uint16_t session;
	uint32_t server_s;
};

/* Every reference of a record must be to an item of an earlier one. */
static bool refers(const struct table *t, uint32_t record, uint16_t index)
{
	uint32_t end;

	if (record >= t->n_records)
		return false;
	end = record + 1 < t->n_records ? t->records[record + 1].slot : (uint32_t)t->n_slots;
	return index < end - t->records[record].slot;
}

static int check_references(const struct table *t, const struct record_view *v)
{
	for (unsigned i = 0; i < v->n_settles; i++) {
		struct record_settle s = record_settle_at(v, i);

		if (!refers(t, s.record, s.index) || s.status > SETTLE_RELEASED)
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n_waits; i++) {
		struct record_wait w = record_wait_at(v, i);

		if (!refers(t, w.record, w.index))
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n_wakes; i++) {
		struct record_wake w = record_wake_at(v, i);

		if (!refers(t, w.record, w.index))
			return -EBADMSG;
	}
	return 0;
}

static int check(struct table *t, struct bytes header, struct bytes body, struct applying *a)
{
	const struct record_view *v = &a->body;

	if (record_read_header(header, &a->header) < 0 || record_read_body(body, &a->body) < 0)
		return -EBADMSG;
	if (memcmp(&a->header.tag, &v->tag, sizeof(v->tag)) != 0 ||
	    memcmp(&a->header.session, &v->session, sizeof(v->session)) != 0 || a->header.slots != v->slots ||
	    v->first != (t->n_records == 0))
		return -EBADMSG;
	if (v->first && (v->format != LEDGER_FORMAT || v->rules > LEDGER_RULES))
		return -ENOTSUP;
	return check_references(t, v);
}

/* All memory that applying may need, so that nothing fails half-way. */
static int make_room(struct table *t, const struct record_view *v)
{
	if (grow((void **)&t->records, &t->cap_records, t->n_records + 1, sizeof(*t->records)) < 0 ||
	    grow((void **)&t->slots, &t->cap_slots, t->n_slots + v->slots, sizeof(*t->slots)) < 0 ||
	    grow((void **)&t->open, &t->cap_open, t->n_open + v->slots, sizeof(*t->open)) < 0)
		return -ENOMEM;
	return grow_index(t, v->slots);
}

static struct slot *slot_of(const struct table *t, uint32_t record, uint16_t index)
{
	return &t->slots[t->records[record].slot + index];
}

/* The entry an item names, if the writer may change it: open and of its session.  An entry that a later claim or
 * takeover replaced is void, so an open one is the latest of its id. */
static struct slot *owned(const struct table *t, const struct applying *a, uint32_t record, uint16_t index)
{
	struct slot *s = slot_of(t, record, index);

	return entry_is_open((enum entry_state)s->state) && s->session == a->session ? s : NULL;
}

static void apply_settles(struct table *t, const struct applying *a)
{
	static const enum entry_state states[] = { [SETTLE_DONE] = ENTRY_DONE,
		[SETTLE_DEAD] = ENTRY_DEAD,
		[SETTLE_PARKED] = ENTRY_PARKED,
		[SETTLE_RELEASED] = ENTRY_RELEASED };

	for (unsigned i = 0; i < a->body.n_settles; i++) {
		struct record_settle item = record_settle_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);

		if (s == NULL)
			continue;
		set_state(t, s, states[item.status]);
		s->server_s = a->server_s;
	}
}

static void apply_waits(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n_waits; i++) {
		struct record_wait item = record_wait_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);
		uint64_t now_ms = (uint64_t)a->server_s * 1000;
		uint64_t ms = item.until_ms > now_ms ? item.until_ms - now_ms : 0;

		if (s == NULL || s->state != ENTRY_CLAIMED)
			continue;
		set_state(t, s, ENTRY_WAITING);
		s->extra = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
		s->failed += item.failed && s->failed < UINT16_MAX;
		s->server_s = a->server_s;
	}
	for (unsigned i = 0; i < a->body.n_wakes; i++) {
		struct record_wake item = record_wake_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);

		if (s == NULL || s->state != ENTRY_WAITING)
			continue;
		set_state(t, s, ENTRY_CLAIMED);
		s->server_s = a->server_s;
	}
}

/* The next slot, void; it holds its number whatever becomes of it. */
static struct slot *add_slot(
    struct table *t, const struct applying *a, const uint8_t id[LEDGER_ID], uint32_t check_)
{
	struct slot *s = &t->slots[t->n_slots++];

	*s = (struct slot){ .state = ENTRY_VOID,
		.check = check_,
		.session = a->session,
		.server_s = a->server_s,
		.record = (uint32_t)t->n_records };
	memcpy(s->id, id, LEDGER_ID);
	return s;
}

/* s becomes the latest entry of its id, claimed; counters go on from the one it replaces. */
static void take_effect(struct table *t, struct slot *s, struct slot *old)
{
	size_t i = index_of(t, s->id);

	if (old == NULL) {
		t->n_ids++;
	} else {
		s->failed = old->failed;
		s->crashes = old->crashes;
		s->takeovers = old->takeovers;
		set_state(t, old, ENTRY_VOID);
	}
	t->index[i] = (uint32_t)(s - t->slots) + 1;
	set_state(t, s, ENTRY_CLAIMED);
}

static void apply_claims(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n_claims; i++) {
		struct record_claim c = record_claim_at(&a->body, i);
		struct slot *s = add_slot(t, a, c.id, c.check), *old = latest(t, c.id);

		if (a->header.live && (old == NULL || old->state == ENTRY_RELEASED))
			take_effect(t, s, old);
	}
}

static bool was_over(const struct record_header *h, const struct session_id *id)
{
	for (unsigned i = 0; i < h->n_over; i++)
		if (memcmp(h->over + 8 * (size_t)i, id, sizeof(*id)) == 0)
			return true;
	return false;
}

static void apply_takeovers(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n_takeovers; i++) {
		struct record_takeover item = record_takeover_at(&a->body, i);
		struct slot *s = add_slot(t, a, item.id, item.check), *old = latest(t, item.id);
		bool counts;

		if (!a->header.live || old == NULL || !entry_is_open((enum entry_state)old->state) ||
		    memcmp(&t->sessions[old->session], &item.from, sizeof(item.from)) != 0 ||
		    !was_over(&a->header, &item.from))
			continue;
		/* A waiting event's last run is on record; an own one goes on. */
		counts = old->state == ENTRY_CLAIMED && !item.own;
		take_effect(t, s, old);
		s->takeovers += counts && s->takeovers < UINT16_MAX;
	}
}

int table_apply(struct table *t, struct bytes header, struct bytes body)
{
	struct applying a;
	int r = check(t, header, body, &a);

	if (r == 0)
		r = make_room(t, &a.body);
	if (r == 0)
		r = session_index(t, &a.header.session, &a.session);
	if (r < 0)
		return r;
	a.server_s = (uint32_t)(a.header.server_us / 1000000);
	apply_settles(t, &a);
	apply_waits(t, &a);
	t->records[t->n_records] = (struct first){ (uint32_t)t->n_slots, a.header.fence };
	apply_claims(t, &a);
	apply_takeovers(t, &a);
	t->n_records++;
	t->last_tag = a.header.tag;
	t->fence = a.header.fence + a.header.slots;
	return 0;
}

/* ---- Looking */

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

static struct entry view(const struct table *t, const struct slot *s)
{
	struct entry e = { .state = (enum entry_state)s->state,
		.check = s->check,
		.session = t->sessions[s->session],
		.counts = { s->failed, s->crashes, s->takeovers },
		.record = s->record,
		.server_s = s->server_s };

	memcpy(e.id, s->id, LEDGER_ID);
	e.index = (uint16_t)((uint32_t)(s - t->slots) - t->records[s->record].slot);
	e.fence = t->records[s->record].fence + e.index;
	if (s->state == ENTRY_WAITING)
		e.until_ms = (uint64_t)s->server_s * 1000 + s->extra;
	return e;
}

struct entry table_find(const struct table *t, const uint8_t id[LEDGER_ID])
{
	const struct slot *s = latest(t, id);

	return s == NULL ? (struct entry){ .state = ENTRY_ABSENT } : view(t, s);
}

struct entry table_at(const struct table *t, uint32_t record, uint16_t index)
{
	if (!refers(t, record, index))
		return (struct entry){ .state = ENTRY_VOID };
	return view(t, slot_of(t, record, index));
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
