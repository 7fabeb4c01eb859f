/* Problems of a configuration: collected, sorted, printed. */
#include "adapters/config_file.h"

#include <stdlib.h>

#define TEXT_MAX 1000

void config_problem_add(
    struct config_problems *p, bool error, const char *file, unsigned line, const char *format, ...)
{
	struct config_problem *grown = realloc(p->list, (p->n + 1) * sizeof(*grown));
	struct buf text = { NULL, 0, 0 }, shown = { NULL, 0, 0 };
	va_list ap;

	if (grown == NULL)
		abort();
	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	/* A line each, whatever value it quotes. */
	buf_shown(&shown, (struct bytes){ text.data, text.len }, TEXT_MAX);
	buf_free(&text);
	p->list = grown;
	p->list[p->n++] = (struct config_problem){ error, strdup(file == NULL ? "" : file), line,
		shown.data };
	p->errors += error;
}

static void free_problem(struct config_problem *p)
{
	free(p->file);
	free(p->text);
}

void config_problems_free(struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		free_problem(&p->list[i]);
	free(p->list);
	*p = (struct config_problems){ NULL, 0, 0 };
}

static int by_place(const void *a, const void *b)
{
	const struct config_problem *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	if (r != 0)
		return r;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->error != y->error ? y->error - x->error : strcmp(x->text, y->text);
}

void config_problems_sort(struct config_problems *p)
{
	size_t n = 0;

	if (p->n > 1)
		qsort(p->list, p->n, sizeof(*p->list), by_place);
	for (size_t i = 0; i < p->n; i++) {
		if (n > 0 && by_place(&p->list[n - 1], &p->list[i]) == 0) {
			p->errors -= p->list[i].error;
			free_problem(&p->list[i]);
		} else {
			p->list[n++] = p->list[i];
		}
	}
	p->n = n;
}

void config_problems_print(const struct config_problems *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct config_problem *x = &p->list[i];
		const char *kind = x->error ? "error" : "warning";

		if (x->line > 0)
			buf_printf(out, "%s:%u: %s: %s\n", x->file, x->line, kind, x->text);
		else
			buf_printf(out, "%s: %s: %s\n", x->file, kind, x->text);
	}
}

void config_problems_json(const struct config_problems *p, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < p->n; i++) {
		const struct config_problem *x = &p->list[i];

		buf_printf(out, "%s{\"severity\":\"%s\",\"file\":", i == 0 ? "" : ",",
		    x->error ? "error" : "warning");
		buf_json_string(out, bytes_of_text(x->file));
		if (x->line > 0)
			buf_printf(out, ",\"line\":%u", x->line);
		else
			buf_text(out, ",\"line\":null");
		buf_text(out, ",\"text\":");
		buf_json_string(out, bytes_of_text(x->text));
		buf_char(out, '}');
	}
	buf_char(out, ']');
}
