/* bytes.h - a borrowed run of bytes.
 *
 * The same layout as the SDK's struct semel_bytes: data NULL means absent,
 * data set and len 0 means there and empty.  No NUL stands behind them.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const void *data;
	size_t len;
};

static inline struct bytes bytes_of_text(const char *text)
{
	return (struct bytes){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
