#include "cli/top/picture.h"

#include "cli/columns.h"

#include <stdlib.h>

unsigned picture_put(struct picture *p, unsigned line, unsigned column, unsigned style, const char *text)
{
	struct buf b = { NULL, 0, 0 };
	unsigned used;

	if (line >= p->height || column >= p->width || text[0] == '\0')
		return 0;
	used = (unsigned)columns_put(&b, text, p->width - column);
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 256 : 2 * p->cap;
		p->runs = realloc(p->runs, p->cap * sizeof(*p->runs));
		if (p->runs == NULL)
			abort();
	}
	p->runs[p->n++] = (struct picture_run){ line, column, style | p->dimmed, b.data };
	return used;
}

unsigned picture_printf(
    struct picture *p, unsigned line, unsigned column, unsigned style, const char *format, ...)
{
	struct buf b = { NULL, 0, 0 };
	unsigned used;
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&b, format, ap);
	va_end(ap);
	used = picture_put(p, line, column, style, b.data);
	buf_free(&b);
	return used;
}

void picture_fill(struct picture *p, unsigned line, unsigned style)
{
	picture_printf(p, line, 0, style, "%*s", (int)p->width, "");
}

struct place {
	const char *text; /* NULL: a space */
	size_t bytes; /* 0: the second half of a wide character */
};

/* A later run covers an earlier one, as on a terminal. */
static void lay(const struct picture_run *r, struct place *places, unsigned width)
{
	unsigned at = r->column;

	for (const char *c = r->text; *c != '\0';) {
		size_t columns, bytes = columns_first(c, &columns);

		if (columns == 0 && at > r->column)
			places[at - 1].bytes += bytes;
		if (at + columns > width)
			return;
		for (size_t i = 0; i < columns; i++)
			places[at + i] = (struct place){ c, i == 0 ? bytes : 0 };
		at += (unsigned)columns;
		c += bytes;
	}
}

void picture_text(const struct picture *p, struct buf *out)
{
	struct place *places = calloc((size_t)p->width * p->height + 1, sizeof(*places));

	if (places == NULL)
		abort();
	for (size_t i = 0; i < p->n; i++)
		lay(&p->runs[i], places + (size_t)p->runs[i].line * p->width, p->width);
	for (unsigned line = 0; line < p->height; line++) {
		size_t start = out->len;

		for (unsigned i = 0; i < p->width; i++) {
			const struct place *at = &places[(size_t)line * p->width + i];

			buf_add(out, at->text == NULL ? " " : at->text, at->text == NULL ? 1 : at->bytes);
		}
		while (out->len > start && out->data[out->len - 1] == ' ')
			out->len--;
		buf_char(out, '\n');
	}
	free(places);
}

void picture_free(struct picture *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->runs[i].text);
	free(p->runs);
	p->runs = NULL;
	p->n = p->cap = 0;
}
