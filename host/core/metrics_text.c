/* The registry as text: Prometheus' exposition format 0.0.4, and the table for the manual. */
#include "core/metrics_private.h"

/* Of a label's value or a help text, bytes. */
#define TEXT_MAX 1024

static const char *const type_names[] = { "counter", "gauge", "histogram" };

void metrics_put_text(struct buf *out, const char *text, const char *escape)
{
	struct buf line = { NULL, 0, 0 };

	/* Line by line: of what no text may hold, only the newline has an escape. */
	for (size_t len, used = 0; *text != '\0' && used < TEXT_MAX; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		buf_clear(&line);
		buf_shown(&line, (struct bytes){ text, len }, TEXT_MAX - used);
		used += len + 1;
		for (const char *p = line.data; *p != '\0'; p++) {
			if (strchr(escape, *p) != NULL)
				buf_char(out, '\\');
			buf_char(out, *p);
		}
		if (text[len] == '\n')
			buf_text(out, "\\n");
	}
	buf_free(&line);
}

static void put_series(struct buf *out, const char *name, enum metric_type type, const struct series *s)
{
	const char *open = s->labels[0] == '\0' ? "" : "{", *close = s->labels[0] == '\0' ? "" : "}";
	const char *comma = s->labels[0] == '\0' ? "" : ",";
	uint64_t sum = 0;

	if (atomic_load(&s->hidden))
		return;
	if (type == METRIC_GAUGE) {
		buf_printf(
		    out, "semel_%s%s%s%s %.17g\n", name, open, s->labels, close, atomic_load(&s->value));
		return;
	}
	if (type == METRIC_COUNTER) {
		buf_printf(out, "semel_%s%s%s%s %.17g\n", name, open, s->labels, close,
		    (double)atomic_load(&s->count) + atomic_load(&s->value));
		return;
	}
	for (unsigned i = 0; i < s->n_buckets; i++) {
		sum += atomic_load(&s->bucket[i]);
		buf_printf(out, "semel_%s_bucket{%s%sle=\"%g\"} %llu\n", name, s->labels, comma,
		    s->buckets[i], (unsigned long long)sum);
	}
	sum += atomic_load(&s->bucket[s->n_buckets]);
	buf_printf(
	    out, "semel_%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, s->labels, comma, (unsigned long long)sum);
	buf_printf(out, "semel_%s_sum%s%s%s %.17g\n", name, open, s->labels, close, atomic_load(&s->value));
	buf_printf(out, "semel_%s_count%s%s%s %llu\n", name, open, s->labels, close, (unsigned long long)sum);
}

static void put_family(
    struct buf *out, const char *name, enum metric_type type, const char *help, const struct series *first)
{
	if (first == NULL)
		return;
	buf_printf(out, "# HELP semel_%s ", name);
	metrics_put_text(out, help, "\\");
	buf_printf(out, "\n# TYPE semel_%s %s\n", name, type_names[type]);
	for (const struct series *s = first; s != NULL; s = atomic_load(&s->next))
		put_series(out, name, type, s);
}

void metrics_render(struct metrics *m, struct buf *out)
{
	for (unsigned i = 0; i < METRIC_N; i++) {
		const struct metric_info *info = metric_info((enum metric_id)i);

		put_family(out, info->name, info->type, info->help, atomic_load(&m->families[i].first));
	}
	for (const struct family *f = atomic_load(&m->plugins); f != NULL; f = atomic_load(&f->next))
		put_family(out, f->name, f->type, f->help, atomic_load(&f->first));
	buf_printf(out, "# HELP semel_series_dropped_total %s\n# TYPE semel_series_dropped_total counter\n",
	    metric_info(METRIC_SERIES_DROPPED)->help);
	buf_printf(out, "semel_series_dropped_total %llu\n", (unsigned long long)atomic_load(&m->dropped));
}

void metrics_document(struct buf *out)
{
	buf_text(out, "| metric | type | labels | meaning |\n|---|---|---|---|\n");
	for (unsigned i = 0; i < METRIC_N; i++) {
		const struct metric_info *info = metric_info((enum metric_id)i);

		buf_printf(out, "| `semel_%s` | %s | %s | %s |\n", info->name, type_names[info->type],
		    info->labels, info->help);
	}
}
