/* One id, for people who ask. */
#include "core/link_private.h"

#include <errno.h>

/* A page may lie across the border of two chunks. */
static int read_page(struct link *l, const struct segment *s, uint8_t *out, uint32_t len, uint64_t from)
{
	uint32_t done = 0;

	while (done < len) {
		struct store_chunk k = { .stream = STORE_BODY,
			.index = (uint32_t)((from + done) / SEGMENT_CHUNK),
			.from = (uint32_t)((from + done) % SEGMENT_CHUNK),
			.len = len - done };
		int r;

		memcpy(k.segment, segment_info(s)->id, SEGMENT_ID);
		r = l->store->ops->chunk_read(l->store, &k, 1);
		if (r < 0)
			return r;
		if (k.data.len == 0 || k.data.len > len - done)
			return -EAGAIN;
		memcpy(out + done, k.data.data, k.data.len);
		done += (uint32_t)k.data.len;
	}
	return 0;
}

static int look_into(
    struct link *l, const struct segment *s, const uint64_t hash[2], struct segment_record *ret_record)
{
	uint8_t bytes[SEGMENT_MAX_PAGE * 11 + 4];
	uint32_t page, len;
	uint64_t from;
	int r;

	if (!segment_may_have(s, hash, &page))
		return 0;
	segment_page(s, page, &from, &len);
	r = read_page(l, s, bytes, len, from);
	return r < 0 ? r : segment_find(s, page, (struct bytes){ bytes, len }, hash, ret_record);
}

int link_find(struct link *l, const uint8_t id[LEDGER_ID], struct entry *ret_entry)
{
	static const enum entry_state states[] = {
		[SETTLE_DONE] = ENTRY_DONE, [SETTLE_DEAD] = ENTRY_DEAD, [SETTLE_PARKED] = ENTRY_PARKED
	};
	const struct client_view *v = client_view(l->client);
	struct segment_record record;
	uint64_t hash[2];

	if (v->current == NULL)
		return -EAGAIN;
	*ret_entry = client_find(l->client, id);
	if (ret_entry->state != ENTRY_ABSENT)
		return 0;
	segment_hash(id, hash);
	for (size_t i = v->n_segments; i-- > 0;) {
		int r = look_into(l, v->segments[i], hash, &record);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*ret_entry = (struct entry){ .state = states[record.status],
			.check = record.check,
			.generation = segment_info(v->segments[i])->generation,
			.server_s = record.server_s };
		return 0;
	}
	return 0;
}
