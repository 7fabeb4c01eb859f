/* The calls of the interface.  lint: long because it is one small function a call, and nothing else. */
#include "core/ledger/memory_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A chunk that was never committed, or whose segment was removed, goes after this. */
#define CHUNK_US 600000000
/* Who seems to be over for less may be live: the new server has another clock. */
#define CLOCKS_AGREE_US 300000000
#define OLD_CHUNK_US 60000000

static void look(struct memory_store *s, struct store_chunk *chunks, size_t n)
{
	memory_expire(s->m);
	while (s->n_data < n) {
		s->data = memory_grow(s->data, (s->n_data + 1) * sizeof(*s->data));
		s->data[s->n_data++] = (struct buf){ NULL, 0, 0 };
	}
	for (size_t i = 0; i < n; i++) {
		const struct chunk *c = memory_chunk_find(
		    &s->m->now, chunks[i].segment, chunks[i].stream, chunks[i].index);
		size_t len = 0;

		if (c != NULL && chunks[i].from < c->data.len)
			len = c->data.len - chunks[i].from < chunks[i].len ? c->data.len - chunks[i].from
									   : chunks[i].len;
		buf_clear(&s->data[i]);
		buf_add(&s->data[i], c == NULL ? "" : c->data.data + chunks[i].from, len);
		chunks[i].data = (struct bytes){ s->data[i].data, len };
	}
}

static int chunk_read(struct store *store, struct store_chunk *chunks, size_t n)
{
	look((struct memory_store *)store, chunks, n);
	return 0;
}

static int chunk_write(struct store *store, const uint8_t segment[SEGMENT_ID], enum store_stream stream,
    uint32_t index, struct bytes data)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;
	struct content *c = &m->now;
	struct chunk *k = memory_chunk_find(c, segment, stream, index);

	if (k == NULL) {
		c->chunks = memory_grow(c->chunks, (c->n_chunks + 1) * sizeof(*c->chunks));
		k = &c->chunks[c->n_chunks++];
		*k = (struct chunk){ .stream = stream, .index = index };
		memcpy(k->segment, segment, SEGMENT_ID);
	}
	buf_clear(&k->data);
	buf_add(&k->data, data.data, data.len);
	k->expires_us = m->now_us + CHUNK_US;
	return 0;
}

/* ---- Reading and appending */

static void reply_records(
    struct memory_store *s, const struct list *l, uint64_t from, size_t n, struct store_reply *reply)
{
	s->reply = memory_grow(s->reply, (n + 1) * sizeof(*s->reply));
	for (size_t i = 0; i < n; i++) {
		const struct kept *k = &l->records[from + i];

		s->reply[i] = (struct store_record){ { k->header.data, k->header.len },
			{ k->body.data, k->body.len } };
	}
	reply->records = s->reply;
	reply->n = n;
}

static uint64_t next_fence(const struct memory_ledger *m, const struct list *l)
{
	uint64_t fence = m->now_us > m->now.fence_floor ? m->now_us : m->now.fence_floor;
	const struct buf *last;
	struct record_header h;

	if (l == NULL || l->n == 0)
		return fence;
	last = &l->records[l->n - 1].header;
	if (record_read_header((struct bytes){ last->data, last->len }, &h) < 0)
		return fence;
	return h.fence + h.slots > fence ? h.fence + h.slots : fence;
}

static void header_of(struct memory_store *s, const struct list *l, const struct store_append *a)
{
	struct memory_ledger *m = s->m;
	const uint8_t *body = a->body.data;
	const struct session *own = memory_session_find(m, &a->session);
	struct session_id over[255];
	uint8_t n_over = 0;

	for (unsigned i = 0; i < a->n_ask; i++)
		if (memory_is_over(m, &a->ask[i]))
			over[n_over++] = a->ask[i];
	buf_clear(&s->own);
	record_write_header(&s->own, a->tag, a->session, own != NULL && own->end_us >= m->now_us,
	    next_fence(m, l), (uint16_t)(body[0] << 8 | body[1]), m->now_us, over, n_over);
}

static enum store_result may_append(
    const struct memory_ledger *m, const struct list *l, const struct store_append *a)
{
	const struct buf *last;

	if (!m->now.made || memcmp(&m->now.meta.version, &a->version, sizeof(a->version)) != 0)
		return STORE_STALE;
	if (l == NULL || a->position == 0 || a->position > l->n)
		return STORE_DIVERGED;
	last = &l->records[a->position - 1].header;
	if (memcmp(last->data, a->last_tag.b, sizeof(a->last_tag.b)) != 0)
		return STORE_DIVERGED;
	return l->n - a->position > a->max_delta ? STORE_BEHIND : STORE_OK;
}

static int append(struct store *store, const struct store_append *a, struct store_reply *ret_reply)
{
	struct memory_store *s = (struct memory_store *)store;
	struct list *l = memory_list_of(&s->m->now, a->generation);
	struct kept *k;
	size_t n;

	look(s, a->look, a->n_look);
	*ret_reply = (struct store_reply){ .result = may_append(s->m, l, a), .confirmed = true };
	if (s->server != s->m->server)
		ret_reply->result = STORE_STALE;
	if (ret_reply->result != STORE_OK)
		return 0;
	header_of(s, l, a);
	n = l->n - a->position;
	k = memory_add_record(l);
	buf_add(&k->header, s->own.data, s->own.len);
	buf_add(&k->body, a->body.data, a->body.len);
	reply_records(s, l, a->position, n, ret_reply);
	s->reply[n] = (struct store_record){ { s->own.data, s->own.len }, { NULL, 0 } };
	ret_reply->n = n + 1;
	return 0;
}

static int read_log(
    struct store *store, uint32_t generation, uint64_t from, uint32_t max, struct store_reply *ret_reply)
{
	struct memory_store *s = (struct memory_store *)store;
	const struct list *l = generation == 0 ? NULL : memory_list_of(&s->m->now, generation);
	uint64_t first = from == 0 ? 0 : from - 1;
	size_t n;

	*ret_reply = (struct store_reply){ .version = s->m->now.meta.version, .has_meta = s->m->now.made };
	if (l == NULL)
		return -ENOENT;
	if (from > l->n) {
		ret_reply->result = STORE_DIVERGED;
		return 0;
	}
	n = l->n - from < max ? l->n - from : max;
	reply_records(s, l, first, n + (from - first), ret_reply);
	return 0;
}

static int confirm(struct store *store, struct session_id id, uint64_t lease_us)
{
	(void)store;
	(void)id;
	(void)lease_us;
	return 0;
}

/* ---- Metadata */

static void run_id(const struct memory_ledger *m, char *ret, size_t size)
{
	snprintf(ret, size, "server-%u", m->server);
}

static int meta_read(struct store *store, struct ledger_meta *ret_meta)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;

	if (!m->now.made)
		return -ENOENT;
	((struct memory_store *)store)->server = m->server;
	*ret_meta = m->now.meta;
	ret_meta->unhealed = m->now.heal_all;
	for (size_t i = 0; i < m->now.n_sessions; i++)
		ret_meta->unhealed += m->now.sessions[i].unhealed;
	run_id(m, ret_meta->server, sizeof(ret_meta->server));
	ret_meta->now_us = m->now_us;
	return 0;
}

static void begin_list(struct memory_ledger *m, const struct ledger_meta *meta, const struct list *before)
{
	struct list *l = memory_list_of(&m->now, meta->generation);
	struct ledger_tag tag;
	struct kept *k;
	uint64_t fence = next_fence(m, before);

	if (l == NULL)
		l = memory_list_of(&m->now, 0);
	if (l == NULL)
		abort(); /* more than a ledger ever has */
	memory_free_list(l, 0);
	l->generation = meta->generation;
	memcpy(tag.b, meta->version.b, sizeof(tag.b));
	k = memory_add_record(l);
	record_write_header(
	    &k->header, tag, (struct session_id){ { 0 } }, false, fence, 0, m->now_us, NULL, 0);
	record_first_body(tag, meta->rules, meta->generation, &k->body);
}

static int meta_create(struct store *store, const struct ledger_meta *meta, uint64_t heal_us)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;

	if (m->now.made)
		return -EEXIST;
	m->now.made = true;
	m->now.meta = *meta;
	m->now.meta.n_segments = 0;
	m->now.meta.heal_until_us = heal_us == 0 ? 0 : m->now_us + heal_us;
	m->now.heal_all = heal_us != 0;
	run_id(m, m->now.meta.run_id, sizeof(m->now.meta.run_id));
	begin_list(m, meta, NULL);
	return 0;
}

static bool chunks_there(struct content *c, const struct segment_info *i)
{
	for (uint32_t k = 0; k < segment_chunks(segment_filter_size(i)); k++)
		if (memory_chunk_find(c, i->id, STORE_FILTER, k) == NULL)
			return false;
	for (uint32_t k = 0; k < segment_chunks(segment_body_size(i)); k++)
		if (memory_chunk_find(c, i->id, STORE_BODY, k) == NULL)
			return false;
	return true;
}

static void set_expiry(struct content *c, const struct segment_info *i, uint64_t when_us)
{
	for (size_t k = 0; k < c->n_chunks; k++)
		if (memcmp(c->chunks[k].segment, i->id, SEGMENT_ID) == 0)
			c->chunks[k].expires_us = when_us;
}

static void change_segments(struct memory_ledger *m, const struct store_commit *c)
{
	struct ledger_meta *meta = &m->now.meta;
	size_t k = 0;

	for (size_t i = 0; i < meta->n_segments; i++) {
		bool keep = true;

		for (size_t j = 0; j < c->n_remove; j++)
			keep = keep && memcmp(c->remove[j].id, meta->segments[i].id, SEGMENT_ID) != 0;
		if (keep)
			meta->segments[k++] = meta->segments[i];
		else
			set_expiry(&m->now, &meta->segments[i], m->now_us + OLD_CHUNK_US);
	}
	meta->n_segments = k;
	if (c->add == NULL)
		return;
	meta->segments[meta->n_segments++] = *c->add;
	set_expiry(&m->now, c->add, 0);
}

static void append_carries(struct memory_store *s, const struct store_commit *c)
{
	struct list *l = memory_list_of(&s->m->now, c->to->generation);

	for (size_t i = 0; i < c->n_carries; i++) {
		struct store_append a = { .session = c->session, .body = c->carries[i] };
		struct kept *k;

		memcpy(a.tag.b, (const uint8_t *)c->carries[i].data + 8, sizeof(a.tag.b));
		header_of(s, l, &a);
		k = memory_add_record(l);
		buf_add(&k->header, s->own.data, s->own.len);
		buf_add(&k->body, a.body.data, a.body.len);
	}
}

static void begin_healing(struct memory_ledger *m, uint64_t us)
{
	m->now.meta.heal_until_us = m->now_us + us;
	m->now.heal_all = false;
	for (size_t i = 0; i < m->now.n_sessions; i++)
		m->now.sessions[i].unhealed = m->now.sessions[i].end_us + CLOCKS_AGREE_US >= m->now_us;
}

static int commit(struct store *store, const struct store_commit *c, enum store_result *ret_result)
{
	struct memory_store *s = (struct memory_store *)store;
	struct memory_ledger *m = s->m;
	struct ledger_meta before = m->now.meta;
	struct list *old = c->close == 0 ? NULL : memory_list_of(&m->now, c->close);

	memory_expire(m);
	*ret_result = STORE_STALE;
	if (!m->now.made || memcmp(&before.version, &c->from, sizeof(c->from)) != 0)
		return 0;
	*ret_result = STORE_MISSING;
	if (c->add != NULL && (before.n_segments == LEDGER_MAX_SEGMENTS || !chunks_there(&m->now, c->add)))
		return 0;
	*ret_result = STORE_OK;
	m->now.meta = *c->to;
	memcpy(m->now.meta.run_id, before.run_id, sizeof(before.run_id));
	m->now.meta.heal_until_us = before.heal_until_us;
	memcpy(m->now.meta.segments, before.segments, sizeof(before.segments));
	m->now.meta.n_segments = before.n_segments;
	change_segments(m, c);
	if (c->open_list)
		begin_list(m, c->to, old);
	append_carries(s, c);
	if (c->heal_us != 0)
		begin_healing(m, c->heal_us);
	if (c->unlink && old != NULL)
		memory_free_list(old, 0);
	return 0;
}

static int adopt(struct store *store, const struct ledger_version *from, uint64_t lease_us)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;
	struct content *c = &m->now;
	struct ledger_version *v = &c->meta.version;
	uint64_t fence = next_fence(m, memory_list_of(c, c->meta.generation));

	if (memcmp(v, from, sizeof(*v)) != 0)
		return 0;
	/* Never one that was there before: the server's number and time are part of it. */
	for (unsigned i = 0; i < 8; i++)
		v->b[i] = (uint8_t)(m->now_us >> 8 * i ^ (i == 7 ? 0x80 | m->server : 0));
	run_id(m, c->meta.run_id, sizeof(c->meta.run_id));
	c->fence_floor = fence + 60000000;
	for (size_t i = 0; i < c->n_sessions; i++)
		if (c->sessions[i].end_us > m->now_us + lease_us)
			c->sessions[i].end_us = m->now_us + lease_us;
	begin_healing(m, lease_us);
	return 0;
}

static int healed(struct store *store, struct session_id id)
{
	struct session *e = memory_session_find(((struct memory_store *)store)->m, &id);

	if (e != NULL)
		e->unhealed = false;
	return 0;
}

static int lock(struct store *store, struct session_id id, uint64_t ms, bool *ret_ours)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;

	*ret_ours = m->locked_until_us < m->now_us || memcmp(&m->locked, &id, sizeof(id)) == 0;
	if (*ret_ours) {
		m->locked = id;
		m->locked_until_us = m->now_us + 1000 * ms;
	}
	return 0;
}

/* ---- Sessions */

static int session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;
	struct session *e;

	if (memory_session_find(m, &id) != NULL)
		return -EEXIST;
	m->now.sessions = memory_grow(m->now.sessions, (m->now.n_sessions + 1) * sizeof(*e));
	e = &m->now.sessions[m->now.n_sessions++];
	*e = (struct session){ .id = id, .end_us = m->now_us + lease_us };
	snprintf(e->owner, sizeof(e->owner), "%s", owner);
	return 0;
}

static int session_renew(
    struct store *store, struct session_id id, uint64_t lease_us, struct store_renewal *ret_renewal)
{
	struct memory_store *s = (struct memory_store *)store;
	struct memory_ledger *m = s->m;
	struct session *own = memory_session_find(m, &id);

	if (own == NULL && lease_us != 0)
		return -ENOENT;
	if (own != NULL && m->now_us + lease_us > own->end_us)
		own->end_us = m->now_us + lease_us;
	s->leases = memory_grow(s->leases, (m->now.n_sessions + 1) * sizeof(*s->leases));
	for (size_t i = 0; i < m->now.n_sessions; i++) {
		s->leases[i] = (struct store_lease){ .session = m->now.sessions[i].id,
			.end_us = m->now.sessions[i].end_us,
			.rules = LEDGER_RULES };
		memcpy(s->leases[i].owner, m->now.sessions[i].owner, sizeof(s->leases[i].owner));
	}
	*ret_renewal = (struct store_renewal){ s->leases, m->now.n_sessions, m->now_us, m->now.meta.version,
		m->now.made };
	return 0;
}

static int session_end(struct store *store, struct session_id id)
{
	struct memory_ledger *m = ((struct memory_store *)store)->m;
	struct session *e = memory_session_find(m, &id);

	if (e != NULL)
		*e = m->now.sessions[--m->now.n_sessions];
	return 0;
}

static int stats(struct store *store, uint32_t generation, struct store_stats *ret_stats)
{
	struct memory_store *s = (struct memory_store *)store;
	const struct list *l = memory_list_of(&s->m->now, generation);

	*ret_stats = (struct store_stats){ .records = l == NULL ? 0 : l->n };
	for (size_t i = 0; l != NULL && i < l->n; i++)
		ret_stats->bytes += l->records[i].header.len + l->records[i].body.len;
	return 0;
}

static void free_store(struct store *store)
{
	struct memory_store *s = (struct memory_store *)store;

	for (size_t i = 0; i < s->n_data; i++)
		buf_free(&s->data[i]);
	free(s->data);
	buf_free(&s->own);
	free(s->reply);
	free(s->leases);
	free(s);
}

struct store *memory_store_new(struct memory_ledger *m)
{
	static const struct store_ops ops = { append, read_log, confirm, meta_read, meta_create, commit,
		adopt, healed, chunk_write, chunk_read, lock, session_open, session_renew, session_end, stats,
		free_store };
	struct memory_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->store.ops = &ops;
	s->store.connections = 1;
	s->m = m;
	return &s->store;
}
