/* Segments: coding, merging, damage. */
#include "core/ledger/segment.h"

#include "core/backoff.h"
#include "core/ledger/crc32c.h"
#include "lib/unit.h"

#include <errno.h>

static uint64_t rng = 5;

static void make(struct segment_record *r, uint32_t n, uint64_t salt)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t x = (i + salt + 1) * UINT64_C(0x9e3779b97f4a7c15);
		uint8_t id[LEDGER_ID];

		for (unsigned k = 0; k < 8; k++)
			id[k] = (uint8_t)(x >> 8 * k);
		x ^= x >> 31;
		memcpy(id + 8, &x, 6);
		r[i] = (struct segment_record){
			.check = i, .status = (uint8_t)(i % 3), .server_s = 1000 + i % 100
		};
		segment_hash(id, r[i].hash);
	}
	qsort(r, n, sizeof(*r), segment_compare);
}

static void write_all(struct segment_writer *w, const struct segment_record *r, uint32_t n)
{
	struct segment_info info = { .id = "segment", .n = n, .t_min = 1000, .t_max = 1099, .generation = 7 };

	segment_write_begin(w, &info);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(segment_write_add(w, &r[i]), 0);
	ck_assert_int_eq(segment_write_end(w), 0);
	ck_assert_uint_eq(w->filter.len, segment_filter_size(&w->info));
	ck_assert_uint_eq(w->body.len, segment_body_size(&w->info));
}

/* As client_look does; 1, 0, -EBADMSG. */
static int find(
    const struct segment *s, const struct buf *body, const uint64_t hash[2], struct segment_record *r)
{
	uint32_t page, len;
	uint64_t from;

	if (!segment_may_have(s, hash, &page))
		return 0;
	segment_page(s, page, &from, &len);
	return segment_find(s, page, (struct bytes){ body->data + from, len }, hash, r);
}

static void check_all(uint32_t n, bool tags)
{
	struct segment_record *r = calloc(n, sizeof(*r)), found;
	struct segment_writer w;
	struct segment *s;
	uint32_t maybe = 0;

	make(r, n, 0);
	write_all(&w, r, n);
	ck_assert_int_eq(
	    segment_read_filter(&w.info, (struct bytes){ w.filter.data, w.filter.len }, tags, &s), 0);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_int_eq(find(s, &w.body, r[i].hash, &found), 1);
		ck_assert_uint_eq(found.check, r[i].check);
		ck_assert_uint_eq(found.status, r[i].status);
		ck_assert(found.server_s <= r[i].server_s && found.server_s + 2 >= r[i].server_s);
	}
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t hash[2] = { backoff_random(&rng), backoff_random(&rng) & ~UINT64_C(0xffff) };
		uint32_t page;

		maybe += segment_may_have(s, hash, &page);
		ck_assert_int_eq(find(s, &w.body, hash, &found), 0);
	}
	if (tags)
		ck_assert_uint_lt(maybe, 40); /* 16 of 65536 are expected at most: 5 */
	segment_free(s);
	segment_write_free(&w);
	free(r);
}

START_TEST(every_record_is_found_and_nothing_else)
{
	static const uint32_t sizes[] = { 1, 2, 7, 8, 15, 16, 17, 127, 128, 1000, 4096, 100000 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_all(sizes[i], true);
		check_all(sizes[i], false);
	}
}
END_TEST

/* A merged segment knows fewer bits than it has room for; what it was made of is found all the same. */
START_TEST(what_it_was_merged_from_is_found)
{
	enum { N = 3000, K = 8 };
	struct segment_record *all = calloc((size_t)N * K, sizeof(*all)), found, page[SEGMENT_MAX_PAGE];
	struct segment_record *merged = calloc((size_t)N * K, sizeof(*merged));
	struct segment_info info = { .id = "merged", .n = N * K, .t_min = 1000, .t_max = 1099, .known = 255 };
	struct segment_writer out;
	struct segment *s;
	size_t m = 0;

	for (unsigned k = 0; k < K; k++) {
		struct segment_writer w;

		make(all + (size_t)N * k, N, 1000000u * (k + 1));
		write_all(&w, all + (size_t)N * k, N);
		ck_assert_int_eq(
		    segment_read_filter(&w.info, (struct bytes){ w.filter.data, w.filter.len }, true, &s), 0);
		for (uint32_t p = 0; p < segment_pages(s); p++) {
			uint64_t from;
			uint32_t len;
			int n;

			segment_page(s, p, &from, &len);
			n = segment_records(s, p, (struct bytes){ w.body.data + from, len }, page);
			ck_assert_int_ge(n, 0);
			memcpy(merged + m, page, (size_t)n * sizeof(*page));
			m += (size_t)n;
		}
		info.known = w.info.known < info.known ? w.info.known : info.known;
		segment_free(s);
		segment_write_free(&w);
	}
	ck_assert_uint_eq(m, N * K);
	qsort(merged, m, sizeof(*merged), segment_compare);
	segment_write_begin(&out, &info);
	for (size_t i = 0; i < m; i++)
		ck_assert_int_eq(segment_write_add(&out, &merged[i]), 0);
	ck_assert_int_eq(segment_write_end(&out), 0);
	ck_assert_uint_lt(out.info.known, out.info.q + 64);
	ck_assert_int_eq(
	    segment_read_filter(&out.info, (struct bytes){ out.filter.data, out.filter.len }, true, &s), 0);
	for (size_t i = 0; i < m; i++) {
		ck_assert_int_eq(find(s, &out.body, all[i].hash, &found), 1);
		ck_assert_uint_eq(found.check, all[i].check);
	}
	segment_free(s);
	segment_write_free(&out);
	free(all);
	free(merged);
}
END_TEST

/* One bit anywhere: the filter is refused when it is loaded, a page when it is read; nothing is taken for an id that
 * is not there. */
START_TEST(a_flipped_bit_is_refused)
{
	enum { N = 500 };
	struct segment_record r[N], found;
	struct segment_writer w;
	struct segment *whole, *s;
	unsigned filters = 0, pages = 0;

	make(r, N, 0);
	write_all(&w, r, N);
	ck_assert_int_eq(
	    segment_read_filter(&w.info, (struct bytes){ w.filter.data, w.filter.len }, true, &whole), 0);
	for (unsigned i = 0; i < 2000; i++) {
		size_t bit = backoff_random(&rng) % (8 * (w.filter.len + w.body.len));
		bool filter = bit / 8 < w.filter.len;
		char *byte = filter ? w.filter.data + bit / 8 : w.body.data + (bit / 8 - w.filter.len);
		int refused = 0;

		*byte ^= (char)(1 << bit % 8);
		if (filter) {
			ck_assert_int_eq(segment_read_filter(&w.info,
					     (struct bytes){ w.filter.data, w.filter.len }, true, &s),
			    -EBADMSG);
			filters++;
		} else {
			for (unsigned k = 0; k < N; k++) {
				int f = find(whole, &w.body, r[k].hash, &found);

				ck_assert(f == 1 || f == -EBADMSG);
				refused += f == -EBADMSG;
			}
			/* A page without records is never read. */
			pages += refused > 0;
			ck_assert(refused > 0 || w.info.n < 600);
		}
		*byte ^= (char)(1 << bit % 8);
	}
	ck_assert_uint_gt(filters, 100);
	ck_assert_uint_gt(pages, 1000);
	segment_free(whole);
	segment_write_free(&w);
}
END_TEST

START_TEST(numbers_that_no_segment_has_are_refused)
{
	static const struct segment_info bad[] = { { .n = 0, .known = 64 }, { .n = 1, .q = 29, .known = 64 },
		{ .n = 1, .known = 63 }, { .n = 1, .known = 65 }, { .n = 256, .known = 64 },
		{ .n = 1, .known = 64, .t_min = 2, .t_max = 1 } };
	struct segment *s;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
		    segment_read_filter(&bad[i], (struct bytes){ "xyz", 3 }, true, &s), -EBADMSG);
}
END_TEST

START_TEST(the_checksum_is_that_of_the_standard)
{
	char text[100];
	uint32_t whole;

	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	memset(text, 0, 32);
	ck_assert_uint_eq(crc32c(0, text, 32), 0x8a9136aa); /* RFC 3720, B.4 */
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	whole = crc32c(0, text, sizeof(text));
	for (unsigned i = 0; i <= sizeof(text); i++)
		ck_assert_uint_eq(crc32c(crc32c(0, text, i), text + i, sizeof(text) - i), whole);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { every_record_is_found_and_nothing_else,
		what_it_was_merged_from_is_found, a_flipped_bit_is_refused,
		numbers_that_no_segment_has_are_refused, the_checksum_is_that_of_the_standard, NULL };

	return unit_run("ledger segment", tests);
}
