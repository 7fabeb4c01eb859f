#include "core/metrics.h"

#include "core/metrics_private.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SERIES_MAX 10000

static const double seconds_buckets[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
	0.2, 0.5, 1, 2, 5, 10, 20, 30, 60 };
static const double batch_buckets[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096 };

static const struct metric_info infos[METRIC_N] = {
#define X(id, name, type, labels, help) [METRIC_##id] = { name, METRIC_##type, labels, help },
	METRICS(X)
#undef X
};

const struct metric_info *metric_info(enum metric_id id)
{
	return &infos[id];
}

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	m->overflow.buckets = seconds_buckets;
	m->overflow.n_buckets = sizeof(seconds_buckets) / sizeof(seconds_buckets[0]);
	return m;
}

static void family_free(struct family *f)
{
	struct series *next;

	for (struct series *s = atomic_load(&f->first); s != NULL; s = next) {
		next = atomic_load(&s->next);
		free(s->labels);
		free(s);
	}
	free(f->name);
	free(f->help);
}

void metrics_free(struct metrics *m)
{
	struct family *next;

	if (m == NULL)
		return;
	for (unsigned i = 0; i < METRIC_N; i++)
		family_free(&m->families[i]);
	for (struct family *f = atomic_load(&m->plugins); f != NULL; f = next) {
		next = atomic_load(&f->next);
		family_free(f);
		free(f);
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void add_label(struct buf *b, const char *name, size_t len, const char *value)
{
	buf_printf(b, "%s%.*s=\"", b->len == 0 ? "" : ",", (int)len, name);
	metrics_put_text(b, value, "\\\"");
	buf_char(b, '"');
}

/* The series with these labels (as printed), made if new; under the lock. */
static struct series *series_of(
    struct metrics *m, struct family *f, const char *labels, const double *buckets, unsigned n_buckets)
{
	_Atomic(struct series *) *at = &f->first;
	struct series *s;

	for (; (s = atomic_load(at)) != NULL; at = &s->next)
		if (strcmp(s->labels, labels) == 0)
			return s;
	s = m->n_series < SERIES_MAX ? calloc(1, sizeof(*s)) : NULL;
	if (s == NULL || (s->labels = strdup(labels)) == NULL) {
		free(s);
		atomic_fetch_add(&m->dropped, 1);
		return &m->overflow;
	}
	s->buckets = buckets;
	s->n_buckets = n_buckets;
	m->n_series++;
	atomic_store(at, s);
	return s;
}

struct series *metrics_series(struct metrics *m, enum metric_id id, ...)
{
	const struct metric_info *info = &infos[id];
	bool batch = id == METRIC_LEDGER_BATCH;
	struct buf labels = { NULL, 0, 0 };
	struct series *s;
	va_list ap;

	va_start(ap, id);
	for (const char *p = info->labels; *p != '\0';) {
		size_t len = strcspn(p, ",");

		add_label(&labels, p, len, va_arg(ap, const char *));
		p += len + (p[len] == ',');
	}
	va_end(ap);
	pthread_mutex_lock(&m->lock);
	s = series_of(m, &m->families[id], labels.data == NULL ? "" : labels.data,
	    batch ? batch_buckets : seconds_buckets,
	    batch ? sizeof(batch_buckets) / sizeof(double) : sizeof(seconds_buckets) / sizeof(double));
	pthread_mutex_unlock(&m->lock);
	buf_free(&labels);
	return s;
}

double metrics_sum(struct metrics *m, enum metric_id id, const char *first, const char *last)
{
	const char *labels = infos[id].labels, *last_name = strrchr(labels, ',');
	struct buf head = { NULL, 0, 0 }, tail = { NULL, 0, 0 };
	double sum = 0;

	last_name = last_name == NULL ? labels : last_name + 1;
	add_label(&head, labels, strcspn(labels, ","), first);
	if (last != NULL)
		add_label(&tail, last_name, strlen(last_name), last);
	for (const struct series *s = atomic_load(&m->families[id].first); s != NULL;
	     s = atomic_load(&s->next)) {
		size_t len = strlen(s->labels);

		if (strncmp(s->labels, head.data, head.len) == 0 && len >= tail.len &&
		    (tail.len == 0 || strcmp(s->labels + len - tail.len, tail.data) == 0))
			sum += series_value(s);
	}
	buf_free(&head);
	buf_free(&tail);
	return sum;
}

/* ---- A plugin's own */

static bool name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && name[n] == '\0' && n <= 100 && (name[0] < '0' || name[0] > '9');
}

static struct family *plugin_family(
    struct metrics *m, const char *name, enum metric_type type, const char *help)
{
	_Atomic(struct family *) *at = &m->plugins;
	struct family *f;

	for (; (f = atomic_load(at)) != NULL; at = &f->next)
		if (strcmp(f->name, name) == 0)
			return f->type == type && strcmp(f->help, help) == 0 ? f : NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->name = strdup(name);
	f->help = strdup(help);
	f->type = type;
	if (f->name == NULL || f->help == NULL) {
		family_free(f);
		free(f);
		return NULL;
	}
	atomic_store(at, f);
	return f;
}

struct series *metrics_plugin(struct metrics *m, const char *plugin, const char *handler,
    enum metric_type type, const char *name, const char *help)
{
	struct buf full = { NULL, 0, 0 }, labels = { NULL, 0, 0 };
	struct family *f;
	struct series *s = NULL;

	if (!name_is_good(name) || !name_is_good(plugin))
		return NULL;
	buf_printf(&full, "plugin_%s_%s", plugin, name);
	for (char *p = full.data; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	add_label(&labels, "handler", 7, handler);
	pthread_mutex_lock(&m->lock);
	f = plugin_family(m, full.data, type, help == NULL ? "" : help);
	if (f != NULL)
		s = series_of(m, f, labels.data, seconds_buckets, sizeof(seconds_buckets) / sizeof(double));
	pthread_mutex_unlock(&m->lock);
	buf_free(&full);
	buf_free(&labels);
	return s;
}

/* ---- Counting: relaxed, because a scrape needs no order between counters */

void series_add(struct series *s, uint64_t n)
{
	if (s != NULL)
		atomic_fetch_add_explicit(&s->count, n, memory_order_relaxed);
}

static void add_real(_Atomic double *at, double v)
{
	double old = atomic_load_explicit(at, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
	    at, &old, old + v, memory_order_relaxed, memory_order_relaxed))
		;
}

void series_add_real(struct series *s, double v)
{
	if (s != NULL && v >= 0 && isfinite(v))
		add_real(&s->value, v);
}

void series_set(struct series *s, double v)
{
	if (s == NULL)
		return;
	atomic_store_explicit(&s->value, v, memory_order_relaxed);
	atomic_store_explicit(&s->hidden, false, memory_order_release);
}

void series_hide(struct series *s)
{
	if (s != NULL)
		atomic_store_explicit(&s->hidden, true, memory_order_relaxed);
}

void series_observe(struct series *s, double v)
{
	unsigned i = 0;

	if (s == NULL || !isfinite(v))
		return;
	while (i < s->n_buckets && v > s->buckets[i])
		i++;
	atomic_fetch_add_explicit(&s->bucket[i], 1, memory_order_relaxed);
	add_real(&s->value, v);
}

double series_value(const struct series *s)
{
	uint64_t n = atomic_load_explicit(&s->count, memory_order_relaxed);

	for (unsigned i = 0; i <= s->n_buckets; i++)
		n += atomic_load_explicit(&s->bucket[i], memory_order_relaxed);
	return n > 0 ? (double)n : atomic_load_explicit(&s->value, memory_order_relaxed);
}

double series_sum(const struct series *s)
{
	return atomic_load_explicit(&s->value, memory_order_relaxed);
}

double series_quantile(const struct series *s, double q)
{
	uint64_t total = 0, sum = 0;

	for (unsigned i = 0; i <= s->n_buckets; i++)
		total += atomic_load_explicit(&s->bucket[i], memory_order_relaxed);
	if (total == 0)
		return NAN;
	for (unsigned i = 0; i < s->n_buckets; i++) {
		uint64_t n = atomic_load_explicit(&s->bucket[i], memory_order_relaxed);
		double low = i == 0 ? 0 : s->buckets[i - 1];

		if ((double)(sum + n) >= q * (double)total && n > 0)
			return low + (s->buckets[i] - low) * (q * (double)total - (double)sum) / (double)n;
		sum += n;
	}
	return s->buckets[s->n_buckets - 1];
}
