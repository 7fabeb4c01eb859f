#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>

#define CELL_BYTES 64
#define OFF "\033[0m"

/* Characters; that a few of them are two columns wide is left out. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void table_add(struct table *t, const char *colour, const char *text)
{
	struct buf shown = { NULL, 0, 0 };
	unsigned column = (unsigned)(t->n % t->columns);
	struct table_cell *c;

	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : 2 * t->cap;
		t->cells = realloc(t->cells, t->cap * sizeof(*t->cells));
		if (t->cells == NULL)
			abort();
	}
	buf_shown(&shown, bytes_of_text(text), CELL_BYTES);
	c = &t->cells[t->n++];
	*c = (struct table_cell){ shown.data, colour == NULL ? "" : colour, width_of(shown.data) };
	if (c->width > t->widths[column])
		t->widths[column] = c->width;
}

void table_titles(struct table *t, const char *const *titles, unsigned n)
{
	t->columns = n;
	for (unsigned i = 0; i < n; i++) {
		t->right[i] = titles[i][0] == '>';
		table_add(t, NULL, titles[i] + t->right[i]);
	}
}

void table_printf(struct table *t, const char *format, ...)
{
	struct buf text = { NULL, 0, 0 };
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	table_add(t, NULL, text.data);
	buf_free(&text);
}

static void print_cell(const struct table *t, size_t i)
{
	const struct table_cell *c = &t->cells[i];
	unsigned column = (unsigned)(i % t->columns);
	bool last = column + 1 == t->columns;
	int pad = (int)(t->widths[column] - c->width);

	printf(
	    "%*s%s%s%s", t->right[column] ? pad : 0, "", c->colour, c->text, c->colour[0] == '\0' ? "" : OFF);
	if (last)
		putchar('\n');
	else
		printf("%*s  ", t->right[column] ? 0 : pad, "");
}

void table_print(struct table *t, const char *indent)
{
	for (size_t i = 0; t->n > t->columns && i < t->n; i++) {
		if (i % t->columns == 0)
			fputs(indent, stdout);
		print_cell(t, i);
	}
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){ NULL, 0, 0, 0, { false }, { 0 } };
}
