#include "core/ledger/client_private.h"

#include "core/backoff.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* More records behind than this are read outside the script (ledger-segments study: 64). */
#define MAX_DELTA 64

struct client *client_new(int64_t lease_us, uint64_t seed)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->random = seed | 1;
	watch_init(&c->watch, lease_us);
	c->items = malloc(LEDGER_MAX_ITEMS * sizeof(*c->items));
	c->looks = malloc(CLIENT_MAX_LOOKS * sizeof(*c->looks));
	c->results = malloc((LEDGER_MAX_ITEMS + CLIENT_MAX_LOOKS) * sizeof(*c->results));
	c->took = malloc(CLIENT_MAX_IN_RECORD * sizeof(*c->took));
	if (c->items == NULL || c->looks == NULL || c->results == NULL || c->took == NULL) {
		client_free(c);
		return NULL;
	}
	return c;
}

static void drop_view(struct client *c)
{
	table_free(c->view.current);
	table_free(c->view.before);
	for (size_t i = 0; i < c->view.n_segments; i++)
		segment_free(c->view.segments[i]);
	c->view.current = c->view.before = NULL;
	c->view.n_segments = 0;
}

void client_free(struct client *c)
{
	if (c == NULL)
		return;
	drop_view(c);
	watch_free(&c->watch);
	record_builder_free(&c->builder);
	buf_free(&c->body);
	free(c->sessions);
	free(c->items);
	free(c->looks);
	free(c->pages);
	free(c->chunks);
	free(c->heals);
	free(c->took);
	free(c->results);
	free(c);
}

/* ---- Sessions */

void client_set_session(struct client *c, struct session_id id)
{
	struct session_id *grown;

	assert(!c->under_way && c->n_items == 0);
	for (size_t i = 0; i < c->n_sessions; i++) {
		if (!client_same_session(&c->sessions[i], &id))
			continue;
		/* Known: it is the current one again. */
		c->sessions[i] = c->sessions[c->n_sessions - 1];
		c->sessions[c->n_sessions - 1] = id;
		return;
	}
	grown = realloc(c->sessions, (c->n_sessions + 1) * sizeof(*grown));
	if (grown == NULL)
		abort();
	c->sessions = grown;
	c->sessions[c->n_sessions++] = id;
}

const struct session_id *client_session(const struct client *c)
{
	assert(c->n_sessions > 0);
	return &c->sessions[c->n_sessions - 1];
}

bool client_is_own(const struct client *c, const struct session_id *id)
{
	for (size_t i = c->n_sessions; i-- > 0;)
		if (client_same_session(&c->sessions[i], id))
			return true;
	return false;
}

/* ---- The view */

void client_set_view(struct client *c, const struct client_view *view)
{
	struct client_view old = c->view;

	assert(!c->under_way && c->n_items == 0 && c->n_looks == 0);
	c->view = *view;
	c->has_view = true;
	c->epoch++;
	c->foreign++;
	table_free(old.current);
	table_free(old.before);
	for (size_t i = 0; i < old.n_segments; i++)
		segment_free(old.segments[i]);
}

const struct client_view *client_view(const struct client *c)
{
	return &c->view;
}

uint64_t client_epoch(const struct client *c)
{
	return c->epoch;
}

struct entry client_find(const struct client *c, const uint8_t id[LEDGER_ID])
{
	struct entry e = table_find(c->view.current, id);

	if (e.state == ENTRY_ABSENT && c->view.before != NULL)
		e = table_find(c->view.before, id);
	return e;
}

struct visiting {
	const struct table *newer;
	void (*visit)(void *arg, const struct entry *e);
	void *arg;
};

static void visit_older(void *arg, const struct entry *e)
{
	struct visiting *v = arg;

	if (table_find(v->newer, e->id).state == ENTRY_ABSENT)
		v->visit(v->arg, e);
}

void client_each_open(const struct client *c, const struct session_id *session,
    void (*visit)(void *arg, const struct entry *e), void *arg)
{
	struct visiting v = { c->view.current, visit, arg };

	table_each_open(c->view.current, session, visit, arg);
	if (c->view.before != NULL)
		table_each_open(c->view.before, session, visit_older, &v);
}

/* ---- Building */

static int add_item(struct client *c, enum client_op op, const uint8_t id[LEDGER_ID],
    enum record_section section, void *cookie)
{
	struct item *item;

	if (c->under_way)
		return -EBUSY;
	if (c->n_items == LEDGER_MAX_ITEMS)
		return -ENOSPC;
	item = &c->items[c->n_items++];
	item->op = op;
	item->cookie = cookie;
	item->place = c->builder.n[section];
	memcpy(item->id, id, LEDGER_ID);
	return 0;
}

static void carry(struct client *c, const struct entry *e)
{
	struct record_carry k = entry_as_carry(e);

	record_add_carry(&c->builder, &k);
}

/* An entry of the generation before is moved into this one by the record that names it. */
static void name_entry(struct client *c, const struct entry *e, uint32_t *ret_record, uint16_t *ret_index)
{
	*ret_record = e->record;
	*ret_index = e->index;
	if (e->generation == c->view.meta.generation)
		return;
	*ret_record = RECORD_THIS;
	*ret_index = c->builder.n[RECORD_CARRIES];
	carry(c, e);
}

int client_add_claim(struct client *c, const uint8_t id[LEDGER_ID], uint32_t check, void *cookie)
{
	struct record_claim claim = { .check = check };
	struct entry e = client_find(c, id);
	int r = add_item(c, CLIENT_CLAIM, id, RECORD_CLAIMS, cookie);

	if (r < 0)
		return r;
	/* Its counters outlive the release. */
	if (e.state == ENTRY_RELEASED && e.generation != c->view.meta.generation)
		carry(c, &e);
	memcpy(claim.id, id, LEDGER_ID);
	record_add_claim(&c->builder, &claim);
	return 0;
}

/* The script is asked about each session once. */
static int ask_about(struct client *c, const struct session_id *id)
{
	for (unsigned i = 0; i < c->n_ask; i++)
		if (client_same_session(&c->ask[i], id))
			return 0;
	if (c->n_ask == CLIENT_MAX_ASK)
		return -ENOSPC;
	c->ask[c->n_ask++] = *id;
	return 0;
}

int client_add_takeover(struct client *c, const struct entry *e, void *cookie)
{
	struct record_takeover t = { .check = e->check,
		.from = e->session,
		.counts = e->counts,
		.own = client_is_own(c, &e->session) };
	int r = c->under_way ? -EBUSY : ask_about(c, &e->session);

	if (r == 0)
		r = add_item(c, CLIENT_TAKEOVER, e->id, RECORD_TAKEOVERS, cookie);
	if (r < 0)
		return r;
	if (e->generation != c->view.meta.generation)
		carry(c, e);
	memcpy(t.id, e->id, LEDGER_ID);
	record_add_takeover(&c->builder, &t);
	return 0;
}

int client_add_settle(struct client *c, const struct entry *e, enum settle_status status, void *cookie)
{
	struct record_settle s = { .status = (uint8_t)status };
	int r = add_item(c, CLIENT_SETTLE, e->id, RECORD_SETTLES, cookie);

	if (r < 0)
		return r;
	name_entry(c, e, &s.record, &s.index);
	record_add_settle(&c->builder, &s);
	return 0;
}

int client_add_wait(struct client *c, const struct entry *e, bool failed, uint64_t until_ms, void *cookie)
{
	struct record_wait w = { .failed = failed, .until_ms = until_ms };
	int r = add_item(c, CLIENT_WAIT, e->id, RECORD_WAITS, cookie);

	if (r < 0)
		return r;
	name_entry(c, e, &w.record, &w.index);
	record_add_wait(&c->builder, &w);
	return 0;
}

int client_add_wake(struct client *c, const struct entry *e, void *cookie)
{
	struct record_wake w = { .record = 0 };
	int r = add_item(c, CLIENT_WAKE, e->id, RECORD_WAKES, cookie);

	if (r < 0)
		return r;
	name_entry(c, e, &w.record, &w.index);
	record_add_wake(&c->builder, &w);
	return 0;
}

size_t client_items(const struct client *c)
{
	return c->n_items;
}

int client_add_heal(struct client *c, const struct record_heal *h)
{
	if (c->n_heals == c->cap_heals) {
		size_t cap = c->cap_heals == 0 ? 1024 : 2 * c->cap_heals;
		struct record_heal *grown = realloc(c->heals, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		c->heals = grown;
		c->cap_heals = cap;
	}
	c->heals[c->n_heals++] = *h;
	return 0;
}

size_t client_heals(const struct client *c)
{
	return c->n_heals;
}

uint64_t client_healed(const struct client *c)
{
	return c->healed;
}

/* ---- The call */

/* Distinct within a client, and between clients by their random seeds. */
static void new_tag(struct client *c, struct ledger_tag *tag)
{
	uint64_t random = backoff_random(&c->random);

	memcpy(tag->b, &random, sizeof(tag->b));
}

static void build(struct client *c)
{
	c->heals_sent = c->n_heals < CLIENT_MAX_HEALS ? c->n_heals : CLIENT_MAX_HEALS;
	for (size_t i = 0; i < c->heals_sent; i++)
		record_add_heal(&c->builder, &c->heals[i]);
	new_tag(c, &c->append.tag);
	c->append.session = *client_session(c);
	c->append.version = c->view.meta.version;
	c->append.generation = c->view.meta.generation;
	buf_clear(&c->body);
	record_body(&c->builder, c->append.tag, c->append.session, &c->body);
	c->append.body = (struct bytes){ c->body.data, c->body.len };
	/* Claims and takeovers need memory that may not be there; what ends them must go through. */
	c->append.oom_ok = c->builder.n[RECORD_CLAIMS] == 0 && c->builder.n[RECORD_TAKEOVERS] == 0;
	c->append.ask = c->ask;
	c->append.n_ask = c->n_ask;
	c->append.max_delta = MAX_DELTA;
	c->under_way = true;
}

const struct store_append *client_call(struct client *c)
{
	if (!c->under_way) {
		if (c->n_items == 0 && c->n_heals == 0)
			return NULL;
		build(c);
	}
	c->append.position = table_records(c->view.current);
	c->append.last_tag = table_last_tag(c->view.current);
	c->append.look = c->chunks;
	c->append.n_look = c->n_chunks;
	return &c->append;
}

bool client_under_way(const struct client *c)
{
	return c->under_way;
}

void client_forget_call(struct client *c)
{
	c->under_way = false;
	c->n_items = 0;
	c->n_ask = 0;
	record_builder_clear(&c->builder);
}

/* ---- The watch */

void client_leases(
    struct client *c, const struct store_lease *leases, size_t n, struct mono now, uint64_t connection)
{
	watch_leases(&c->watch, leases, n, now, connection);
}

bool client_over(const struct client *c, const struct session_id *id, struct mono now)
{
	return watch_over(&c->watch, id, now);
}
