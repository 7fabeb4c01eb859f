/* Frames between an engine and semel try: whole, in pieces, damaged. */
#include "cli/try/try_wire.h"
#include "lib/unit.h"

#include <errno.h>

static struct buf frame_of(const struct bytes *parts, size_t n)
{
	struct buf out = { NULL, 0, 0 };

	wire_write(&out, -2, parts, n);
	return out;
}

START_TEST(parts_come_back_as_they_were)
{
	static const uint64_t number = 77;
	const struct bytes parts[] = { { &number, sizeof(number) }, { NULL, 0 }, { "", 0 }, { "abc", 3 } };
	struct buf out = frame_of(parts, 4);
	struct wire_frame f = { .n = 0 };
	uint64_t read = 0;
	uint32_t narrow;

	/* In pieces: nothing is taken before all is there. */
	for (size_t len = 0; len < out.len; len++)
		ck_assert_int_eq(wire_read((struct bytes){ out.data, len }, &f), 0);
	buf_text(&out, "what follows");
	ck_assert_int_eq(wire_read((struct bytes){ out.data, out.len }, &f), (int64_t)out.len - 12);
	ck_assert_int_eq(f.code, -2);
	ck_assert_uint_eq(f.n, 4);
	ck_assert(wire_take(&f, 0, &read, sizeof(read)));
	ck_assert_uint_eq(read, 77);
	ck_assert(!wire_take(&f, 0, &narrow, sizeof(narrow)));
	ck_assert(!wire_take(&f, 1, &narrow, sizeof(narrow)));
	ck_assert_ptr_null(wire_part(&f, 1).data);
	ck_assert_ptr_nonnull(wire_part(&f, 2).data);
	ck_assert_uint_eq(wire_part(&f, 2).len, 0);
	ck_assert(bytes_equal(wire_part(&f, 3), bytes_of_text("abc")));
	ck_assert_ptr_null(wire_part(&f, 4).data);
	wire_free(&f);
	buf_free(&out);
}
END_TEST

START_TEST(damage_is_refused)
{
	const struct bytes part = { "abc", 3 };
	struct wire_frame f = { .n = 0 };

	/* The length of the frame, the number of parts, the length of the part. */
	for (size_t at = 0; at < 16; at += at == 0 ? 8 : 4) {
		struct buf out = frame_of(&part, 1);
		uint32_t wrong = at == 0 ? 3 : 0x7fffff00;

		memcpy(out.data + at, &wrong, sizeof(wrong));
		ck_assert_int_eq(wire_read((struct bytes){ out.data, out.len }, &f), -EBADMSG);
		buf_free(&out);
	}
	wire_free(&f);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { parts_come_back_as_they_were, damage_is_refused, NULL };

	return unit_run("try_wire", tests);
}
