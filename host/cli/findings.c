#include "cli/findings.h"

#include <stdio.h>
#include <stdlib.h>

#define X(id, name) name,
static const char *const area_names[] = { FINDING_AREAS(X) };
#undef X

const char *finding_area_name(enum finding_area a)
{
	return area_names[a];
}

static bool is_there(const struct findings *f, enum finding_area area, const char *what)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].area == area && strcmp(f->list[i].what, what) == 0)
			return true;
	return false;
}

void findings_add(struct findings *f, enum finding_area area, bool error,
    const struct config_subscription *sub, const char *remedy, const char *format, ...)
{
	struct buf what = { NULL, 0, 0 };
	struct finding *grown;
	char text[800];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (sub != NULL)
		buf_printf(&what, "subscription %s: ", sub->name);
	buf_text(&what, text);
	grown = is_there(f, area, what.data) ? NULL : realloc(f->list, (f->n + 1) * sizeof(*grown));
	if (grown == NULL) {
		buf_free(&what);
		return;
	}
	f->list = grown;
	f->list[f->n++] = (struct finding){ area, error, sub, what.data, strdup(remedy) };
	f->errors += error;
}

static void print_one(const struct finding *x, bool colours, struct buf *out)
{
	const char *on = !colours ? "" : x->error ? "\033[31m" : "\033[33m", *off = colours ? "\033[0m" : "";

	buf_printf(out, "  %s%s%s: ", on, x->error ? "error" : "warning", off);
	if (x->sub != NULL)
		buf_printf(out, "%s:%u: ", x->sub->place.file, x->sub->place.line);
	buf_printf(out, "%s\n      do: %s\n", x->what, x->remedy);
}

void findings_print(const struct findings *f, bool colours, struct buf *out)
{
	for (int a = 0; a < N_AREAS; a++) {
		size_t n = 0;

		for (size_t i = 0; i < f->n; i++) {
			if ((int)f->list[i].area != a)
				continue;
			if (n++ == 0)
				buf_printf(out, "%s\n", area_names[a]);
			print_one(&f->list[i], colours, out);
		}
		if (n == 0)
			buf_printf(out, "%s: nothing found\n", area_names[a]);
	}
}

void findings_json(const struct findings *f, struct buf *out)
{
	buf_printf(out, "{\"errors\":%zu,\"warnings\":%zu,\"findings\":[", f->errors, f->n - f->errors);
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->list[i];

		buf_printf(out, "%s{\"area\":\"%s\",\"severity\":\"%s\",\"text\":", i == 0 ? "\n" : ",\n",
		    area_names[x->area], x->error ? "error" : "warning");
		buf_json_string(out, bytes_of_text(x->what));
		buf_text(out, ",\"remedy\":");
		buf_json_string(out, bytes_of_text(x->remedy));
		buf_char(out, '}');
	}
	buf_text(out, "]}\n");
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].what);
		free(f->list[i].remedy);
	}
	free(f->list);
	*f = (struct findings){ NULL, 0, 0 };
}
