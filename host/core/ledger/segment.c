#include "core/ledger/segment.h"

#include "core/ledger/crc32c.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RECORD_SIZE 11
#define CRC_SIZE 4
/* Records a page has on average: 8 to 16. */
#define PAGE_RECORDS 8

__extension__ typedef unsigned __int128 u128;

struct segment {
	struct segment_info info;
	_Atomic unsigned refs;
	uint32_t *pages; /* 2^q + 1: records before each page */
	uint16_t *tags; /* NULL: over the cap of memory */
};

/* ---- Bits of a hash */

static u128 join(const uint64_t hash[2])
{
	return (u128)hash[0] << 64 | hash[1];
}

static uint32_t page_of(const struct segment_info *i, const uint64_t hash[2])
{
	return i->q == 0 ? 0 : (uint32_t)(hash[0] >> (64 - i->q));
}

static uint16_t tag_of(const struct segment_info *i, const uint64_t hash[2])
{
	return (uint16_t)(hash[0] << i->q >> 48);
}

static uint64_t remainder_of(const struct segment_info *i, const uint64_t hash[2])
{
	return (uint64_t)(join(hash) << i->q >> 64) & UINT64_C(0xffffffffffff);
}

/* Bits at the end of the remainder that say nothing. */
static unsigned unknown_bits(const struct segment_info *i)
{
	return i->q + 64u - i->known;
}

void segment_hash(const uint8_t id[LEDGER_ID], uint64_t ret_hash[2])
{
	ret_hash[0] = ret_hash[1] = 0;
	for (unsigned i = 0; i < 8; i++)
		ret_hash[0] = ret_hash[0] << 8 | id[i];
	for (unsigned i = 8; i < LEDGER_ID; i++)
		ret_hash[1] = ret_hash[1] << 8 | id[i];
	ret_hash[1] <<= 16;
}

int segment_compare(const void *a, const void *b)
{
	u128 x = join(((const struct segment_record *)a)->hash);
	u128 y = join(((const struct segment_record *)b)->hash);

	return x < y ? -1 : x > y;
}

int segment_check_info(const struct segment_info *i)
{
	if (i->n == 0 || i->q > SEGMENT_MAX_Q || i->known < 64 || i->known > i->q + 64 ||
	    i->t_min > i->t_max || i->n > (UINT64_C(1) << i->q) * SEGMENT_MAX_PAGE)
		return -EBADMSG;
	return 0;
}

/* ---- Numbers, big endian */

static uint64_t get_number(const uint8_t *p, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | p[i];
	return value;
}

static void put_number(struct buf *b, uint64_t value, unsigned size)
{
	uint8_t out[8];

	for (unsigned i = 0; i < size; i++)
		out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
	buf_add(b, out, size);
}

/* The checksum of a page knows where it belongs: a page of another place is none. */
static uint32_t page_crc(const struct segment_info *i, uint32_t page, const void *records, size_t len)
{
	uint8_t place[SEGMENT_ID + 4];

	memcpy(place, i->id, SEGMENT_ID);
	for (unsigned k = 0; k < 4; k++)
		place[SEGMENT_ID + k] = (uint8_t)(page >> 8 * (3 - k));
	return crc32c(crc32c(0, place, sizeof(place)), records, len);
}

/* ---- Reading */

static int read_pages(struct segment *s, const uint8_t *counts)
{
	uint32_t pages = UINT32_C(1) << s->info.q, n = 0;

	for (uint32_t p = 0; p < pages; p++) {
		s->pages[p] = n;
		n += counts[p];
	}
	s->pages[pages] = n;
	return n == s->info.n ? 0 : -EBADMSG;
}

int segment_read_filter(
    const struct segment_info *info, struct bytes stream, bool tags, struct segment **ret_segment)
{
	struct segment *s;
	size_t pages;

	if (segment_check_info(info) < 0 || stream.len != segment_filter_size(info) ||
	    crc32c(0, stream.data, stream.len) != info->crc)
		return -EBADMSG;
	pages = (size_t)1 << info->q;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->info = *info;
	atomic_store(&s->refs, 1);
	s->pages = malloc((pages + 1) * sizeof(*s->pages));
	s->tags = tags ? malloc(info->n * sizeof(*s->tags)) : NULL;
	if (s->pages == NULL || (tags && s->tags == NULL)) {
		segment_free(s);
		return -ENOMEM;
	}
	if (read_pages(s, stream.data) < 0) {
		segment_free(s);
		return -EBADMSG;
	}
	for (size_t i = 0; tags && i < info->n; i++) {
		const uint8_t *p = (const uint8_t *)stream.data + pages + 2 * i;

		s->tags[i] = (uint16_t)(p[0] << 8 | p[1]);
	}
	*ret_segment = s;
	return 0;
}

struct segment *segment_ref(struct segment *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void segment_free(struct segment *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	free(s->pages);
	free(s->tags);
	free(s);
}

const struct segment_info *segment_info(const struct segment *s)
{
	return &s->info;
}

bool segment_has_tags(const struct segment *s)
{
	return s->tags != NULL;
}

uint32_t segment_pages(const struct segment *s)
{
	return UINT32_C(1) << s->info.q;
}

size_t segment_memory(const struct segment *s)
{
	return sizeof(*s) + ((size_t)segment_pages(s) + 1) * sizeof(*s->pages) +
	       (s->tags == NULL ? 0 : s->info.n * sizeof(*s->tags));
}

void segment_prefetch_page(const struct segment *s, const uint64_t hash[2])
{
	__builtin_prefetch(&s->pages[page_of(&s->info, hash)]);
}

void segment_prefetch_tags(const struct segment *s, const uint64_t hash[2])
{
	if (s->tags != NULL)
		__builtin_prefetch(&s->tags[s->pages[page_of(&s->info, hash)]]);
}

bool segment_may_have(const struct segment *s, const uint64_t hash[2], uint32_t *ret_page)
{
	uint32_t page = page_of(&s->info, hash), end = s->pages[page + 1];
	uint16_t tag = tag_of(&s->info, hash);

	*ret_page = page;
	if (s->tags == NULL)
		return s->pages[page] < end;
	for (uint32_t i = s->pages[page]; i < end; i++)
		if (s->tags[i] == tag)
			return true;
	return false;
}

void segment_page(const struct segment *s, uint32_t page, uint64_t *ret_from, uint32_t *ret_len)
{
	*ret_from = RECORD_SIZE * (uint64_t)s->pages[page] + CRC_SIZE * (uint64_t)page;
	*ret_len = RECORD_SIZE * (s->pages[page + 1] - s->pages[page]) + CRC_SIZE;
}

static int check_page(const struct segment *s, uint32_t page, struct bytes bytes)
{
	uint64_t from;
	uint32_t len;

	segment_page(s, page, &from, &len);
	if (bytes.data == NULL || bytes.len != len ||
	    get_number((const uint8_t *)bytes.data + len - CRC_SIZE, CRC_SIZE) !=
		page_crc(&s->info, page, bytes.data, len - CRC_SIZE))
		return -EBADMSG;
	return 0;
}

static void read_record(const struct segment_info *i, const uint8_t *p, struct segment_record *ret_record)
{
	uint64_t span = i->t_max - i->t_min;

	ret_record->check = (uint32_t)get_number(p + 6, 4);
	ret_record->status = p[10] >> 6;
	ret_record->server_s = i->t_min + (uint32_t)(span * (p[10] & 63) / 63);
}

int segment_find(const struct segment *s, uint32_t page, struct bytes bytes, const uint64_t hash[2],
    struct segment_record *ret_record)
{
	uint64_t want = remainder_of(&s->info, hash) >> unknown_bits(&s->info);
	uint16_t tag = tag_of(&s->info, hash);
	uint32_t first = s->pages[page], n = s->pages[page + 1] - first;

	if (check_page(s, page, bytes) < 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = (const uint8_t *)bytes.data + RECORD_SIZE * (size_t)i;

		if ((s->tags != NULL && s->tags[first + i] != tag) ||
		    get_number(p, 6) >> unknown_bits(&s->info) != want)
			continue;
		read_record(&s->info, p, ret_record);
		if (ret_record->status > SETTLE_PARKED)
			return -EBADMSG;
		ret_record->hash[0] = hash[0];
		ret_record->hash[1] = hash[1];
		return 1;
	}
	return 0;
}

int segment_records(
    const struct segment *s, uint32_t page, struct bytes bytes, struct segment_record *ret_records)
{
	uint32_t first = s->pages[page], n = s->pages[page + 1] - first;

	assert(s->tags != NULL);
	if (check_page(s, page, bytes) < 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = (const uint8_t *)bytes.data + RECORD_SIZE * (size_t)i;
		u128 x = (u128)s->tags[first + i] << 112 | (u128)get_number(p, 6) << 64;

		x = x >> s->info.q | (s->info.q == 0 ? 0 : (u128)page << (128 - s->info.q));
		ret_records[i].hash[0] = (uint64_t)(x >> 64);
		ret_records[i].hash[1] = (uint64_t)x;
		read_record(&s->info, p, &ret_records[i]);
		if (ret_records[i].status > SETTLE_PARKED)
			return -EBADMSG;
	}
	return (int)n;
}

/* ---- Writing */

void segment_write_begin(struct segment_writer *w, const struct segment_info *info)
{
	*w = (struct segment_writer){ .info = *info };
	while (w->info.q < SEGMENT_MAX_Q && w->info.n >> (w->info.q + 1) >= PAGE_RECORDS)
		w->info.q++;
	if (w->info.known == 0 || w->info.known > w->info.q + 64)
		w->info.known = (uint8_t)(w->info.q + 64);
	/* Counts first; they are filled in as pages close. */
	buf_reserve(&w->filter, segment_filter_size(&w->info));
	memset(w->filter.data, 0, (size_t)1 << w->info.q);
	w->filter.len = (size_t)1 << w->info.q;
}

static void close_page(struct segment_writer *w)
{
	const char *records = w->body.data + w->page_start;

	w->filter.data[w->page] = (char)w->in_page;
	put_number(&w->body,
	    page_crc(&w->info, w->page, w->in_page == 0 ? "" : records, w->body.len - w->page_start),
	    CRC_SIZE);
	w->page++;
	w->in_page = 0;
	w->page_start = w->body.len;
}

int segment_write_add(struct segment_writer *w, const struct segment_record *r)
{
	uint64_t span = w->info.t_max - w->info.t_min, age = 0;
	uint32_t page = page_of(&w->info, r->hash);

	assert(page >= w->page);
	while (w->page < page)
		close_page(w);
	if (w->in_page == SEGMENT_MAX_PAGE)
		return -EOVERFLOW;
	if (span > 0 && r->server_s > w->info.t_min)
		age = (r->server_s - w->info.t_min) * UINT64_C(63) / span;
	put_number(&w->filter, tag_of(&w->info, r->hash), 2);
	put_number(&w->body, remainder_of(&w->info, r->hash), 6);
	put_number(&w->body, r->check, 4);
	put_number(&w->body, (uint64_t)r->status << 6 | (age > 63 ? 63 : age), 1);
	w->in_page++;
	w->added++;
	return 0;
}

int segment_write_end(struct segment_writer *w)
{
	while (w->page < UINT32_C(1) << w->info.q)
		close_page(w);
	if (w->added != w->info.n)
		return -EINVAL;
	w->info.crc = crc32c(0, w->filter.data, w->filter.len);
	return 0;
}

void segment_write_free(struct segment_writer *w)
{
	buf_free(&w->filter);
	buf_free(&w->body);
}

size_t segment_write_ready(const struct segment_writer *w)
{
	return w->page_start;
}

void segment_write_take(struct segment_writer *w, size_t len)
{
	assert(len <= w->page_start);
	memmove(w->body.data, w->body.data + len, w->body.len - len);
	w->body.len -= len;
	w->page_start -= len;
}
