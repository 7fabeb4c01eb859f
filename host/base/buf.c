#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	*b = (struct buf){ NULL, 0, 0 };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more)
{
	size_t need = b->len + more + 1, cap = b->cap == 0 ? 64 : b->cap;

	assert(need > b->len);
	if (need <= b->cap)
		return;
	while (cap < need)
		cap *= 2;
	b->data = realloc(b->data, cap);
	if (b->data == NULL)
		abort();
	b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	buf_reserve(b, len);
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	assert(n >= 0);
	buf_reserve(b, (size_t)n);
	vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
	va_end(again);
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vprintf(b, format, ap);
	va_end(ap);
}

/* Length of the UTF-8 sequence at p, 0 if there is none (overlong, surrogate, cut). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	size_t n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool bytes_are_utf8(struct bytes value)
{
	const unsigned char *p = value.data;
	size_t n;

	for (size_t i = 0; i < value.len; i += n) {
		n = utf8_length(p + i, value.len - i);
		if (n == 0)
			return false;
	}
	return true;
}

/* The code point of a sequence of n bytes that utf8_length has judged. */
static uint32_t utf8_point(const unsigned char *p, size_t n)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = p[0] & masks[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

/* What is not seen, or makes a reader see something else: C1 controls (terminals obey them), line separators, what
 * turns the direction of text, tags.  Joiners stay: scripts and emoji need them. */
static bool is_sly(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} sly[] = { { 0x80, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x180e, 0x180e }, { 0x200b, 0x200b },
		{ 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb }, { 0xe0000, 0xe007f } };

	for (size_t i = 0; i < sizeof(sly) / sizeof(sly[0]); i++)
		if (c >= sly[i].from && c <= sly[i].to)
			return true;
	return false;
}

size_t bytes_cut(struct bytes text, size_t cap)
{
	const unsigned char *p = text.data;
	size_t n = cap;

	if (text.len <= cap)
		return text.len;
	/* Of valid UTF-8 at most three bytes of a character lie before the cut. */
	while (n > 0 && cap - n < 3 && (p[n] & 0xc0) == 0x80)
		n--;
	return (p[n] & 0xc0) == 0x80 ? cap : n;
}

static void json_char(struct buf *b, unsigned char c)
{
	static const char names[] = "btn?fr"; /* 8 to 13 */

	if (c == '"' || c == '\\') {
		buf_char(b, '\\');
		buf_char(b, (char)c);
	} else if (c >= 8 && c <= 13 && c != 11) {
		buf_char(b, '\\');
		buf_char(b, names[c - 8]);
	} else if (c < 0x20 || c == 0x7f) {
		buf_printf(b, "\\u%04x", c);
	} else {
		buf_char(b, (char)c);
	}
}

static void json_point(struct buf *b, const unsigned char *p, size_t n)
{
	uint32_t c = utf8_point(p, n);

	if (!is_sly(c))
		buf_add(b, p, n);
	else if (c < 0x10000)
		buf_printf(b, "\\u%04x", c);
	else
		buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
}

void buf_json_string(struct buf *b, struct bytes text)
{
	const unsigned char *p = text.data;
	size_t n;

	buf_char(b, '"');
	for (size_t i = 0; i < text.len; i += n) {
		n = utf8_length(p + i, text.len - i);
		if (n == 0) {
			buf_text(b, "\xef\xbf\xbd");
			n = 1;
		} else if (n == 1) {
			json_char(b, p[i]);
		} else {
			json_point(b, p + i, n);
		}
	}
	buf_char(b, '"');
}

void buf_base64(struct buf *b, struct bytes value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = value.data;

	for (size_t i = 0; i < value.len; i += 3) {
		size_t left = value.len - i;
		unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);
		char out[4] = { digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
			left > 2 ? digits[v & 63] : '=' };

		buf_add(b, out, sizeof(out));
	}
}

void buf_base64url(struct buf *b, struct bytes value)
{
	size_t from = b->len;

	buf_base64(b, value);
	while (b->len > from && b->data[b->len - 1] == '=')
		b->data[--b->len] = '\0';
	for (char *p = b->data + from; b->len > from && *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
}

static int base64_digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int buf_unbase64(struct buf *b, struct bytes text)
{
	const unsigned char *p = text.data;
	size_t start = b->len, n = text.len;
	unsigned v = 0, bits = 0;

	while (n > 0 && text.len - n < 2 && p[n - 1] == '=')
		n--;
	if (n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int digit = base64_digit(p[i]);

		if (digit < 0) {
			b->len = start;
			return -EINVAL;
		}
		v = v << 6 | (unsigned)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_char(b, (char)(v >> bits & 0xff));
		}
	}
	return 0;
}

void buf_json_bytes(struct buf *b, const char *name, struct bytes value)
{
	bool text = value.data == NULL || bytes_are_utf8(value);

	buf_printf(b, "\"%s%s\":", name, text ? "" : "_base64");
	if (value.data == NULL) {
		buf_text(b, "null");
	} else if (text) {
		buf_json_string(b, value);
	} else {
		buf_char(b, '"');
		buf_base64(b, value);
		buf_char(b, '"');
	}
}

static bool logfmt_bare(struct bytes value)
{
	const unsigned char *p = value.data;

	for (size_t i = 0; i < value.len; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '"' || p[i] == '=' || p[i] == '\\')
			return false;
	return value.len > 0;
}

/* For people: a control, a byte that is no text, and what is sly is written by its number. */
static void put_shown(struct buf *b, struct bytes value, const char *escape)
{
	const unsigned char *p = value.data;
	size_t n;

	for (size_t i = 0; i < value.len; i += n) {
		uint32_t c;

		n = utf8_length(p + i, value.len - i);
		c = n == 0 ? p[i] : utf8_point(p + i, n);
		if (n > 1 && !is_sly(c))
			buf_add(b, p + i, n);
		else if (n > 1)
			buf_printf(b, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
		else if (c != 0 && strchr(escape, (int)c) != NULL)
			buf_printf(b, "\\%c", (int)c);
		else if (c == '\n' || c == '\t' || c == '\r')
			buf_printf(b, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		else if (c < 0x20 || c >= 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_char(b, (char)c);
		n = n == 0 ? 1 : n;
	}
}

void buf_shown(struct buf *b, struct bytes value, size_t cap)
{
	size_t n = bytes_cut(value, cap);

	put_shown(b, (struct bytes){ value.data, n }, "");
	if (n < value.len)
		buf_text(b, "...");
	buf_reserve(b, 0);
	b->data[b->len] = '\0';
}

void buf_logfmt(struct buf *b, struct bytes value, size_t cap)
{
	size_t n = bytes_cut(value, cap);

	if (n == value.len && logfmt_bare(value)) {
		buf_add(b, value.data, value.len);
		return;
	}
	buf_char(b, '"');
	put_shown(b, (struct bytes){ value.data, n }, "\"\\");
	buf_text(b, n < value.len ? "...\"" : "\"");
}
