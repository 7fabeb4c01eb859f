#include "json_line.h"

#include <stdlib.h>
#include <string.h>

static void add(struct json_line *l, const char *data, size_t len)
{
	if (l->len + len > l->cap) {
		size_t cap = l->cap == 0 ? 512 : l->cap;
		char *grown;

		while (cap < l->len + len)
			cap *= 2;
		grown = realloc(l->data, cap);
		if (grown == NULL) {
			l->failed = true;
			return;
		}
		l->data = grown;
		l->cap = cap;
	}
	memcpy(l->data + l->len, data, len);
	l->len += len;
}

/* Behind an opening bracket there is no comma; no value ends in one. */
static void add_comma(struct json_line *l)
{
	if (l->len > 0 && l->data[l->len - 1] != '{' && l->data[l->len - 1] != '[')
		add(l, ",", 1);
}

static void add_name(struct json_line *l, const char *name, const char *suffix)
{
	add_comma(l);
	add(l, "\"", 1);
	add(l, name, strlen(name));
	add(l, suffix, strlen(suffix));
	add(l, "\":", 2);
}

void line_begin(struct json_line *l)
{
	l->len = 0;
	l->failed = false;
	add(l, "{", 1);
}

void line_end(struct json_line *l)
{
	add(l, "}\n", 2);
}

void line_list(struct json_line *l, const char *name)
{
	add_name(l, name, "");
	add(l, "[", 1);
}

void line_list_end(struct json_line *l)
{
	add(l, "]", 1);
}

void line_item(struct json_line *l)
{
	add_comma(l);
	add(l, "{", 1);
}

void line_item_end(struct json_line *l)
{
	add(l, "}", 1);
}

void line_unsigned(struct json_line *l, const char *name, unsigned long long value)
{
	char text[24];

	add_name(l, name, "");
	add(l, text, (size_t)snprintf(text, sizeof(text), "%llu", value));
}

void line_number(struct json_line *l, const char *name, long long value)
{
	char text[24];

	add_name(l, name, "");
	add(l, text, (size_t)snprintf(text, sizeof(text), "%lld", value));
}

void line_bool(struct json_line *l, const char *name, bool value)
{
	add_name(l, name, "");
	add(l, value ? "true" : "false", value ? 4 : 5);
}

void line_text(struct json_line *l, const char *name, const char *value)
{
	line_bytes(l, name, (struct semel_bytes){ value, strlen(value) });
}

/* ---- Bytes */

/* Length of the UTF-8 sequence at p; 0: none (RFC 3629, table 3-7 of the Unicode standard). */
static size_t sequence(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (n == 1)
		return 1;
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

bool line_is_utf8(struct semel_bytes v)
{
	const unsigned char *p = v.data;
	size_t n;

	for (size_t i = 0; i < v.len; i += n) {
		n = sequence(p + i, v.len - i);
		if (n == 0)
			return false;
	}
	return true;
}

static void add_escaped(struct json_line *l, unsigned char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		add(l, text, (size_t)snprintf(text, sizeof(text), "\\%c", c));
	else
		add(l, text, (size_t)snprintf(text, sizeof(text), "\\u%04x", c));
}

/* Runs of plain characters are copied whole. */
static void add_text(struct json_line *l, struct semel_bytes v)
{
	const unsigned char *p = v.data;
	size_t start = 0;

	for (size_t i = 0; i < v.len; i++) {
		if (p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f)
			continue;
		add(l, (const char *)p + start, i - start);
		add_escaped(l, p[i]);
		start = i + 1;
	}
	if (v.len > start)
		add(l, (const char *)p + start, v.len - start);
}

static void add_base64(struct json_line *l, struct semel_bytes v)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = v.data;

	for (size_t i = 0; i < v.len; i += 3) {
		size_t left = v.len - i;
		unsigned n = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);
		char out[4] = { digits[n >> 18], digits[n >> 12 & 63], left > 1 ? digits[n >> 6 & 63] : '=',
			left > 2 ? digits[n & 63] : '=' };

		add(l, out, sizeof(out));
	}
}

void line_bytes(struct json_line *l, const char *name, struct semel_bytes value)
{
	bool text = value.data == NULL || line_is_utf8(value);

	add_name(l, name, text ? "" : "_base64");
	if (value.data == NULL) {
		add(l, "null", 4);
		return;
	}
	add(l, "\"", 1);
	if (text)
		add_text(l, value);
	else
		add_base64(l, value);
	add(l, "\"", 1);
}

void line_base64(struct json_line *l, const char *name, struct semel_bytes value)
{
	add_name(l, name, "");
	add(l, "\"", 1);
	add_base64(l, value);
	add(l, "\"", 1);
}

void line_json(struct json_line *l, const char *name, struct semel_bytes value)
{
	add_name(l, name, "");
	add(l, value.data, value.len);
}
