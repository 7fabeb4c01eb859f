#include "cli/table.h"

#include "cli/columns.h"

#include <stdio.h>
#include <stdlib.h>

#define OFF "\033[0m"

void table_begin(struct table *t, unsigned columns)
{
	*t = (struct table){ NULL, 0, 0, columns, { false }, { 0 } };
}

void table_add(struct table *t, const char *colour, const char *text)
{
	unsigned column = (unsigned)(t->n % t->columns);
	struct table_cell *c;

	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : 2 * t->cap;
		t->cells = realloc(t->cells, t->cap * sizeof(*t->cells));
		if (t->cells == NULL)
			abort();
	}
	c = &t->cells[t->n++];
	*c = (struct table_cell){ strdup(text), colour == NULL ? "" : colour, columns_of(text) };
	if (c->text == NULL)
		abort();
	if (c->width > t->widths[column])
		t->widths[column] = c->width;
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
	table_begin(t, t->columns);
}
