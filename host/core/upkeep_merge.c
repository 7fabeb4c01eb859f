/* Segments as one: read in the order of the hashes, a page of each at a time. */
#include "core/upkeep_private.h"

#include <errno.h>
#include <stdlib.h>

int upkeep_begin_merge(struct upkeep *u, const struct segment_info *infos, size_t n)
{
	struct segment_info info = { .known = UINT8_MAX, .t_min = UINT32_MAX };

	for (size_t i = 0; i < n; i++) {
		struct source *s = calloc(1, sizeof(*s));

		if (s == NULL)
			return -ENOMEM;
		s->info = infos[i];
		u->sources[u->n_sources++] = s;
		if (info.n > UINT32_MAX - infos[i].n)
			return -EOVERFLOW;
		info.n += infos[i].n;
		info.known = infos[i].known < info.known ? infos[i].known : info.known;
		info.tier = infos[i].tier + 1 > info.tier ? (uint8_t)(infos[i].tier + 1) : info.tier;
		info.t_min = infos[i].t_min < info.t_min ? infos[i].t_min : info.t_min;
		info.t_max = infos[i].t_max > info.t_max ? infos[i].t_max : info.t_max;
		info.generation = infos[i].generation > info.generation ? infos[i].generation
									: info.generation;
	}
	upkeep_random(u, info.id, sizeof(info.id));
	segment_write_begin(&u->writer, &info);
	return 0;
}

void upkeep_end_merge(struct upkeep *u)
{
	for (size_t i = 0; i < u->n_sources; i++) {
		segment_free(u->sources[i]->segment);
		buf_free(&u->sources[i]->chunk);
		free(u->sources[i]);
	}
	u->n_sources = 0;
}

/* ---- Reading a source.  -ESTALE: a chunk is not there; the segment was merged or dropped meanwhile. */

static int read_chunk(struct upkeep *u, const struct source *s, enum store_stream stream, uint32_t index,
    struct bytes *ret_bytes)
{
	struct store_chunk k = { .stream = stream, .index = index, .len = SEGMENT_CHUNK };
	int r;

	memcpy(k.segment, s->info.id, SEGMENT_ID);
	r = u->store->ops->chunk_read(u->store, &k, 1);
	if (r < 0)
		return r;
	*ret_bytes = k.data;
	return k.data.len == 0 ? -ESTALE : 0;
}

static int open_source(struct upkeep *u, struct source *s)
{
	struct buf stream = { NULL, 0, 0 };
	int r = 0;

	for (uint32_t i = 0; i < segment_chunks(segment_filter_size(&s->info)) && r == 0; i++) {
		struct bytes bytes;

		r = read_chunk(u, s, STORE_FILTER, i, &bytes);
		if (r == 0)
			buf_add(&stream, bytes.data, bytes.len);
	}
	if (r == 0)
		r = segment_read_filter(
		    &s->info, (struct bytes){ stream.data, stream.len }, true, &s->segment);
	buf_free(&stream);
	return r == -EBADMSG ? upkeep_damaged(u, &s->info, "its filter") : r;
}

/* The chunk that has byte `at` of the body is at hand. */
static int need_chunk(struct upkeep *u, struct source *s, uint64_t at)
{
	uint32_t index = (uint32_t)(at / SEGMENT_CHUNK);
	struct bytes bytes;
	int r;

	if (s->index == index + 1)
		return 0;
	r = read_chunk(u, s, STORE_BODY, index, &bytes);
	if (r < 0)
		return r;
	buf_clear(&s->chunk);
	buf_add(&s->chunk, bytes.data, bytes.len);
	s->index = index + 1;
	return 0;
}

/* A page may lie across the border of two chunks. */
static int copy_page(struct upkeep *u, struct source *s, uint64_t from, uint32_t len, uint8_t *out)
{
	uint32_t done = 0;

	while (done < len) {
		uint64_t at = from + done;
		uint32_t place = (uint32_t)(at % SEGMENT_CHUNK), n;
		int r = need_chunk(u, s, at);

		if (r < 0)
			return r;
		if (place >= s->chunk.len)
			return upkeep_damaged(u, &s->info, "its length");
		n = (uint32_t)(s->chunk.len - place) < len - done ? (uint32_t)(s->chunk.len - place)
								  : len - done;
		memcpy(out + done, s->chunk.data + place, n);
		done += n;
	}
	return 0;
}

/* Its next record is at hand, or it has none any more (at == n, page past the end). */
static int need_record(struct upkeep *u, struct source *s)
{
	uint8_t page[SEGMENT_MAX_PAGE * 11 + 4];

	if (s->segment == NULL) {
		int r = open_source(u, s);

		if (r < 0)
			return r;
	}
	while (s->at == s->n && s->page < segment_pages(s->segment)) {
		uint64_t from;
		uint32_t len;
		int r;

		segment_page(s->segment, s->page, &from, &len);
		r = copy_page(u, s, from, len, page);
		if (r < 0)
			return r;
		r = segment_records(s->segment, s->page, (struct bytes){ page, len }, s->records);
		if (r < 0)
			return upkeep_damaged(u, &s->info, "a page");
		s->n = r;
		s->at = 0;
		s->page++;
	}
	return 0;
}

static struct source *least(struct upkeep *u)
{
	struct source *min = NULL;

	for (size_t i = 0; i < u->n_sources; i++) {
		struct source *s = u->sources[i];

		if (s->at < s->n &&
		    (min == NULL || segment_compare(&s->records[s->at], &min->records[min->at]) < 0))
			min = s;
	}
	return min;
}

int upkeep_merge_on(struct upkeep *u)
{
	for (size_t i = 0; i < u->n_sources; i++) {
		int r = need_record(u, u->sources[i]);

		if (r < 0)
			return r;
	}
	while (segment_write_ready(&u->writer) < SEGMENT_CHUNK) {
		struct source *s = least(u);
		int r;

		if (s == NULL) {
			u->written = true;
			return segment_write_end(&u->writer);
		}
		r = segment_write_add(&u->writer, &s->records[s->at++]);
		if (r == 0)
			r = need_record(u, s);
		if (r < 0)
			return r;
	}
	return 0;
}
