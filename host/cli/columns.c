#include "cli/columns.h"

#include <langinfo.h>
#include <wchar.h>

#define COMBINING_MAX 2

struct character {
	const char *at;
	size_t bytes, width;
	bool shown; /* the locale has it */
};

bool columns_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The first character of a text that is not empty.  A byte that is no UTF-8 stands for itself. */
static struct character first(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, i;
	wchar_t c = n == 1 ? p[0] : p[0] & (0x7f >> n);
	int width;

	for (i = 1; i < n && (p[i] & 0xc0) == 0x80; i++)
		c = c << 6 | (p[i] & 0x3f);
	if (i < n || (p[0] >= 0x80 && p[0] < 0xc2))
		return (struct character){ text, 1, 1, false };
	width = n > 1 && !columns_utf8() ? -1 : wcwidth(c);
	return (struct character){ text, n, width < 0 ? 1 : (size_t)width, width >= 0 };
}

size_t columns_first(const char *text, size_t *ret_columns)
{
	struct character c = first(text);

	*ret_columns = c.width;
	return c.bytes;
}

size_t columns_of(const char *text)
{
	size_t n = 0;

	while (*text != '\0') {
		struct character c = first(text);

		n += c.width;
		text += c.bytes;
	}
	return n;
}

size_t columns_part(struct buf *out, const char *text, size_t width)
{
	size_t used = 0, combining = 0;

	while (*text != '\0') {
		struct character c = first(text);

		if (used + c.width > width)
			break;
		combining = c.width == 0 ? combining + 1 : 0;
		if (!c.shown)
			buf_char(out, '?');
		else if (combining <= COMBINING_MAX)
			buf_add(out, c.at, c.bytes);
		used += c.width;
		text += c.bytes;
	}
	return used;
}

size_t columns_put(struct buf *out, const char *text, size_t width)
{
	size_t used;

	buf_add(out, "", 0);
	if (columns_of(text) <= width)
		return columns_part(out, text, width);
	if (width == 0)
		return 0;
	used = columns_part(out, text, width - 1);
	buf_char(out, '~');
	return used + 1;
}

size_t columns_put_name(struct buf *out, const char *text, size_t width)
{
	size_t all = columns_of(text), head = width / 2, tail = width - head, used;

	buf_add(out, "", 0);
	if (all <= width || width < 5)
		return columns_put(out, text, width);
	used = columns_part(out, text, head - 1);
	buf_char(out, '~');
	used++;
	while (all > tail) {
		struct character c = first(text);

		all -= c.width;
		text += c.bytes;
	}
	return used + columns_part(out, text, tail);
}

size_t columns_line(const char *text, size_t width)
{
	size_t used = 0, n = 0, space = 0;

	while (text[n] != '\0') {
		struct character c = first(text + n);

		if (n > 0 && used + c.width > width)
			return space > 0 ? space : n;
		used += c.width;
		n += c.bytes;
		if (c.at[0] == ' ' && used > width / 3)
			space = n;
	}
	return n;
}
