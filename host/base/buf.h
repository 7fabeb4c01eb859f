/* buf.h - a growable run of bytes.
 *
 * For messages, JSON and metrics text, and for request bodies.  A struct buf
 * that is all zero is empty and ready.  Growth that fails aborts: the callers
 * are off the hot path and cannot do without the memory.
 *
 * Owns:    its bytes, until buf_free.
 * Threads: one at a time.
 * Uses:    libc.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

#include <stdarg.h>

struct buf {
	char *data;			/* a NUL always follows the bytes, once anything was added */
	size_t len, cap;
};

void buf_free(struct buf *b);			/* NULL is allowed; empty and ready afterwards */
void buf_clear(struct buf *b);			/* keeps the memory */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_text(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* "text" as a JSON string, quotes included.  Bytes that are not UTF-8 are
 * written as U+FFFD; use buf_json_bytes where nothing may be lost.  Controls,
 * line separators and what turns the direction of text are \u escapes. */
void buf_json_string(struct buf *b, struct bytes text);

/* `"name":"text"` where value is valid UTF-8, `"name_base64":"..."` where it
 * is not, `"name":null` where it is absent (REFERENCE section 1). */
void buf_json_bytes(struct buf *b, const char *name, struct bytes value);

void buf_base64(struct buf *b, struct bytes value);
void buf_base64url(struct buf *b, struct bytes value);	/* as a URL takes it, without padding */

/* A logfmt value: bare where it can be, else in quotes with \n \t \" \\ \xHH
 * \uHHHH escapes, cut at `cap` bytes of input with "..." behind. */
void buf_logfmt(struct buf *b, struct bytes value, size_t cap);

/* The same without quotes, for a terminal: nothing in it is obeyed by one, and it is one line. */
void buf_shown(struct buf *b, struct bytes value, size_t cap);

bool bytes_are_utf8(struct bytes value);

/* How much of the text to keep, at most `cap`, so that no character of UTF-8 is cut in two. */
size_t bytes_cut(struct bytes text, size_t cap);

/* The decoded bytes appended; -EINVAL, and nothing added, for what is not base64 (both alphabets). */
int buf_unbase64(struct buf *b, struct bytes text);

#endif
