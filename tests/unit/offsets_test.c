#include "core/offsets.h"

#include "core/backoff.h"
#include "lib/unit.h"

#include <errno.h>

#define CAP 300

/* Seeded schedules against an oracle that keeps every offset. */
START_TEST(agrees_with_a_naive_oracle)
{
	static int64_t offsets[20000];
	static bool done[20000];
	uint64_t rng = 12345;

	for (unsigned round = 0; round < 60; round++) {
		struct offsets *o = offsets_new(CAP);
		size_t n = 0, low = 0;
		int64_t next = 0, position = -1, told;

		for (unsigned step = 0; step < 20000; step++) {
			if (backoff_random(&rng) % 2 == 0) {
				int r;

				next += 1 + (backoff_random(&rng) % 20 == 0
						    ? (int64_t)(backoff_random(&rng) % 1000)
						    : 0);
				r = offsets_begin(o, next);
				ck_assert_int_eq(r, n - low == CAP ? -ENOSPC : 0);
				if (r == 0) {
					offsets[n] = next;
					done[n++] = false;
				}
			} else if (n > low) {
				size_t i = low + backoff_random(&rng) % (n - low);

				done[i] = true;
				offsets_done(o, offsets[i]);
			}
			if (backoff_random(&rng) % 3 == 0) {
				bool moved = false;

				while (low < n && done[low]) {
					position = offsets[low++] + 1;
					moved = true;
				}
				ck_assert_int_eq(offsets_advance(o, &told), moved);
				if (moved)
					ck_assert_int_eq(told, position);
				ck_assert_uint_eq(offsets_length(o), n - low);
			}
		}
		offsets_free(o);
	}
}
END_TEST

START_TEST(a_million_open_offsets)
{
	struct offsets *o = offsets_new(1000000);
	int64_t next;

	for (int64_t i = 0; i < 1000000; i++)
		ck_assert_int_eq(offsets_begin(o, i), 0);
	ck_assert(offsets_full(o));
	ck_assert_int_eq(offsets_begin(o, 1000000), -ENOSPC);
	for (int64_t i = 999999; i > 0; i--)
		offsets_done(o, i);
	ck_assert(!offsets_advance(o, &next));
	offsets_done(o, 0);
	ck_assert(offsets_advance(o, &next));
	ck_assert_int_eq(next, 1000000);
	offsets_free(o);
	offsets_free(NULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { agrees_with_a_naive_oracle, a_million_open_offsets, NULL };

	return unit_run("offsets", tests);
}
