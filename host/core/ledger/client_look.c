/* Look-ups in segments: which pages have to be read, and what they say. */
#include "core/ledger/client_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* First where each look begins, then where it goes on from there: by then the first has arrived. */
void client_prefetch(const struct client *c, const uint8_t *const *ids, size_t n)
{
	uint64_t hash[CLIENT_PREFETCH][2];

	for (size_t i = 0; i < n; i++) {
		segment_hash(ids[i], hash[i]);
		table_prefetch(c->view.current, ids[i]);
	}
	for (size_t k = 0; k < c->view.n_segments; k++)
		for (size_t i = 0; i < n; i++)
			segment_prefetch_page(c->view.segments[k], hash[i]);
	for (size_t k = 0; k < c->view.n_segments; k++)
		for (size_t i = 0; i < n; i++)
			segment_prefetch_tags(c->view.segments[k], hash[i]);
}

static int make_room(struct client *c)
{
	if (c->n_pages == c->cap_pages) {
		size_t cap = c->cap_pages == 0 ? 256 : 2 * c->cap_pages;
		struct look_page *grown = realloc(c->pages, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		c->pages = grown;
		c->cap_pages = cap;
	}
	if (c->n_chunks + 2 > c->cap_chunks) {
		size_t cap = c->cap_chunks == 0 ? 256 : 2 * c->cap_chunks;
		struct store_chunk *grown = realloc(c->chunks, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		c->chunks = grown;
		c->cap_chunks = cap;
	}
	return 0;
}

static void ask_for(struct client *c, const struct segment *s, uint64_t from, uint32_t len)
{
	struct store_chunk *k = &c->chunks[c->n_chunks++];

	*k = (struct store_chunk){ .stream = STORE_BODY,
		.index = (uint32_t)(from / SEGMENT_CHUNK),
		.from = (uint32_t)(from % SEGMENT_CHUNK),
		.len = len };
	memcpy(k->segment, segment_info(s)->id, SEGMENT_ID);
}

static int add_page(struct client *c, const struct segment *s, uint32_t page)
{
	uint64_t from;
	uint32_t len, room;

	if (make_room(c) < 0)
		return -ENOMEM;
	segment_page(s, page, &from, &len);
	room = (uint32_t)(SEGMENT_CHUNK - from % SEGMENT_CHUNK);
	c->pages[c->n_pages++] = (struct look_page){ s, page, c->n_chunks, len > room ? 2 : 1 };
	ask_for(c, s, from, len > room ? room : len);
	if (len > room)
		ask_for(c, s, from + room, len - room);
	return 0;
}

int client_add_look(struct client *c, const uint8_t id[LEDGER_ID], void *cookie)
{
	struct look *l = &c->looks[c->n_looks];
	uint32_t page;

	if (c->under_way)
		return -EBUSY;
	if (c->n_looks == CLIENT_MAX_LOOKS)
		return -ENOSPC;
	*l = (struct look){ .cookie = cookie, .first = c->n_pages };
	segment_hash(id, l->hash);
	/* The youngest first: most of what comes twice comes soon. */
	for (size_t i = c->view.n_segments; i-- > 0;) {
		if (!segment_may_have(c->view.segments[i], l->hash, &page))
			continue;
		if (add_page(c, c->view.segments[i], page) < 0)
			return -ENOMEM;
		l->n++;
	}
	if (l->n == 0)
		return 0;
	memcpy(l->id, id, LEDGER_ID);
	c->n_looks++;
	return 1;
}

size_t client_looks(const struct client *c)
{
	return c->n_looks;
}

struct store_chunk *client_pages(struct client *c, size_t *ret_n)
{
	*ret_n = c->n_chunks;
	return c->chunks;
}

void client_forget_looks(struct client *c)
{
	c->n_looks = c->n_pages = c->n_chunks = 0;
}

const char *client_damage(const struct client *c)
{
	return c->damage;
}

static int damaged(struct client *c, const struct look_page *p)
{
	const uint8_t *id = segment_info(p->segment)->id;

	snprintf(c->damage, sizeof(c->damage),
	    "segment %02x%02x%02x%02x%02x%02x%02x%02x is damaged in page %u (its checksum does not fit)",
	    id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], p->page);
	return -EBADMSG;
}

/* 1: found; 0: not there; -ENOENT, -EBADMSG. */
static int look_into(
    struct client *c, const struct look *l, const struct look_page *p, struct segment_record *ret_record)
{
	uint8_t joined[SEGMENT_MAX_PAGE * 11 + 4];
	struct bytes bytes = c->chunks[p->chunk].data;
	int r;

	if (bytes.len == 0)
		return -ENOENT;
	if (p->pieces == 2) {
		struct bytes second = c->chunks[p->chunk + 1].data;

		if (second.len == 0)
			return -ENOENT;
		if (bytes.len + second.len > sizeof(joined))
			return damaged(c, p);
		memcpy(joined, bytes.data, bytes.len);
		memcpy(joined + bytes.len, second.data, second.len);
		bytes = (struct bytes){ joined, bytes.len + second.len };
	}
	r = segment_find(p->segment, p->page, bytes, l->hash, ret_record);
	return r == -EBADMSG ? damaged(c, p) : r;
}

static int answer(struct client *c, const struct look *l, struct client_result *result)
{
	static const enum entry_state states[] = {
		[SETTLE_DONE] = ENTRY_DONE, [SETTLE_DEAD] = ENTRY_DEAD, [SETTLE_PARKED] = ENTRY_PARKED
	};

	*result = (struct client_result){ .op = CLIENT_LOOK, .cookie = l->cookie, .ok = true };
	result->entry.state = ENTRY_ABSENT;
	for (size_t i = 0; i < l->n; i++) {
		struct segment_record found;
		int r = look_into(c, l, &c->pages[l->first + i], &found);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		result->entry = (struct entry){
			.state = states[found.status], .check = found.check, .server_s = found.server_s
		};
		memcpy(result->entry.id, l->id, LEDGER_ID);
		return 0;
	}
	return 0;
}

int client_looked(struct client *c)
{
	size_t n = c->n_results;

	for (size_t i = 0; i < c->n_looks; i++) {
		int r = answer(c, &c->looks[i], &c->results[n + i]);

		if (r < 0)
			return r;
	}
	c->n_results += c->n_looks;
	client_forget_looks(c);
	return 0;
}
