#include "adapters/config_file.h"

#include "adapters/config_tree.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Problems */

void config_problem_add(
    struct config_problems *p, bool error, const char *file, unsigned line, const char *format, ...)
{
	struct config_problem *grown = realloc(p->list, (p->n + 1) * sizeof(*grown));
	struct buf text = { NULL, 0, 0 };
	va_list ap;

	if (grown == NULL)
		abort();
	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	p->list = grown;
	p->list[p->n++] = (struct config_problem){ error, strdup(file == NULL ? "" : file), line, text.data };
	p->errors += error;
}

void config_problems_free(struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].file);
		free(p->list[i].text);
	}
	free(p->list);
	*p = (struct config_problems){ NULL, 0, 0 };
}

static int by_place(const void *a, const void *b)
{
	const struct config_problem *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	return r != 0 ? r : x->line != y->line ? (x->line < y->line ? -1 : 1) : strcmp(x->text, y->text);
}

static void sort_problems(struct config_problems *p)
{
	if (p->n > 1)
		qsort(p->list, p->n, sizeof(*p->list), by_place);
}

void config_problems_print(const struct config_problems *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct config_problem *x = &p->list[i];

		if (i > 0 && by_place(x, x - 1) == 0)
			continue;
		if (x->line > 0)
			buf_printf(out, "%s:%u: %s: %s\n", x->file, x->line, x->error ? "error" : "warning",
			    x->text);
		else
			buf_printf(out, "%s: %s: %s\n", x->file, x->error ? "error" : "warning", x->text);
	}
}

/* ---- Loading */

int config_load(const char *file, bool lenient, struct config **ret_config, struct config_problems *problems)
{
	struct config_loader l = { .problems = problems, .lenient = lenient };
	size_t before = problems->errors;

	l.config = calloc(1, sizeof(*l.config));
	if (l.config == NULL)
		return -ENOMEM;
	l.config->file = strdup(file);
	config_tree_load(&l, file);
	if (l.n > 0 && l.sources[0].parsed) {
		config_build(&l);
		config_judge(&l);
	}
	sort_problems(problems);
	/* Places borrow the names of files. */
	l.config->files = calloc(l.n, sizeof(char *));
	for (size_t i = 0; i < l.n && l.config->files != NULL; i++) {
		l.config->files[l.config->n_files++] = l.sources[i].file;
		l.sources[i].file = NULL;
	}
	config_tree_free(&l);
	if (problems->errors > before) {
		config_free(l.config);
		return -EINVAL;
	}
	*ret_config = l.config;
	return 0;
}
