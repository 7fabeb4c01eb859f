#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What one unusual event needed is not kept for all that follow. */
#define KEPT_MAX ((size_t)1 << 20)

void text_clear(struct text *t)
{
	if (t->cap > KEPT_MAX)
		text_free(t);
	t->len = 0;
	t->failed = false;
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){ .data = NULL };
}

static bool make_room(struct text *t, size_t len)
{
	size_t cap = t->cap == 0 ? 256 : t->cap;
	char *grown;

	while (cap < t->len + len + 1)
		cap *= 2;
	if (cap == t->cap)
		return true;
	grown = realloc(t->data, cap);
	if (grown == NULL) {
		t->failed = true;
		return false;
	}
	t->data = grown;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const void *data, size_t len)
{
	if (!make_room(t, len))
		return;
	if (len > 0)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_put(struct text *t, const char *string)
{
	text_add(t, string, strlen(string));
}

void text_printf(struct text *t, const char *format, ...)
{
	char out[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(out, sizeof(out), format, ap);
	va_end(ap);
	text_put(t, out);
}

static bool is_unreserved(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

static bool stays(unsigned char c, enum text_kept kept, bool at_an_end)
{
	switch (kept) {
	case KEEP_UNRESERVED: return is_unreserved(c);
	case KEEP_NO_DOT: return is_unreserved(c) && c != '.';
	case KEEP_VISIBLE: return c >= 0x20 && c <= 0x7e && c != '%' && (c != ' ' || !at_an_end);
	case KEEP_CLOUDEVENTS: return c > 0x20 && c <= 0x7e && c != '%' && c != '"';
	}
	return false;
}

void text_encode(struct text *t, struct semel_bytes value, enum text_kept kept)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *p = value.data;

	text_add(t, "", 0);
	for (size_t i = 0; i < value.len; i++) {
		char out[3] = { '%', digits[p[i] >> 4], digits[p[i] & 15] };

		if (stays(p[i], kept, i == 0 || i + 1 == value.len))
			text_add(t, p + i, 1);
		else
			text_add(t, out, sizeof(out));
	}
}

void text_time(struct text *t, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL)
		text_printf(t, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(unix_ms % 1000));
}
