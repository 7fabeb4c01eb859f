/* The rules: what each item of a record does. */
#include "core/ledger/table_private.h"

#include <errno.h>

struct applying {
	struct record_header header;
	struct record_view body;
	uint16_t session;
	uint32_t server_s;
	uint32_t base; /* slot of the record's first entry */
	bool *took; /* of the items, by section; NULL: nobody asks */
	unsigned first[RECORD_SECTIONS]; /* number of a section's first item */
};

/* ---- Judging a record before it is believed */

static bool refers(const struct table *t, const struct record_view *v, uint32_t record, uint16_t index)
{
	return record == RECORD_THIS ? index < v->n[RECORD_CARRIES] : table_refers(t, record, index);
}

static int check_items(const struct table *t, const struct record_view *v)
{
	for (unsigned i = 0; i < v->n[RECORD_SETTLES]; i++) {
		struct record_settle s = record_settle_at(v, i);

		if (!refers(t, v, s.record, s.index) || s.status > SETTLE_BEGUN)
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n[RECORD_WAITS]; i++) {
		struct record_wait w = record_wait_at(v, i);

		if (!refers(t, v, w.record, w.index))
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n[RECORD_WAKES]; i++) {
		struct record_wake w = record_wake_at(v, i);

		if (!refers(t, v, w.record, w.index))
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n[RECORD_CARRIES]; i++)
		if (record_carry_at(v, i).state > CARRY_RELEASED)
			return -EBADMSG;
	for (unsigned i = 0; i < v->n[RECORD_HEALS]; i++)
		if (record_heal_at(v, i).status > SETTLE_PARKED)
			return -EBADMSG;
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
	if (v->first)
		return v->generation == t->generation ? 0 : -EBADMSG;
	return check_items(t, v);
}

/* All memory that applying may need, so that nothing fails half-way. */
static int make_room(struct table *t, const struct record_view *v)
{
	size_t carries = v->n[RECORD_CARRIES];

	if (t->n_slots + v->slots > UINT32_MAX / 2 || t->n_sessions + carries >= UINT16_MAX)
		return -ENOMEM;
	if (table_grow((void **)&t->records, &t->cap_records, t->n_records + 1, sizeof(*t->records)) < 0 ||
	    table_grow((void **)&t->slots, &t->cap_slots, t->n_slots + v->slots, sizeof(*t->slots)) < 0 ||
	    table_grow((void **)&t->open, &t->cap_open, t->n_open + v->slots, sizeof(*t->open)) < 0 ||
	    table_grow((void **)&t->fences, &t->cap_fences, t->n_fences + carries, sizeof(*t->fences)) < 0 ||
	    table_grow((void **)&t->sessions, &t->cap_sessions, t->n_sessions + carries + 1,
		sizeof(*t->sessions)) < 0)
		return -ENOMEM;
	return table_grow_index(t, v->slots);
}

/* ---- Applying */

static void took(const struct applying *a, enum record_section section, unsigned i)
{
	if (a->took != NULL)
		a->took[a->first[section] + i] = true;
}

/* The entry an item names, if the writer may change it: open and of its session.  An entry that a later claim or
 * takeover replaced is void, so an open one is the latest of its id. */
static struct slot *owned(const struct table *t, const struct applying *a, uint32_t record, uint16_t index)
{
	struct slot *s;

	if (record == RECORD_THIS)
		s = &t->slots[a->base + a->body.n[RECORD_CLAIMS] + a->body.n[RECORD_TAKEOVERS] + index];
	else
		s = table_slot(t, record, index);
	return entry_is_open((enum entry_state)s->state) && s->session == a->session ? s : NULL;
}

static const enum entry_state settled[] = { [SETTLE_DONE] = ENTRY_DONE,
	[SETTLE_DEAD] = ENTRY_DEAD,
	[SETTLE_PARKED] = ENTRY_PARKED,
	[SETTLE_RELEASED] = ENTRY_RELEASED,
	[SETTLE_CRASHED] = ENTRY_RELEASED,
	[SETTLE_BEGUN] = ENTRY_RELEASED };

static void apply_settles(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n[RECORD_SETTLES]; i++) {
		struct record_settle item = record_settle_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);

		if (s == NULL)
			continue;
		table_set_state(t, s, settled[item.status]);
		s->crashes += item.status == SETTLE_CRASHED && s->crashes < UINT8_MAX;
		s->takeovers += item.status == SETTLE_BEGUN && s->takeovers < UINT16_MAX;
		s->server_s = a->server_s;
		took(a, RECORD_SETTLES, i);
	}
}

static void set_waiting(struct table *t, struct slot *s, uint64_t until_ms, uint32_t server_s)
{
	uint64_t now_ms = (uint64_t)server_s * 1000;
	uint64_t ms = until_ms > now_ms ? until_ms - now_ms : 0;

	table_set_state(t, s, ENTRY_WAITING);
	s->extra = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
	s->server_s = server_s;
}

static void apply_waits(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n[RECORD_WAITS]; i++) {
		struct record_wait item = record_wait_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);

		if (s == NULL || s->state != ENTRY_CLAIMED)
			continue;
		set_waiting(t, s, item.until_ms, a->server_s);
		s->failed += item.failed && s->failed < UINT16_MAX;
		took(a, RECORD_WAITS, i);
	}
	for (unsigned i = 0; i < a->body.n[RECORD_WAKES]; i++) {
		struct record_wake item = record_wake_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);

		if (s == NULL || s->state != ENTRY_WAITING)
			continue;
		table_set_state(t, s, ENTRY_CLAIMED);
		s->server_s = a->server_s;
		took(a, RECORD_WAKES, i);
	}
}

/* Every item that may make an entry has a slot, void at first: it holds its number whatever becomes of it. */
static struct slot *make_slot(struct table *t, const struct applying *a, uint32_t place,
    const uint8_t id[LEDGER_ID], uint32_t payload_check)
{
	struct slot *s = &t->slots[a->base + place];

	*s = (struct slot){ .state = ENTRY_VOID,
		.check = payload_check,
		.session = a->session,
		.server_s = a->server_s,
		.record = (uint32_t)t->n_records };
	memcpy(s->id, id, LEDGER_ID);
	return s;
}

/* s becomes the latest entry of its id; counters go on from the one it replaces. */
static void take_effect(struct table *t, struct slot *s, struct slot *old, enum entry_state state)
{
	size_t i = table_index_of(t, s->id);

	if (old == NULL) {
		t->n_ids++;
	} else {
		s->failed = old->failed;
		s->crashes = old->crashes;
		s->takeovers = old->takeovers;
		table_set_state(t, old, ENTRY_VOID);
	}
	table_index_set(t, i, s);
	table_set_state(t, s, state);
}

static void apply_carries(struct table *t, const struct applying *a, uint32_t place)
{
	for (unsigned i = 0; i < a->body.n[RECORD_CARRIES]; i++) {
		struct record_carry c = record_carry_at(&a->body, i);
		struct slot *s = make_slot(t, a, place + i, c.id, c.check);

		if (table_latest(t, c.id) != NULL || table_session(t, &c.session, &s->session) < 0)
			continue;
		s->failed = c.counts.failed;
		s->crashes = c.counts.crashes;
		s->takeovers = c.counts.takeovers;
		s->server_s = c.server_s;
		t->fences[t->n_fences++] = (struct kept_fence){ (uint32_t)(s - t->slots), c.fence };
		take_effect(t, s, NULL, c.state == CARRY_RELEASED ? ENTRY_RELEASED : ENTRY_CLAIMED);
		if (c.state == CARRY_WAITING)
			set_waiting(t, s, c.until_ms, c.server_s);
		took(a, RECORD_CARRIES, i);
	}
}

static void apply_claims(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n[RECORD_CLAIMS]; i++) {
		struct record_claim c = record_claim_at(&a->body, i);
		struct slot *s = make_slot(t, a, i, c.id, c.check), *old = table_latest(t, c.id);

		if (!a->header.live || (old != NULL && old->state != ENTRY_RELEASED))
			continue;
		t->new_ids += old == NULL;
		take_effect(t, s, old, ENTRY_CLAIMED);
		took(a, RECORD_CLAIMS, i);
	}
}

static bool was_over(const struct record_header *h, const struct session_id *id)
{
	for (unsigned i = 0; i < h->n_over; i++)
		if (memcmp(h->over + 8 * (size_t)i, id, sizeof(*id)) == 0)
			return true;
	return false;
}

static void apply_takeovers(struct table *t, const struct applying *a, uint32_t place)
{
	for (unsigned i = 0; i < a->body.n[RECORD_TAKEOVERS]; i++) {
		struct record_takeover item = record_takeover_at(&a->body, i);
		struct slot *s = make_slot(t, a, place + i, item.id, item.check),
			    *old = table_latest(t, item.id);
		bool counts;

		if (!a->header.live || old == NULL || !entry_is_open((enum entry_state)old->state) ||
		    memcmp(&t->sessions[old->session], &item.from, sizeof(item.from)) != 0 ||
		    !was_over(&a->header, &item.from))
			continue;
		/* A waiting event's last run is on record; an own one goes on. */
		counts = old->state == ENTRY_CLAIMED && !item.own;
		take_effect(t, s, old, ENTRY_CLAIMED);
		s->takeovers += counts && s->takeovers < UINT16_MAX;
		took(a, RECORD_TAKEOVERS, i);
	}
}

static void apply_heals(struct table *t, const struct applying *a, uint32_t place)
{
	for (unsigned i = 0; i < a->body.n[RECORD_HEALS]; i++) {
		struct record_heal h = record_heal_at(&a->body, i);
		struct slot *s = make_slot(t, a, place + i, h.id, h.check), *old = table_latest(t, h.id);

		if (old != NULL && entry_is_final((enum entry_state)old->state))
			continue;
		if (old != NULL && entry_is_open((enum entry_state)old->state) && h.status != SETTLE_DONE &&
		    old->session != a->session)
			continue;
		take_effect(t, s, old, settled[h.status]);
		s->server_s = h.server_s;
		took(a, RECORD_HEALS, i);
	}
}

int table_apply(struct table *t, struct bytes header, struct bytes body, bool *ret_took)
{
	struct applying a = { .took = ret_took };
	const uint16_t *n = a.body.n;
	int r = check(t, header, body, &a);
	unsigned items = 0;

	if (r == 0)
		r = make_room(t, &a.body);
	if (r == 0)
		r = table_session(t, &a.header.session, &a.session);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < RECORD_SECTIONS; items += n[i], i++)
		a.first[i] = items;
	if (ret_took != NULL)
		memset(ret_took, 0, items * sizeof(*ret_took));
	a.server_s = (uint32_t)(a.header.server_us / 1000000);
	a.base = (uint32_t)t->n_slots;
	t->records[t->n_records] = (struct first){ a.base, a.header.fence };
	t->n_slots += a.body.slots;
	/* Carries first: the rest may be about them.  Claims last, so that a release makes room for one. */
	apply_carries(t, &a, n[RECORD_CLAIMS] + n[RECORD_TAKEOVERS]);
	apply_settles(t, &a);
	apply_waits(t, &a);
	apply_claims(t, &a);
	apply_takeovers(t, &a, n[RECORD_CLAIMS]);
	apply_heals(t, &a, n[RECORD_CLAIMS] + n[RECORD_TAKEOVERS] + n[RECORD_CARRIES]);
	if (t->n_records == 0)
		t->begun_us = a.header.server_us;
	t->n_records++;
	t->last_us = a.header.server_us;
	t->last_tag = a.header.tag;
	t->fence = a.header.fence + a.header.slots;
	return 0;
}
