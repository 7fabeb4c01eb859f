/* After a loss that somebody accepts: what is left of the ledger goes on under another identity. */
#include "core/link_private.h"

#include <errno.h>

/* The ledger is gone: another is made, with the key of the ids, so that hosts can put back what they know. */
static int make_anew(struct link *l, const struct ledger_meta *fresh)
{
	const struct client_view *v = client_view(l->client);
	struct ledger_meta m = *fresh;
	int r;

	m.generation = m.oldest = (v->current != NULL ? v->meta.generation : l->generation) + 1;
	memcpy(m.replaces, l->identity, sizeof(m.replaces));
	if (v->current != NULL)
		memcpy(m.hash_key, v->meta.hash_key, sizeof(m.hash_key));
	r = l->store->ops->meta_create(l->store, &m, (uint64_t)l->lease_us);
	return r < 0 && r != -EEXIST ? link_trouble(l, r) : 0;
}

/* 1: the list can be read to its end; 0: it is gone or damaged. */
static int list_is_whole(struct link *l, uint32_t generation)
{
	struct table *t = table_new(generation);
	int r;

	if (t == NULL)
		return -ENOMEM;
	r = link_read_list(l, t);
	table_free(t);
	if (r == 0)
		return 1;
	return r == -ENOENT || r == -EBADMSG || r == -ESTALE ? 0 : r;
}

/* The lists that are not whole: a new one begins behind them, or, if it is only the older, it is given up. */
static int judge_lists(
    struct link *l, const struct ledger_meta *m, struct ledger_meta *to, struct store_commit *c)
{
	int r = list_is_whole(l, m->generation);

	if (r < 0)
		return r;
	if (r == 0) {
		to->generation++;
		to->oldest = to->generation;
		c->open_list = c->unlink = true;
		c->close = m->generation;
		return 0;
	}
	if (m->oldest == m->generation)
		return 0;
	r = list_is_whole(l, m->oldest);
	if (r == 0) {
		to->oldest = m->generation;
		c->close = m->oldest;
		c->unlink = true;
	}
	return r < 0 ? r : 0;
}

/* The pages of a chunk's worth of the body at a time. */
static int verify_body(struct link *l, const struct segment *s)
{
	struct buf body = { NULL, 0, 0 };
	struct segment_record records[SEGMENT_MAX_PAGE];
	uint32_t chunks = segment_chunks(segment_body_size(segment_info(s))), next = 0;
	uint64_t base = 0; /* of body, in the stream */
	int r = 1;

	for (uint32_t p = 0; p < segment_pages(s) && r == 1; p++) {
		uint64_t from;
		uint32_t len;

		segment_page(s, p, &from, &len);
		while (from + len > base + body.len && next < chunks && r == 1) {
			struct store_chunk k = {
				.stream = STORE_BODY, .index = next++, .len = SEGMENT_CHUNK
			};

			memcpy(k.segment, segment_info(s)->id, SEGMENT_ID);
			/* What was verified is not needed any more. */
			if (body.len > 0)
				memmove(
				    body.data, body.data + (from - base), body.len - (size_t)(from - base));
			body.len -= (size_t)(from - base);
			base = from;
			r = l->store->ops->chunk_read(l->store, &k, 1);
			r = r < 0 ? r : k.data.len > 0;
			buf_add(&body, k.data.data, k.data.len);
		}
		if (r == 1 &&
		    (from + len > base + body.len ||
			segment_records(s, p, (struct bytes){ body.data + (from - base), len }, records) < 0))
			r = 0;
	}
	buf_free(&body);
	return r;
}

int link_verify_segment(struct link *l, const struct segment_info *info)
{
	struct segment *s;
	int r = link_load_segment(l, info, true, &s);

	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	if (r < 0)
		return r;
	r = verify_body(l, s);
	segment_free(s);
	return r;
}

int link_accept_loss(struct link *l, const struct ledger_meta *fresh)
{
	struct segment_info gone[LEDGER_MAX_SEGMENTS];
	struct ledger_meta m, to;
	struct store_commit c = { .remove = gone, .heal_us = (uint64_t)l->lease_us };
	enum store_result result;
	int r = l->store->ops->meta_read(l->store, &m);

	if (r == -ENOENT)
		return make_anew(l, fresh);
	if (r < 0)
		return link_trouble(l, r);
	to = m;
	to.version = fresh->version;
	/* Replaced by another already: that one says from now on that it replaces ours. */
	if (memcmp(m.identity, l->identity, sizeof(m.identity)) == 0)
		memcpy(to.identity, fresh->identity, sizeof(to.identity));
	memcpy(to.replaces, l->identity, sizeof(to.replaces));
	r = judge_lists(l, &m, &to, &c);
	for (size_t i = 0; i < m.n_segments && r >= 0; i++) {
		r = link_verify_segment(l, &m.segments[i]);
		if (r == 0)
			gone[c.n_remove++] = m.segments[i];
	}
	if (r < 0)
		return r == -ENOMEM ? r : link_trouble(l, r);
	c.from = m.version;
	c.to = &to;
	r = l->store->ops->commit(l->store, &c, &result);
	if (r < 0)
		return link_trouble(l, r);
	if (result != STORE_OK)
		return -EAGAIN;
	return 0;
}
