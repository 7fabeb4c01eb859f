#include "core/ledger/client.h"

#include "core/backoff.h"
#include "core/ledger/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* More records behind than this are read outside the script (ledger-segments study: 64). */
#define MAX_DELTA 64
#define MAX_ASK 255
#define SAME(a, b) (memcmp((a), (b), sizeof(struct session_id)) == 0)

struct item {
	enum client_op op;
	void *cookie;
	uint32_t record; /* settle, wait, wake: the entry */
	uint16_t index;
	uint16_t place; /* claim, takeover: its number among those of the record */
	uint8_t id[LEDGER_ID];
};

struct client {
	struct ledger_meta meta;
	struct table *table;
	struct watch watch;
	uint64_t random;
	struct session_id *sessions; /* ours, the current one last */
	size_t n_sessions;
	uint64_t foreign;

	/* The call: built, then under way until answered. */
	struct record_builder builder;
	struct item *items; /* LEDGER_MAX_ITEMS of them */
	size_t n_items;
	struct session_id ask[MAX_ASK];
	uint8_t n_ask;
	bool under_way;
	struct store_append append;
	struct buf body;

	struct client_result *results;
	size_t n_results;
};

struct client *client_new(const struct ledger_meta *meta, int64_t lease_us, uint64_t seed)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->meta = *meta;
	c->random = seed | 1;
	watch_init(&c->watch, lease_us);
	c->table = table_new();
	c->items = malloc(LEDGER_MAX_ITEMS * sizeof(*c->items));
	c->results = malloc(LEDGER_MAX_ITEMS * sizeof(*c->results));
	if (c->table == NULL || c->items == NULL || c->results == NULL) {
		client_free(c);
		return NULL;
	}
	return c;
}

void client_free(struct client *c)
{
	if (c == NULL)
		return;
	table_free(c->table);
	watch_free(&c->watch);
	record_builder_free(&c->builder);
	buf_free(&c->body);
	free(c->sessions);
	free(c->items);
	free(c->results);
	free(c);
}

void client_set_session(struct client *c, struct session_id id)
{
	struct session_id *grown;

	assert(!c->under_way && c->n_items == 0);
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
		if (SAME(&c->sessions[i], id))
			return true;
	return false;
}

const struct table *client_table(const struct client *c)
{
	return c->table;
}

/* ---- Building */

static int add_item(struct client *c, struct item item)
{
	if (c->under_way)
		return -EBUSY;
	if (c->n_items == LEDGER_MAX_ITEMS)
		return -ENOSPC;
	c->items[c->n_items++] = item;
	return 0;
}

int client_add_claim(struct client *c, const uint8_t id[LEDGER_ID], uint32_t check, void *cookie)
{
	struct record_claim claim = { .check = check };
	struct item item = { .op = CLIENT_CLAIM, .cookie = cookie, .place = c->builder.n_claims };
	int r;

	memcpy(claim.id, id, LEDGER_ID);
	memcpy(item.id, id, LEDGER_ID);
	r = add_item(c, item);
	if (r == 0)
		record_add_claim(&c->builder, &claim);
	return r;
}

/* The script is asked about each session once. */
static int ask_about(struct client *c, const struct session_id *id)
{
	for (unsigned i = 0; i < c->n_ask; i++)
		if (SAME(&c->ask[i], id))
			return 0;
	if (c->n_ask == MAX_ASK)
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
	struct item item = { .op = CLIENT_TAKEOVER, .cookie = cookie, .place = c->builder.n_takeovers };
	int r;

	if (c->under_way)
		return -EBUSY;
	memcpy(t.id, e->id, LEDGER_ID);
	memcpy(item.id, e->id, LEDGER_ID);
	r = ask_about(c, &e->session);
	if (r == 0)
		r = add_item(c, item);
	if (r == 0)
		record_add_takeover(&c->builder, &t);
	return r;
}

/* An item about an entry that is there; its id is looked up for the result. */
static int add_about(struct client *c, enum client_op op, uint32_t record, uint16_t index, void *cookie)
{
	struct item item = { .op = op, .cookie = cookie, .record = record, .index = index };
	struct entry e = table_at(c->table, record, index);

	memcpy(item.id, e.id, LEDGER_ID);
	return add_item(c, item);
}

int client_add_settle(
    struct client *c, uint32_t record, uint16_t index, enum settle_status status, void *cookie)
{
	struct record_settle s = { record, index, (uint8_t)status };
	int r = add_about(c, CLIENT_SETTLE, record, index, cookie);

	if (r == 0)
		record_add_settle(&c->builder, &s);
	return r;
}

int client_add_wait(
    struct client *c, uint32_t record, uint16_t index, bool failed, uint64_t until_ms, void *cookie)
{
	struct record_wait w = { record, index, failed, until_ms };
	int r = add_about(c, CLIENT_WAIT, record, index, cookie);

	if (r == 0)
		record_add_wait(&c->builder, &w);
	return r;
}

int client_add_wake(struct client *c, uint32_t record, uint16_t index, void *cookie)
{
	struct record_wake w = { record, index };
	int r = add_about(c, CLIENT_WAKE, record, index, cookie);

	if (r == 0)
		record_add_wake(&c->builder, &w);
	return r;
}

size_t client_items(const struct client *c)
{
	return c->n_items;
}

/* ---- The call */

/* Distinct within a client, and between clients by their random seeds. */
static void new_tag(struct client *c, struct ledger_tag *tag)
{
	uint64_t random = backoff_random(&c->random);

	memcpy(tag->b, &random, sizeof(tag->b));
}

const struct store_append *client_call(struct client *c)
{
	if (!c->under_way) {
		if (c->n_items == 0)
			return NULL;
		new_tag(c, &c->append.tag);
		c->append.session = *client_session(c);
		buf_clear(&c->body);
		record_body(&c->builder, c->append.tag, c->append.session, &c->body);
		c->append.body = (struct bytes){ c->body.data, c->body.len };
		/* Claims and takeovers need memory that may not be there; what ends them must go through. */
		c->append.oom_ok = c->builder.n_claims == 0 && c->builder.n_takeovers == 0;
		c->append.ask = c->ask;
		c->append.n_ask = c->n_ask;
		c->append.max_delta = MAX_DELTA;
		c->under_way = true;
	}
	c->append.version = c->meta.version;
	c->append.generation = c->meta.generation;
	c->append.position = table_records(c->table);
	c->append.last_tag = table_last_tag(c->table);
	return &c->append;
}

bool client_under_way(const struct client *c)
{
	return c->under_way;
}

static void forget_call(struct client *c)
{
	c->under_way = false;
	c->n_items = 0;
	c->n_ask = 0;
	record_builder_clear(&c->builder);
}

/* ---- Results */

/* Whether a settle, wait or wake is about to take effect: judged before our record is applied. */
static bool will_hold(const struct client *c, const struct item *item)
{
	struct entry e = table_at(c->table, item->record, item->index);

	if (!entry_is_open(e.state) || !SAME(&e.session, &c->append.session))
		return false;
	return item->op == CLIENT_SETTLE ||
	       e.state == (item->op == CLIENT_WAIT ? ENTRY_CLAIMED : ENTRY_WAITING);
}

static int apply_own(struct client *c, struct bytes header)
{
	uint32_t record = (uint32_t)table_records(c->table);
	int r;

	for (size_t i = 0; i < c->n_items; i++) {
		const struct item *item = &c->items[i];

		c->results[i] = (struct client_result){ .op = item->op, .cookie = item->cookie };
		if (item->op != CLIENT_CLAIM && item->op != CLIENT_TAKEOVER)
			c->results[i].ok = will_hold(c, item);
	}
	r = table_apply(c->table, header, (struct bytes){ c->body.data, c->body.len });
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_items; i++) {
		const struct item *item = &c->items[i];
		struct client_result *result = &c->results[i];

		if (item->op == CLIENT_CLAIM || item->op == CLIENT_TAKEOVER) {
			uint16_t place = (uint16_t)(item->place +
						    (item->op == CLIENT_TAKEOVER ? c->builder.n_claims : 0));
			struct entry e = table_at(c->table, record, place);

			result->ok = e.state == ENTRY_CLAIMED;
			result->fence = e.fence;
		}
		result->entry = table_find(c->table, item->id);
	}
	c->n_results = c->n_items;
	forget_call(c);
	return 0;
}

static bool is_reply(const struct client *c, struct bytes header)
{
	struct record_header h;

	return c->under_way && record_read_header(header, &h) == 0 &&
	       memcmp(&h.tag, &c->append.tag, sizeof(h.tag)) == 0;
}

static int apply_records(struct client *c, const struct store_reply *reply)
{
	for (size_t i = 0; i < reply->n; i++) {
		const struct store_record *rec = &reply->records[i];
		int r;

		if (is_reply(c, rec->header)) {
			r = apply_own(c, rec->header);
		} else if (rec->body.data == NULL) {
			/* A second copy of a call that was found in the delta before it. */
			r = table_apply(c->table, rec->header, (struct bytes){ c->body.data, c->body.len });
		} else {
			r = table_apply(c->table, rec->header, rec->body);
			c->foreign++;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int client_reply(struct client *c, const struct store_reply *reply)
{
	assert(c->under_way);
	if (reply->result != STORE_OK)
		return -EAGAIN;
	return apply_records(c, reply);
}

int client_read(struct client *c, const struct store_reply *reply)
{
	return apply_records(c, reply);
}

size_t client_results(const struct client *c, const struct client_result **ret_results)
{
	*ret_results = c->results;
	return c->n_results;
}

uint64_t client_foreign(const struct client *c)
{
	return c->foreign;
}

int client_restart(struct client *c, const struct ledger_meta *meta)
{
	struct table *fresh = table_new();

	if (fresh == NULL)
		return -ENOMEM;
	table_free(c->table);
	c->table = fresh;
	c->meta = *meta;
	c->foreign++;
	return 0;
}

void client_set_meta(struct client *c, const struct ledger_meta *meta)
{
	c->meta = *meta;
}

void client_withdraw(struct client *c)
{
	assert(c->under_way);
	for (size_t i = 0; i < c->n_items; i++)
		c->results[i] = (struct client_result){ .op = c->items[i].op, .cookie = c->items[i].cookie };
	c->n_results = c->n_items;
	forget_call(c);
}

void client_leases(
    struct client *c, const struct store_lease *leases, size_t n, struct mono now, uint64_t connection)
{
	watch_leases(&c->watch, leases, n, now, connection);
}

bool client_over(const struct client *c, const struct session_id *id, struct mono now)
{
	return watch_over(&c->watch, id, now);
}
