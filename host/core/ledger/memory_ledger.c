#include "core/ledger/memory_private.h"

#include <stdlib.h>

void *memory_grow(void *old, size_t size)
{
	void *p = realloc(old, size == 0 ? 1 : size);

	if (p == NULL)
		abort();
	return p;
}

/* ---- Content */

static void copy_buf(struct buf *to, const struct buf *from)
{
	*to = (struct buf){ NULL, 0, 0 };
	buf_add(to, from->data, from->len);
}

void memory_free_list(struct list *l, size_t from)
{
	for (size_t i = from; i < l->n; i++) {
		buf_free(&l->records[i].header);
		buf_free(&l->records[i].body);
	}
	l->n = from;
	if (from > 0)
		return;
	free(l->records);
	*l = (struct list){ .generation = 0 };
}

static void free_content(struct content *c)
{
	for (size_t i = 0; i < MAX_LISTS; i++)
		memory_free_list(&c->lists[i], 0);
	for (size_t i = 0; i < c->n_chunks; i++)
		buf_free(&c->chunks[i].data);
	free(c->chunks);
	free(c->sessions);
	*c = (struct content){ .made = false };
}

static void copy_content(struct content *to, const struct content *from)
{
	*to = *from;
	for (size_t i = 0; i < MAX_LISTS; i++) {
		struct list *l = &to->lists[i];

		l->records = memory_grow(NULL, l->cap * sizeof(*l->records));
		for (size_t k = 0; k < l->n; k++) {
			copy_buf(&l->records[k].header, &from->lists[i].records[k].header);
			copy_buf(&l->records[k].body, &from->lists[i].records[k].body);
		}
	}
	to->sessions = memory_grow(NULL, from->n_sessions * sizeof(*to->sessions));
	memcpy(to->sessions, from->sessions, from->n_sessions * sizeof(*to->sessions));
	to->chunks = memory_grow(NULL, from->n_chunks * sizeof(*to->chunks));
	for (size_t i = 0; i < from->n_chunks; i++) {
		to->chunks[i] = from->chunks[i];
		copy_buf(&to->chunks[i].data, &from->chunks[i].data);
	}
}

struct memory_ledger *memory_ledger_new(void)
{
	struct memory_ledger *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->server = 1;
	m->now.sessions = memory_grow(NULL, 0);
	m->now.chunks = memory_grow(NULL, 0);
	copy_content(&m->then, &m->now);
	return m;
}

void memory_ledger_free(struct memory_ledger *m)
{
	if (m == NULL)
		return;
	free_content(&m->now);
	free_content(&m->then);
	free(m);
}

void memory_ledger_set_time(struct memory_ledger *m, uint64_t server_us)
{
	m->now_us = server_us;
}

void memory_ledger_snapshot(struct memory_ledger *m)
{
	free_content(&m->then);
	copy_content(&m->then, &m->now);
}

void memory_ledger_failover(struct memory_ledger *m)
{
	free_content(&m->now);
	copy_content(&m->now, &m->then);
	m->server++;
}

void memory_ledger_wipe(struct memory_ledger *m)
{
	free_content(&m->now);
	m->now.sessions = memory_grow(NULL, 0);
	m->now.chunks = memory_grow(NULL, 0);
}

const struct ledger_meta *memory_ledger_meta(const struct memory_ledger *m)
{
	return &m->now.meta;
}

struct list *memory_list_of(struct content *c, uint32_t generation)
{
	for (size_t i = 0; i < MAX_LISTS; i++)
		if (c->lists[i].generation == generation)
			return &c->lists[i];
	return NULL;
}

size_t memory_ledger_records(const struct memory_ledger *m, uint32_t generation)
{
	const struct list *l = memory_list_of((struct content *)(uintptr_t)&m->now, generation);

	return l == NULL ? 0 : l->n;
}

struct buf *memory_ledger_record(struct memory_ledger *m, uint32_t generation, size_t i, bool body)
{
	struct list *l = memory_list_of(&m->now, generation);

	return body ? &l->records[i].body : &l->records[i].header;
}

struct buf *memory_ledger_chunk(struct memory_ledger *m, size_t i)
{
	return i < m->now.n_chunks ? &m->now.chunks[i].data : NULL;
}

struct session *memory_session_find(const struct memory_ledger *m, const struct session_id *id)
{
	for (size_t i = 0; i < m->now.n_sessions; i++)
		if (memcmp(&m->now.sessions[i].id, id, sizeof(*id)) == 0)
			return &m->now.sessions[i];
	return NULL;
}

bool memory_is_over(const struct memory_ledger *m, const struct session_id *id)
{
	const struct session *s = memory_session_find(m, id);

	return s == NULL || s->end_us < m->now_us;
}

struct kept *memory_add_record(struct list *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 256 : 2 * l->cap;
		l->records = memory_grow(l->records, l->cap * sizeof(*l->records));
	}
	l->records[l->n] = (struct kept){ { NULL, 0, 0 }, { NULL, 0, 0 } };
	return &l->records[l->n++];
}

/* ---- Chunks */

struct chunk *memory_chunk_find(
    struct content *c, const uint8_t segment[SEGMENT_ID], enum store_stream stream, uint32_t index)
{
	for (size_t i = 0; i < c->n_chunks; i++)
		if (memcmp(c->chunks[i].segment, segment, SEGMENT_ID) == 0 && c->chunks[i].stream == stream &&
		    c->chunks[i].index == index)
			return &c->chunks[i];
	return NULL;
}

void memory_expire(struct memory_ledger *m)
{
	struct content *c = &m->now;

	for (size_t i = 0; i < c->n_chunks;) {
		if (c->chunks[i].expires_us == 0 || c->chunks[i].expires_us > m->now_us) {
			i++;
			continue;
		}
		buf_free(&c->chunks[i].data);
		c->chunks[i] = c->chunks[--c->n_chunks];
	}
}
