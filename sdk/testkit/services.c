/* The services of struct semel_host. */
#include "kit_private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* As the host has them. */
#define FIELDS_MAX 32
#define HEADERS_MAX 256
#define RECORD_MAX ((size_t)16 << 20)
#define WHY_MAX 4096

static struct semel_test *kit_of(const struct semel_host *h)
{
	return (struct semel_test *)(uintptr_t)h;
}

static struct semel_test_run *run_of(const struct semel_event *e)
{
	return (struct semel_test_run *)(uintptr_t)e;
}

/* False, and told, if the event is no longer the plugin's. */
static bool is_valid(const struct semel_event *e, const char *service)
{
	struct semel_test_run *run = run_of(e);
	bool ended;

	pthread_mutex_lock(&run->t->lock);
	ended = run->state == KIT_ENDED;
	pthread_mutex_unlock(&run->t->lock);
	if (ended)
		semel_kit_misuse(
		    run->t, "%s() was called for event %s, whose run has ended", service, run->label);
	return !ended;
}

static void fault(const struct semel_settings *s, const char *name, const char *why)
{
	if (!s->t->opening)
		semel_kit_misuse(s->t, "fault() was called outside open");
	semel_kit_add(&s->t->faults,
	    semel_kit_format("settings.%s: %s", name == NULL ? "" : name, why == NULL ? "" : why));
}

/* ---- Log and metrics */

static void log_line(const struct semel_host *h, const struct semel_event *e, enum semel_level level,
    const char *text, const struct semel_header *fields, size_t n)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	struct semel_test *t = kit_of(h);
	char *line, *longer;

	if (text == NULL)
		semel_kit_misuse(t, "log() was called without a text");
	if ((unsigned)level > SEMEL_ERROR)
		semel_kit_misuse(t, "log() was called with level %d, which is none", (int)level);
	if (n > FIELDS_MAX - (e == NULL ? 1 : 6))
		semel_kit_misuse(t, "log() was called with %zu fields: the last ones are cut", n);
	line = semel_kit_format(
	    "%s: %s", names[(unsigned)level > SEMEL_ERROR ? SEMEL_INFO : level], text == NULL ? "" : text);
	for (size_t i = 0; i < n && i < FIELDS_MAX; i++) {
		longer = semel_kit_format("%s %s=%.*s", line, fields[i].name, (int)fields[i].value.len,
		    fields[i].value.data == NULL ? "" : (const char *)fields[i].value.data);
		free(line);
		line = longer;
	}
	pthread_mutex_lock(&t->lock);
	semel_kit_add(&t->log, line);
	pthread_mutex_unlock(&t->lock);
}

static bool name_is_good(const char *name)
{
	size_t n = name == NULL ? 0 : strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n > 0 && name[n] == '\0' && n <= 100 && (name[0] < '0' || name[0] > '9');
}

static struct semel_metric *metric(
    const struct semel_host *h, enum semel_metric_type type, const char *name, const char *help)
{
	struct semel_test *t = kit_of(h);
	struct semel_metric *m = NULL;

	if (!t->opening)
		semel_kit_misuse(t, "metric(\"%s\") was called outside open", name == NULL ? "" : name);
	if (!name_is_good(name) || !name_is_good(t->handler.name) || (unsigned)type > SEMEL_HISTOGRAM) {
		semel_kit_misuse(t,
		    "metric(\"%s\") of plugin %s: both names need [a-z_-][a-z0-9_-]*, and a type; the host makes none",
		    name == NULL ? "" : name, t->handler.name);
		return NULL;
	}
	help = help == NULL ? "" : help;
	for (m = t->metrics; m != NULL && strcmp(m->name, name) != 0;)
		m = m->next;
	if (m != NULL && m->type == type && strcmp(m->help, help) == 0)
		return m;
	if (m != NULL) {
		semel_kit_misuse(t, "metric(\"%s\") was made before with another type or help", name);
		return NULL;
	}
	m = semel_kit_grow(NULL, 0, sizeof(*m));
	*m = (struct semel_metric){ .t = t,
		.name = semel_kit_copy(name, strlen(name)),
		.help = semel_kit_copy(help, strlen(help)),
		.type = type };
	pthread_mutex_lock(&t->lock);
	m->next = t->metrics;
	t->metrics = m;
	pthread_mutex_unlock(&t->lock);
	return m;
}

static void record(struct semel_metric *m, double value)
{
	if (m == NULL)
		return;
	if (!isfinite(value) || (m->type == SEMEL_COUNTER && value < 0))
		semel_kit_misuse(m->t, "metric %s was recorded with %g", m->name, value);
	pthread_mutex_lock(&m->t->lock);
	m->value = m->type == SEMEL_GAUGE ? value : m->value + value;
	m->count++;
	pthread_mutex_unlock(&m->t->lock);
}

/* ---- The event */

static struct semel_bytes header(const struct semel_event *e, const char *name)
{
	const struct semel_test_run *run = run_of(e);

	if (is_valid(e, "header"))
		for (size_t i = run->n_headers; i-- > 0;)
			if (strcmp(run->headers[i].name, name) == 0)
				return run->headers[i].value;
	return (struct semel_bytes){ NULL, 0 };
}

static bool header_at(const struct semel_event *e, size_t i, struct semel_header *ret_header)
{
	const struct semel_test_run *run = run_of(e);

	if (!is_valid(e, "header_at") || i >= run->n_headers)
		return false;
	*ret_header = run->headers[i];
	return true;
}

static bool cancelled(const struct semel_event *e)
{
	struct semel_test_run *run = run_of(e);
	bool yes;

	if (!is_valid(e, "cancelled"))
		return true;
	pthread_mutex_lock(&run->t->lock);
	yes = semel_kit_now_ms() >= run->cancel_at_ms;
	pthread_mutex_unlock(&run->t->lock);
	return yes;
}

static int64_t lease_ms(const struct semel_event *e)
{
	struct semel_test_run *run = run_of(e);
	int64_t until;

	if (!is_valid(e, "lease_ms"))
		return 0;
	pthread_mutex_lock(&run->t->lock);
	until = run->lease_until_ms;
	pthread_mutex_unlock(&run->t->lock);
	return until - semel_kit_now_ms();
}

static void explain(const struct semel_event *e, int64_t retry_ms, const char *why)
{
	struct semel_test_run *run = run_of(e);

	if (!is_valid(e, "explain"))
		return;
	if (!pthread_equal(pthread_self(), run->thread))
		semel_kit_misuse(run->t,
		    "explain() was called for event %s by another thread than the one in handle; "
		    "complete() takes the same words",
		    run->label);
	pthread_mutex_lock(&run->t->lock);
	run->retry_ms = retry_ms < 0 ? -1 : retry_ms;
	free(run->why);
	run->why = why == NULL ? NULL : semel_kit_copy(why, strnlen(why, WHY_MAX));
	pthread_mutex_unlock(&run->t->lock);
}

/* ---- Publishing */

static bool may_emit(const struct semel_test *t, const char *topic)
{
	for (size_t i = 0; i < t->emits.n; i++)
		if (strcmp(t->emits.list[i], topic) == 0)
			return true;
	return false;
}

static int judge_record(struct semel_test_run *run, const struct semel_record *r)
{
	if (r == NULL || r->size < offsetof(struct semel_record, headers) + sizeof(r->headers) ||
	    r->topic == NULL || (r->n_headers > 0 && r->headers == NULL) || r->n_headers > HEADERS_MAX) {
		semel_kit_misuse(run->t,
		    "emit() for event %s: size, topic or headers of the record are wrong", run->label);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < r->n_headers; i++) {
		if (r->headers[i].name == NULL) {
			semel_kit_misuse(run->t, "emit() for event %s: header %u has no name", run->label, i);
			return -EINVAL;
		}
	}
	if (!may_emit(run->t, r->topic)) {
		semel_kit_misuse(
		    run->t, "emit() for event %s: topic %s is not in emits", run->label, r->topic);
		return -EACCES;
	}
	return r->key.len > RECORD_MAX || r->payload.len > RECORD_MAX ? -EMSGSIZE : 0;
}

static int emit(const struct semel_event *e, const struct semel_record *r)
{
	struct semel_test_run *run = run_of(e);
	struct emitted_header headers[HEADERS_MAX];
	int result = is_valid(e, "emit") ? judge_record(run, r) : -EINVAL;

	if (result < 0)
		return result;
	for (uint32_t i = 0; i < r->n_headers; i++)
		headers[i] = (struct emitted_header){ (char *)(uintptr_t)r->headers[i].name,
			{ r->headers[i].value.data, r->headers[i].value.len } };
	pthread_mutex_lock(&run->t->lock);
	result = emitted_add(&run->emitted, r->topic, (struct bytes){ r->key.data, r->key.len },
	    (struct bytes){ r->payload.data, r->payload.len }, headers, r->n_headers);
	pthread_mutex_unlock(&run->t->lock);
	return result;
}

static int complete(
    const struct semel_host *h, uint64_t token, enum semel_outcome outcome, int64_t retry_ms, const char *why)
{
	return semel_kit_complete(kit_of(h), token, (int)outcome, retry_ms, why);
}

void semel_kit_fill_host(struct semel_test *t)
{
	unsigned batch = t->host.batch;

	t->host = (struct semel_host){ .size = sizeof(t->host),
		.abi_minor = SEMEL_ABI_MINOR,
		.handler = t->name,
		.workers = KIT_WORKERS,
		.batch = batch,
		.text = semel_kit_text,
		.number = semel_kit_number,
		.at = semel_kit_at,
		.fault = fault,
		.log = log_line,
		.metric = metric,
		.record = record,
		.header = header,
		.header_at = header_at,
		.cancelled = cancelled,
		.lease_ms = lease_ms,
		.explain = explain,
		.emit = emit,
		.complete = complete };
}
