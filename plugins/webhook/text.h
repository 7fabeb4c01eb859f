/* text.h - a text that grows, and percent-encoding into it.
 *
 * Owns:    its bytes, which stay allocated when it is emptied.
 * Threads: one at a time for one text.
 * Uses:    libc.
 */
#ifndef WEBHOOK_TEXT_H
#define WEBHOOK_TEXT_H

#include <semel/handler.h>

struct text {
	char *data;			/* ends in NUL once something was added */
	size_t len, cap;
	bool failed;			/* out of memory: not to be used */
};

void text_clear(struct text *t);		/* empty it; its memory is kept, unless it is large */
void text_free(struct text *t);
void text_add(struct text *t, const void *data, size_t len);
void text_put(struct text *t, const char *string);
__attribute__((format(printf, 2, 3))) void text_printf(struct text *t, const char *format, ...);	/* at most 255 bytes */

/* What stays as it is; every other byte is written %XX.  '%' never stays, so decoding gives the same bytes again. */
enum text_kept {
	KEEP_UNRESERVED,		/* A-Z a-z 0-9 - . _ ~ (RFC 3986) */
	KEEP_NO_DOT,			/* these without . */
	KEEP_VISIBLE,			/* printable ASCII; no blank at either end */
	KEEP_CLOUDEVENTS		/* printable ASCII but blank and " */
};
void text_encode(struct text *t, struct semel_bytes value, enum text_kept kept);
/* Unix time as 2024-05-01T12:00:00.123Z. */
void text_time(struct text *t, int64_t unix_ms);

#endif
