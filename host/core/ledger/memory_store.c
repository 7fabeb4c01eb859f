#include "core/ledger/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct kept { /* one record */
	struct buf header, body;
};

struct session {
	struct session_id id;
	uint64_t end_us;
	char owner[64];
};

struct memory_ledger {
	bool made;
	struct ledger_meta meta;
	struct kept *records;
	size_t n, cap;
	struct session *sessions;
	size_t n_sessions;
	uint64_t now_us;
};

struct memory_store {
	struct store store;
	struct memory_ledger *m;
	int (*fail)(void *arg, bool after);
	void *arg;
	struct store_record *reply;
	struct buf own; /* the last header */
	struct store_lease *leases;
};

struct memory_ledger *memory_ledger_new(void)
{
	return calloc(1, sizeof(struct memory_ledger));
}

static void forget_records(struct memory_ledger *m, size_t from)
{
	for (size_t i = from; i < m->n; i++) {
		buf_free(&m->records[i].header);
		buf_free(&m->records[i].body);
	}
	m->n = from;
}

void memory_ledger_free(struct memory_ledger *m)
{
	if (m == NULL)
		return;
	forget_records(m, 0);
	free(m->records);
	free(m->sessions);
	free(m);
}

void memory_ledger_set_time(struct memory_ledger *m, uint64_t server_us)
{
	m->now_us = server_us;
}

void memory_ledger_truncate(struct memory_ledger *m, size_t records)
{
	if (records < m->n)
		forget_records(m, records);
}

size_t memory_ledger_records(const struct memory_ledger *m)
{
	return m->n;
}

struct buf *memory_ledger_record(struct memory_ledger *m, size_t i, bool body)
{
	return body ? &m->records[i].body : &m->records[i].header;
}

static struct session *session_find(const struct memory_ledger *m, const struct session_id *id)
{
	for (size_t i = 0; i < m->n_sessions; i++)
		if (memcmp(&m->sessions[i].id, id, sizeof(*id)) == 0)
			return &m->sessions[i];
	return NULL;
}

static bool is_over(const struct memory_ledger *m, const struct session_id *id)
{
	const struct session *s = session_find(m, id);

	return s == NULL || s->end_us < m->now_us;
}

static struct kept *add_record(struct memory_ledger *m)
{
	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 256 : 2 * m->cap;
		m->records = realloc(m->records, m->cap * sizeof(*m->records));
		if (m->records == NULL)
			abort();
	}
	m->records[m->n] = (struct kept){ { NULL, 0, 0 }, { NULL, 0, 0 } };
	return &m->records[m->n++];
}

/* Asked before and after each call; trouble is set when it says no. */
static int fails(struct memory_store *s, bool after)
{
	int r = s->fail == NULL ? 0 : s->fail(s->arg, after);

	if (r < 0) {
		s->store.trouble = STORE_UNREACHABLE;
		snprintf(s->store.text, sizeof(s->store.text), "the test says so");
	}
	return r;
}

/* ---- Reading and appending */

static void reply_records(struct memory_store *s, uint64_t from, size_t n, struct store_reply *reply)
{
	s->reply = realloc(s->reply, (n + 1) * sizeof(*s->reply));
	if (s->reply == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct kept *k = &s->m->records[from + i];

		s->reply[i] = (struct store_record){ { k->header.data, k->header.len },
			{ k->body.data, k->body.len } };
	}
	*reply = (struct store_reply){ STORE_OK, s->reply, n };
}

static void header_of(struct memory_store *s, const struct store_append *a, struct buf *out)
{
	struct memory_ledger *m = s->m;
	const struct kept *last = &m->records[m->n - 1];
	const uint8_t *body = a->body.data;
	const struct session *own = session_find(m, &a->session);
	struct record_header h;
	struct session_id over[255];
	uint8_t n_over = 0;
	uint64_t fence;

	if (record_read_header((struct bytes){ last->header.data, last->header.len }, &h) < 0)
		abort();
	fence = h.fence + h.slots > m->now_us ? h.fence + h.slots : m->now_us;
	for (unsigned i = 0; i < a->n_ask; i++)
		if (is_over(m, &a->ask[i]))
			over[n_over++] = a->ask[i];
	record_write_header(out, a->tag, a->session, own != NULL && own->end_us >= m->now_us, fence,
	    (uint16_t)(body[0] << 8 | body[1]), m->now_us, over, n_over);
}

static enum store_result may_append(const struct memory_ledger *m, const struct store_append *a)
{
	const struct buf *last;

	if (!m->made || memcmp(&m->meta.version, &a->version, sizeof(a->version)) != 0)
		return STORE_STALE;
	if (a->position == 0 || a->position > m->n)
		return STORE_DIVERGED;
	last = &m->records[a->position - 1].header;
	if (memcmp(last->data, a->last_tag.b, sizeof(a->last_tag.b)) != 0)
		return STORE_DIVERGED;
	return m->n - a->position > a->max_delta ? STORE_BEHIND : STORE_OK;
}

static int append(struct store *store, const struct store_append *a, struct store_reply *ret_reply)
{
	struct memory_store *s = (struct memory_store *)store;
	enum store_result result;
	struct kept *k;
	size_t n;
	int r = fails(s, false);

	if (r < 0)
		return r;
	result = may_append(s->m, a);
	*ret_reply = (struct store_reply){ .result = result };
	if (result != STORE_OK)
		return fails(s, true);
	buf_clear(&s->own);
	header_of(s, a, &s->own);
	n = s->m->n - a->position;
	k = add_record(s->m);
	buf_add(&k->header, s->own.data, s->own.len);
	buf_add(&k->body, a->body.data, a->body.len);
	reply_records(s, a->position, n, ret_reply);
	s->reply[n] = (struct store_record){ { s->own.data, s->own.len }, { NULL, 0 } };
	ret_reply->n = n + 1;
	return fails(s, true);
}

static int read_log(
    struct store *store, uint32_t generation, uint64_t from, uint32_t max, struct store_reply *ret_reply)
{
	struct memory_store *s = (struct memory_store *)store;
	size_t n;
	int r = fails(s, false);

	if (r < 0)
		return r;
	if (!s->m->made || generation != s->m->meta.generation)
		return -ENOENT;
	if (from > s->m->n) {
		*ret_reply = (struct store_reply){ .result = STORE_DIVERGED };
		return fails(s, true);
	}
	n = s->m->n - from < max ? s->m->n - from : max;
	reply_records(s, from, n, ret_reply);
	return fails(s, true);
}

/* ---- Metadata and sessions */

static int meta_read(struct store *store, struct ledger_meta *ret_meta)
{
	struct memory_store *s = (struct memory_store *)store;
	int r = fails(s, false);

	if (r < 0)
		return r;
	if (!s->m->made)
		return -ENOENT;
	*ret_meta = s->m->meta;
	return fails(s, true);
}

static int meta_create(struct store *store, const struct ledger_meta *meta)
{
	struct memory_store *s = (struct memory_store *)store;
	struct ledger_tag tag;
	struct kept *k;
	int r = fails(s, false);

	if (r < 0)
		return r;
	if (s->m->made)
		return -EEXIST;
	s->m->made = true;
	s->m->meta = *meta;
	memcpy(tag.b, meta->version.b, sizeof(tag.b));
	k = add_record(s->m);
	record_write_header(
	    &k->header, tag, (struct session_id){ { 0 } }, false, s->m->now_us, 0, s->m->now_us, NULL, 0);
	record_first_body(tag, &k->body);
	return fails(s, true);
}

static int session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner)
{
	struct memory_store *s = (struct memory_store *)store;
	struct memory_ledger *m = s->m;
	struct session *e;
	int r = fails(s, false);

	if (r < 0)
		return r;
	if (session_find(m, &id) != NULL)
		return -EEXIST;
	m->sessions = realloc(m->sessions, (m->n_sessions + 1) * sizeof(*m->sessions));
	if (m->sessions == NULL)
		abort();
	e = &m->sessions[m->n_sessions++];
	*e = (struct session){ .id = id, .end_us = m->now_us + lease_us };
	snprintf(e->owner, sizeof(e->owner), "%s", owner);
	return fails(s, true);
}

static int session_renew(struct store *store, struct session_id id, uint64_t lease_us,
    const struct store_lease **ret_leases, size_t *ret_n, uint64_t *ret_now_us)
{
	struct memory_store *s = (struct memory_store *)store;
	struct memory_ledger *m = s->m;
	struct session *own;
	int r = fails(s, false);

	if (r < 0)
		return r;
	own = session_find(m, &id);
	if (own == NULL)
		return -ENOENT;
	if (m->now_us + lease_us > own->end_us)
		own->end_us = m->now_us + lease_us;
	s->leases = realloc(s->leases, (m->n_sessions + 1) * sizeof(*s->leases));
	if (s->leases == NULL)
		abort();
	for (size_t i = 0; i < m->n_sessions; i++) {
		s->leases[i] = (struct store_lease){ .session = m->sessions[i].id,
			.end_us = m->sessions[i].end_us };
		memcpy(s->leases[i].owner, m->sessions[i].owner, sizeof(s->leases[i].owner));
	}
	*ret_leases = s->leases;
	*ret_n = m->n_sessions;
	*ret_now_us = m->now_us;
	return fails(s, true);
}

static int session_end(struct store *store, struct session_id id)
{
	struct memory_store *s = (struct memory_store *)store;
	struct session *e;
	int r = fails(s, false);

	if (r < 0)
		return r;
	e = session_find(s->m, &id);
	if (e != NULL)
		*e = s->m->sessions[--s->m->n_sessions];
	return fails(s, true);
}

static int stats(struct store *store, uint32_t generation, struct store_stats *ret_stats)
{
	struct memory_store *s = (struct memory_store *)store;

	(void)generation;
	*ret_stats = (struct store_stats){ .records = s->m->n };
	for (size_t i = 0; i < s->m->n; i++)
		ret_stats->bytes += s->m->records[i].header.len + s->m->records[i].body.len;
	return 0;
}

static void free_store(struct store *store)
{
	struct memory_store *s = (struct memory_store *)store;

	buf_free(&s->own);
	free(s->reply);
	free(s->leases);
	free(s);
}

struct store *memory_store_new(struct memory_ledger *m, int (*fail)(void *arg, bool after), void *arg)
{
	static const struct store_ops ops = { append, read_log, meta_read, meta_create, session_open,
		session_renew, session_end, stats, free_store };
	struct memory_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->store.ops = &ops;
	s->store.connections = 1;
	s->m = m;
	s->fail = fail;
	s->arg = arg;
	return &s->store;
}
