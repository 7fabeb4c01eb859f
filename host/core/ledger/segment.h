/* segment.h - a sealed generation: an immutable, sorted run of final ids, as bytes.
 *
 * A segment is two streams.  The *filter* has the number of records of each
 * page and a 16-bit tag of each record; every host keeps it in memory.  The
 * *body* has 11 bytes a record and a checksum a page; a page is read only when
 * a tag fits.  Page, tag and remainder are consecutive bits of the id's hash,
 * nothing is stored twice: q bits say the page, 16 are the tag, 48 the
 * remainder.  The layout, byte by byte, is in docs/ledger.md.
 *
 * Owns:    what segment_read_filter and the writer made.
 * Threads: a struct segment is constant and counted; a writer belongs to one thread.
 * Uses:    core/ledger/record, core/ledger/crc32c.
 */
#ifndef CORE_LEDGER_SEGMENT_H
#define CORE_LEDGER_SEGMENT_H

#include "core/ledger/table.h"

/* Streams are kept in chunks of so many bytes: with their header they fill an allocator's size class. */
#define SEGMENT_CHUNK (1048576 - 64)
#define SEGMENT_ID 8
#define SEGMENT_MAX_Q 28
#define SEGMENT_MAX_PAGE 255		/* records of a page */

struct segment_info {			/* what the metadata says of it */
	uint8_t id[SEGMENT_ID];		/* random */
	uint32_t n;			/* records */
	uint8_t q;			/* bits of the page number */
	uint8_t known;			/* bits of the hash that it knows: the least of what it was merged from */
	uint8_t tier;			/* 0: sealed, n: merged of tier n - 1 */
	uint32_t t_min, t_max;		/* Unix seconds between which its ids were settled */
	uint32_t generation;		/* the newest in it */
	uint32_t crc;			/* CRC-32C of the filter stream */
};

static inline uint64_t segment_filter_size(const struct segment_info *i)
{
	return (UINT64_C(1) << i->q) + 2 * (uint64_t)i->n;
}

static inline uint64_t segment_body_size(const struct segment_info *i)
{
	return 11 * (uint64_t)i->n + 4 * (UINT64_C(1) << i->q);
}

static inline uint32_t segment_chunks(uint64_t size)
{
	return (uint32_t)((size + SEGMENT_CHUNK - 1) / SEGMENT_CHUNK);
}

/* 0 or -EBADMSG: no segment has such numbers. */
int segment_check_info(const struct segment_info *i);

/* One final id.  `hash` is its first 128 bits, what is not known being zero. */
struct segment_record {
	uint64_t hash[2];
	uint32_t check;
	uint8_t status;			/* enum settle_status: done, dead, parked */
	uint32_t server_s;		/* when; exact to 1/63 of the segment's span, rounded down */
};

void segment_hash(const uint8_t id[LEDGER_ID], uint64_t ret_hash[2]);
int segment_compare(const void *a, const void *b);	/* of records, by hash; for qsort */

/* ---- Reading */

struct segment;

/* -EBADMSG: not the filter of that segment; -ENOMEM.  Without `tags` it takes an eighth of the memory, and every
 * look-up has to read a page. */
int segment_read_filter(const struct segment_info *info, struct bytes stream, bool tags, struct segment **ret_segment);
struct segment *segment_ref(struct segment *s);
void segment_free(struct segment *s);			/* gives one reference back; NULL is allowed */
const struct segment_info *segment_info(const struct segment *s);
size_t segment_memory(const struct segment *s);
bool segment_has_tags(const struct segment *s);
uint32_t segment_pages(const struct segment *s);

/* Ask the processor for what segment_may_have of this id reads first, and next. */
void segment_prefetch_page(const struct segment *s, const uint64_t hash[2]);
void segment_prefetch_tags(const struct segment *s, const uint64_t hash[2]);
/* False: the id is not in it.  True: it may be, in that page. */
bool segment_may_have(const struct segment *s, const uint64_t hash[2], uint32_t *ret_page);
/* Where a page lies in the body. */
void segment_page(const struct segment *s, uint32_t page, uint64_t *ret_from, uint32_t *ret_len);
/* Look into the bytes of a page.  1: found; 0: not there; -EBADMSG: damaged. */
int segment_find(const struct segment *s, uint32_t page, struct bytes bytes, const uint64_t hash[2],
    struct segment_record *ret_record);
/* All records of a page (at most SEGMENT_MAX_PAGE); the segment must have tags.  Their number or -EBADMSG. */
int segment_records(const struct segment *s, uint32_t page, struct bytes bytes, struct segment_record *ret_records);

/* ---- Writing, in rising order of the hashes */

struct segment_writer {
	struct segment_info info;
	struct buf filter;		/* whole at the end */
	struct buf body;		/* the owner takes what it wants from the front and clears */
	uint32_t added, page, in_page;
	size_t page_start;		/* in body */
};

/* info: id, n (exactly as many will be added), known, tier, t_min, t_max, generation; q is chosen here. */
void segment_write_begin(struct segment_writer *w, const struct segment_info *info);
int segment_write_add(struct segment_writer *w, const struct segment_record *r);	/* -EOVERFLOW: a page is full */
/* w->info is whole afterwards.  -EINVAL: not as many were added as said. */
int segment_write_end(struct segment_writer *w);
void segment_write_free(struct segment_writer *w);
/* The bytes of complete pages at the front of w->body: these may be taken. */
size_t segment_write_ready(const struct segment_writer *w);
void segment_write_take(struct segment_writer *w, size_t len);	/* removes them from the front */

#endif
