/* Reading the metadata, the lists and the segments into a view. */
#include "core/link_private.h"

#include <errno.h>
#include <stdlib.h>

/* Records asked for at a time. */
#define READ_PAGE 256
/* Chunks of a filter asked for at a time. */
#define CHUNKS_AT_ONCE 8
/* The version may move while a view is read; so often is it tried before the round ends. */
#define TRIES 8

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static bool same_version(const struct ledger_version *a, const struct ledger_version *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- Lists */

static int damaged(struct link *l, const struct table *t, int r)
{
	if (r == -ENOTSUP)
		return link_fail(l, LINK_DAMAGED, r,
		    "generation %u of the log was begun by a newer version: upgrade this host",
		    table_generation(t));
	return link_fail(l, LINK_DAMAGED, r,
	    "the log of generation %u has a record that is none (%s), after record %llu: restore the ledger, or drop it "
	    "(semel ledger accept-loss)",
	    table_generation(t), strerror(-r), (unsigned long long)table_records(t));
}

/* The record before tells "nothing new" from another list, or a shorter one. */
static bool goes_on(const struct table *t, const struct store_reply *reply)
{
	struct ledger_tag tag = table_last_tag(t);
	const struct store_record *before = &reply->records[0];

	if (table_records(t) == 0)
		return true;
	return reply->result == STORE_OK && reply->n > 0 && before->header.len >= sizeof(tag) &&
	       memcmp(before->header.data, &tag, sizeof(tag)) == 0;
}

int link_read_list(struct link *l, struct table *t)
{
	const struct client_view *v = client_view(l->client);
	struct store_reply reply;
	size_t skip;
	int r;

	do {
		skip = table_records(t) > 0;
		r = l->store->ops->read(l->store, table_generation(t), table_records(t), READ_PAGE, &reply);
		if (r == -ENOENT)
			return r;
		if (r < 0)
			return link_trouble(l, r);
		if (!goes_on(t, &reply))
			return -ESTALE;
		if (!reply.has_meta || !same_version(&reply.version, &v->meta.version))
			l->stale = true;
		r = client_read(l->client, t, reply.records + skip, reply.n - skip);
		if (r < 0)
			return damaged(l, t, r);
	} while (reply.n - skip >= READ_PAGE);
	return table_records(t) == 0 ? -ENOENT : 0;
}

void link_keep(struct link *l, struct table *t, struct mono now)
{
	if (t == NULL)
		return;
	if (l->n_kept == LINK_MAX_KEPT) {
		table_free(l->kept[0].table);
		memmove(l->kept, l->kept + 1, --l->n_kept * sizeof(l->kept[0]));
	}
	l->kept[l->n_kept++] = (struct kept_table){ table_ref(t), now };
}

/* Only after a word from the server that we know: a host that stood still has its minute still before it. */
void link_drop_kept(struct link *l, struct mono now)
{
	while (l->n_kept > 0 && mono_diff_us(now, l->kept[0].since) > LINK_KEEP_US) {
		table_free(l->kept[0].table);
		memmove(l->kept, l->kept + 1, --l->n_kept * sizeof(l->kept[0]));
	}
}

static struct table *known_table(const struct link *l, uint32_t generation)
{
	const struct client_view *v = client_view(l->client);

	if (v->current != NULL && table_generation(v->current) == generation)
		return v->current;
	if (v->before != NULL && table_generation(v->before) == generation)
		return v->before;
	for (size_t i = l->n_kept; i-- > 0;)
		if (table_generation(l->kept[i].table) == generation)
			return l->kept[i].table;
	return NULL;
}

/* The table of a generation that is not sealed: what is known of it, read on; or, if the list is another now,
 * read from its start. */
static int take_list(struct link *l, uint32_t generation, struct table **ret_table)
{
	struct table *t = known_table(l, generation);
	int r = t == NULL ? -ESTALE : link_read_list(l, t);

	if (r == 0)
		table_ref(t);
	if (r == -ESTALE) {
		if (t != NULL) {
			l->suspect = true;
			l->rereads++;
		}
		t = table_new(generation);
		if (t == NULL)
			return link_fail(l, LINK_DAMAGED, -ENOMEM, "out of memory");
		r = link_read_list(l, t);
		if (r < 0)
			table_free(t);
	}
	/* On failure there is no reference to give: known tables are the view's, another one is freed. */
	if (r == 0)
		*ret_table = t;
	return r;
}

/* ---- Segments */

static struct segment *known_segment(const struct client_view *v, const struct segment_info *info, bool tags)
{
	for (size_t i = 0; i < v->n_segments; i++)
		if (memcmp(segment_info(v->segments[i])->id, info->id, SEGMENT_ID) == 0 &&
		    segment_has_tags(v->segments[i]) == tags)
			return segment_ref(v->segments[i]);
	return NULL;
}

/* -ENOENT: a chunk is not there. */
static int read_filter(struct link *l, const struct segment_info *info, struct buf *out)
{
	uint32_t n = segment_chunks(segment_filter_size(info));
	struct store_chunk chunks[CHUNKS_AT_ONCE];

	for (uint32_t at = 0; at < n;) {
		size_t k = n - at < CHUNKS_AT_ONCE ? n - at : CHUNKS_AT_ONCE;
		int r;

		for (size_t i = 0; i < k; i++) {
			chunks[i] = (struct store_chunk){
				.stream = STORE_FILTER, .index = at + (uint32_t)i, .len = SEGMENT_CHUNK
			};
			memcpy(chunks[i].segment, info->id, SEGMENT_ID);
		}
		r = l->store->ops->chunk_read(l->store, chunks, k);
		if (r < 0)
			return link_trouble(l, r);
		for (size_t i = 0; i < k; i++) {
			if (chunks[i].data.len == 0)
				return -ENOENT;
			buf_add(out, chunks[i].data.data, chunks[i].data.len);
		}
		at += (uint32_t)k;
	}
	return 0;
}

int link_load_segment(
    struct link *l, const struct segment_info *info, bool tags, struct segment **ret_segment)
{
	struct buf stream = { NULL, 0, 0 };
	int r = read_filter(l, info, &stream);

	if (r == 0) {
		r = segment_read_filter(info, (struct bytes){ stream.data, stream.len }, tags, ret_segment);
		if (r == -EBADMSG)
			link_fail(l, LINK_DAMAGED, r,
			    "segment %02x%02x%02x%02x%02x%02x%02x%02x is damaged (the checksum of its filter does not fit): "
			    "restore the ledger, or drop it (semel ledger accept-loss)",
			    info->id[0], info->id[1], info->id[2], info->id[3], info->id[4], info->id[5],
			    info->id[6], info->id[7]);
		else if (r < 0)
			link_fail(l, LINK_DAMAGED, r, "out of memory for a segment's filter");
	}
	buf_free(&stream);
	return r;
}

static int youngest_last(const void *a, const void *b)
{
	const struct segment_info *x = a, *y = b;

	return x->t_max < y->t_max ? -1 : x->t_max > y->t_max;
}

/* The youngest have their tags in memory as far as filter_memory reaches. */
static int take_segments(struct link *l, struct client_view *v)
{
	struct ledger_meta *m = &v->meta;
	bool tags[LEDGER_MAX_SEGMENTS];
	uint64_t sum = 0;

	qsort(m->segments, m->n_segments, sizeof(m->segments[0]), youngest_last);
	for (size_t i = m->n_segments; i-- > 0;) {
		sum += 2 * (uint64_t)m->segments[i].n;
		tags[i] = sum <= l->filter_memory;
	}
	for (size_t i = 0; i < m->n_segments; i++) {
		struct segment *s = known_segment(client_view(l->client), &m->segments[i], tags[i]);
		int r = s != NULL ? 0 : link_load_segment(l, &m->segments[i], tags[i], &s);

		if (r < 0)
			return r;
		v->segments[v->n_segments++] = s;
	}
	return 0;
}

/* ---- The view */

static void drop_view(struct client_view *v)
{
	table_free(v->current);
	table_free(v->before);
	for (size_t i = 0; i < v->n_segments; i++)
		segment_free(v->segments[i]);
}

static int take_view(struct link *l, struct client_view *v)
{
	int r = 0;

	/* The older list first: it is closed, so what is found in it is final. */
	if (v->meta.oldest != v->meta.generation)
		r = take_list(l, v->meta.oldest, &v->before);
	if (r == 0)
		r = take_list(l, v->meta.generation, &v->current);
	if (r == 0)
		r = take_segments(l, v);
	return r;
}

static int lost(struct link *l, const char *what)
{
	return link_fail(l, LINK_LOST, -ENODATA,
	    "%s: ids recorded so far are unknown.  Restore it, or accept that events may be handled again: semel ledger "
	    "accept-loss",
	    what);
}

/* Is this the ledger that we know? */
static int judge(struct link *l, const struct ledger_meta *m, struct mono now)
{
	const struct client_view *v = client_view(l->client);
	uint32_t known = v->current != NULL ? v->meta.generation : l->generation;

	if (!is_zero(l->identity, sizeof(l->identity)) &&
	    memcmp(m->identity, l->identity, sizeof(l->identity)) != 0) {
		if (memcmp(m->replaces, l->identity, sizeof(l->identity)) != 0)
			return lost(l, "the ledger was replaced by another");
		/* Its loss was accepted, here or on another host: what is still in our tables goes into the new one. */
		link_keep(l, v->before, now);
		link_keep(l, v->current, now);
		l->suspect = true;
		memcpy(l->identity, m->identity, sizeof(l->identity));
		return 0;
	}
	/* Another host may have adopted it: what we had read may be gone all the same. */
	if (v->current != NULL && strcmp(m->run_id, v->meta.run_id) != 0)
		l->suspect = true;
	if (m->generation >= known)
		return 0;
	l->suspect = true;
	for (uint32_t g = m->generation; g <= known; g++)
		if (known_table(l, g) == NULL)
			return lost(l,
			    "the ledger has gone back to an earlier state, by more than this host can heal");
	return 0;
}

/* 1: read it again. */
static int read_meta(struct link *l, struct ledger_meta *m, struct mono now)
{
	int r = l->store->ops->meta_read(l->store, m);

	if (r == -ENOENT)
		return lost(l, "the ledger is gone");
	if (r < 0)
		return link_trouble(l, r);
	if (strcmp(m->run_id, m->server) != 0) {
		l->suspect = true;
		r = l->store->ops->adopt(l->store, &m->version, (uint64_t)l->lease_us);
		return r < 0 ? link_trouble(l, r) : 1;
	}
	return judge(l, m, now);
}

/* Something that the metadata speaks of is not there.  Moved on meanwhile: read it again (1). */
static int missing(struct link *l, const struct ledger_meta *m)
{
	struct ledger_meta again;
	int r = l->store->ops->meta_read(l->store, &again);

	if (r < 0 && r != -ENOENT)
		return link_trouble(l, r);
	if (r == 0 && !same_version(&again.version, &m->version))
		return 1;
	return lost(l, "a part of the ledger, its log or a segment, is gone");
}

/* What was sealed meanwhile, jumped over, or is another list now may be needed to heal. */
static void keep_tables(struct link *l, const struct client_view *v, struct mono now)
{
	const struct client_view *old = client_view(l->client);

	if (old->before != v->before)
		link_keep(l, old->before, now);
	if (old->current != v->before && old->current != v->current)
		link_keep(l, old->current, now);
}

/* Take the view over: what was under way and is not in the log is taken apart. */
static int switch_view(struct link *l, struct client_view *v, struct mono now)
{
	bool first = client_view(l->client)->current == NULL;
	int r;

	client_withdraw(l->client);
	if (!first)
		keep_tables(l, v, now);
	client_set_view(l->client, v);
	memcpy(l->identity, v->meta.identity, sizeof(l->identity));
	l->generation = v->meta.generation;
	r = link_deliver(l, now);
	if (r == 0 && l->suspect)
		r = link_compare(l);
	if (r < 0)
		return r; /* still stale, and suspect: again with the next round */
	if (l->suspect || (v->meta.unhealed > 0 && v->meta.now_us < v->meta.heal_until_us)) {
		l->healing = true;
		l->stamped = false;
	}
	l->suspect = l->stale = false;
	flow_recheck(l->flow);
	flow_was_read(l->flow, now);
	return 0;
}

int link_refresh(struct link *l, struct mono now)
{
	l->stale = true;
	for (unsigned i = 0; i < TRIES; i++) {
		struct client_view v = { .current = NULL };
		int r = read_meta(l, &v.meta, now);

		if (r == 1)
			continue;
		if (r == 0)
			r = take_view(l, &v);
		if (r == 0)
			return switch_view(l, &v, now);
		drop_view(&v);
		if (r == -ENOENT)
			r = missing(l, &v.meta);
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}
