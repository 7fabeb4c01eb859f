/* The rules: what each item of a record does. */
#include "core/ledger/table_private.h"

#include <errno.h>

struct applying {
	struct record_header header;
	struct record_view body;
	uint16_t session;
	uint32_t server_s;
};

static int check_references(const struct table *t, const struct record_view *v)
{
	for (unsigned i = 0; i < v->n_settles; i++) {
		struct record_settle s = record_settle_at(v, i);

		if (!table_refers(t, s.record, s.index) || s.status > SETTLE_RELEASED)
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n_waits; i++) {
		struct record_wait w = record_wait_at(v, i);

		if (!table_refers(t, w.record, w.index))
			return -EBADMSG;
	}
	for (unsigned i = 0; i < v->n_wakes; i++) {
		struct record_wake w = record_wake_at(v, i);

		if (!table_refers(t, w.record, w.index))
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
	if (table_grow((void **)&t->records, &t->cap_records, t->n_records + 1, sizeof(*t->records)) < 0 ||
	    table_grow((void **)&t->slots, &t->cap_slots, t->n_slots + v->slots, sizeof(*t->slots)) < 0 ||
	    table_grow((void **)&t->open, &t->cap_open, t->n_open + v->slots, sizeof(*t->open)) < 0)
		return -ENOMEM;
	return table_grow_index(t, v->slots);
}

/* The entry an item names, if the writer may change it: open and of its session.  An entry that a later claim or
 * takeover replaced is void, so an open one is the latest of its id. */
static struct slot *owned(const struct table *t, const struct applying *a, uint32_t record, uint16_t index)
{
	struct slot *s = table_slot(t, record, index);

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
		table_set_state(t, s, states[item.status]);
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
		table_set_state(t, s, ENTRY_WAITING);
		s->extra = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
		s->failed += item.failed && s->failed < UINT16_MAX;
		s->server_s = a->server_s;
	}
	for (unsigned i = 0; i < a->body.n_wakes; i++) {
		struct record_wake item = record_wake_at(&a->body, i);
		struct slot *s = owned(t, a, item.record, item.index);

		if (s == NULL || s->state != ENTRY_WAITING)
			continue;
		table_set_state(t, s, ENTRY_CLAIMED);
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
	size_t i = table_index_of(t, s->id);

	if (old == NULL) {
		t->n_ids++;
	} else {
		s->failed = old->failed;
		s->crashes = old->crashes;
		s->takeovers = old->takeovers;
		table_set_state(t, old, ENTRY_VOID);
	}
	t->index[i] = (uint32_t)(s - t->slots) + 1;
	table_set_state(t, s, ENTRY_CLAIMED);
}

static void apply_claims(struct table *t, const struct applying *a)
{
	for (unsigned i = 0; i < a->body.n_claims; i++) {
		struct record_claim c = record_claim_at(&a->body, i);
		struct slot *s = add_slot(t, a, c.id, c.check), *old = table_latest(t, c.id);

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
		struct slot *s = add_slot(t, a, item.id, item.check), *old = table_latest(t, item.id);
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
		r = table_session(t, &a.header.session, &a.session);
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
