/* nasty.h - the values of tests/data/nasty.jsonl, and whether an output of one can do harm.
 *
 * Threads: main only.
 * Uses:    check, adapters/json.
 */
#ifndef TESTS_NASTY_H
#define TESTS_NASTY_H

#include "adapters/json.h"

#include "lib/unit.h"

/* Each value of the file; the count. */
static inline unsigned nasty_each(const char *file, void (*visit)(const char *name, struct bytes value))
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	for (; getline(&line, &size, f) > 0; n++) {
		struct buf name = { NULL, 0, 0 }, text = { NULL, 0, 0 }, value = { NULL, 0, 0 };
		struct json_doc *d;
		char why[200];

		ck_assert_int_eq(json_parse(bytes_of_text(line), &d, why, sizeof(why)), 0);
		ck_assert_int_eq(json_pointer(d, "/name", &name, NULL), 1);
		if (json_pointer(d, "/base64", &text, NULL) == 1) {
			ck_assert_int_eq(buf_unbase64(&value, (struct bytes){ text.data, text.len }), 0);
		} else if (json_pointer(d, "/repeat", &text, NULL) == 1) {
			struct buf times = { NULL, 0, 0 };

			ck_assert_int_eq(json_pointer(d, "/times", &times, NULL), 1);
			for (long i = strtol(times.data, NULL, 10); i > 0; i--)
				buf_add(&value, text.data, text.len);
			buf_free(&times);
		} else {
			ck_assert_int_eq(json_pointer(d, "/text", &value, NULL), 1);
		}
		visit(name.data, (struct bytes){ value.data, value.len });
		json_free(d);
		buf_free(&name);
		buf_free(&text);
		buf_free(&value);
	}
	free(line);
	fclose(f);
	return n;
}

/* One line of UTF-8 without a control, a line separator, or what turns or hides text. */
static inline void nasty_tamed(const char *name, struct bytes out)
{
	const unsigned char *p = out.data;

	ck_assert_msg(bytes_are_utf8(out), "%s: not UTF-8", name);
	for (size_t i = 0; i < out.len; i++) {
		unsigned next = i + 1 < out.len ? p[i + 1] : 0, third = i + 2 < out.len ? p[i + 2] : 0;

		ck_assert_msg(p[i] >= 0x20 && p[i] != 0x7f, "%s: byte %02x at %zu", name, p[i], i);
		ck_assert_msg(p[i] != 0xc2 || next >= 0xa0, "%s: a C1 control at %zu", name, i);
		ck_assert_msg(p[i] != 0xe2 || next != 0x80 || third == 0x8c || third == 0x8d ||
				  (third >= 0x90 && third < 0xa8) || third > 0xae,
		    "%s: e2 80 %02x at %zu", name, third, i);
		ck_assert_msg(p[i] != 0xe2 || next != 0x81 || third < 0xa0 || third > 0xaf, "%s: U+206x at %zu",
		    name, i);
		ck_assert_msg(p[i] != 0xef || next != 0xbb || third != 0xbf, "%s: U+FEFF at %zu", name, i);
		ck_assert_msg(p[i] != 0xf3, "%s: a tag at %zu", name, i);
	}
}

#endif
