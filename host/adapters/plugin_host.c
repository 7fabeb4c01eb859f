/* The services of struct semel_host. */
#include "adapters/plugin_private.h"
#include "core/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_FIELDS_MAX 32
/* Of an emitted record; what its topic takes, the broker says. */
#define HEADERS_MAX 256
#define RECORD_MAX ((size_t)16 << 20)

static struct plugin *plugin_of(const struct semel_host *h)
{
	return (struct plugin *)(uintptr_t)h;
}

static const struct plugin_event *inside(const struct semel_event *e)
{
	return (const struct plugin_event *)e;
}

void plugin_fault(struct plugin *p, const char *kind)
{
	series_add(metrics_series(p->metrics, METRIC_PLUGIN_FAULTS, p->conf->name, kind), 1);
}

/* ---- Settings */

static void fault(const struct semel_settings *cs, const char *name, const char *why)
{
	struct semel_settings *s = (struct semel_settings *)(uintptr_t)cs;
	struct config_place place = s->conf->place;

	for (size_t i = 0; name != NULL && i < s->conf->n_settings; i++)
		if (strcmp(s->conf->settings[i].path, name) == 0)
			place = s->conf->settings[i].place;
	config_problem_add(
	    &s->faults, true, place.file, place.line, "settings.%s: %s", name == NULL ? "" : name, why);
}

/* ---- Log and metrics */

/* How many fields. */
static size_t put_trace(const struct semel_event *e, struct trace *trace, struct log_field *out)
{
	struct semel_bytes parent = e->host->header(e, "traceparent");

	if (!trace_parse((struct bytes){ parent.data, parent.len }, trace))
		return 0;
	out[0] = LOG_TEXT("trace_id", trace->trace_id);
	out[1] = LOG_TEXT("span_id", trace->span_id);
	return 2;
}

static void log_service(const struct semel_host *h, const struct semel_event *e, enum semel_level level,
    const char *text, const struct semel_header *fields, size_t n)
{
	static const enum log_level levels[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
	struct plugin *p = plugin_of(h);
	struct log_field out[LOG_FIELDS_MAX];
	struct trace trace;
	size_t k = 0;
	enum log_level l = level <= SEMEL_ERROR ? levels[level] : LOG_INFO;

	if (!log_wanted(l))
		return;
	out[k++] = LOG_TEXT("handler", p->conf->name);
	if (e != NULL) {
		out[k++] = LOG_TEXT("subscription", e->subscription);
		out[k++] = LOG_TEXT("topic", e->topic);
		out[k++] = LOG_INT("partition", e->partition);
		out[k++] = LOG_INT("offset", e->offset);
		out[k++] = LOG_BYTES("event_id", ((struct bytes){ e->id.data, e->id.len }));
		k += put_trace(e, &trace, &out[k]);
	}
	for (size_t i = 0; i < n && k < LOG_FIELDS_MAX; i++)
		out[k++] = LOG_BYTES(
		    fields[i].name, ((struct bytes){ fields[i].value.data, fields[i].value.len }));
	log_write_dynamic(l, text, out, k);
}

static struct semel_metric *metric(
    const struct semel_host *h, enum semel_metric_type type, const char *name, const char *help)
{
	static const enum metric_type types[] = { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
	struct plugin *p = plugin_of(h);
	struct plugin_metric *m;
	struct series *s;

	if (type > SEMEL_HISTOGRAM || name == NULL)
		return NULL;
	s = metrics_plugin(p->metrics, p->facts.name, p->conf->name, types[type], name, help);
	m = s == NULL ? NULL : malloc(sizeof(*m));
	if (m == NULL)
		return NULL;
	*m = (struct plugin_metric){ p->own_metrics, s, types[type] };
	p->own_metrics = m;
	return (struct semel_metric *)m;
}

static void record(struct semel_metric *metric_, double value)
{
	struct plugin_metric *m = (struct plugin_metric *)metric_;

	if (m == NULL)
		return;
	if (m->type == METRIC_COUNTER)
		series_add_real(m->series, value);
	else if (m->type == METRIC_GAUGE)
		series_set(m->series, value);
	else
		series_observe(m->series, value);
}

/* ---- The event */

static struct semel_bytes header(const struct semel_event *e, const char *name)
{
	struct event *ev = inside(e)->ev;
	struct bytes b = ev->msg.ops->header(&ev->msg, name);

	return (struct semel_bytes){ b.data, b.len };
}

static bool header_at(const struct semel_event *e, size_t i, struct semel_header *ret_header)
{
	struct event *ev = inside(e)->ev;
	struct bytes value;

	if (!ev->msg.ops->header_at(&ev->msg, i, &ret_header->name, &value))
		return false;
	ret_header->value = (struct semel_bytes){ value.data, value.len };
	return true;
}

static bool cancelled(const struct semel_event *e)
{
	return atomic_load_explicit(&inside(e)->ev->run.cancelled, memory_order_relaxed);
}

static int64_t lease_ms(const struct semel_event *e)
{
	int64_t until = atomic_load_explicit(inside(e)->run->lease_until_us, memory_order_relaxed);

	return (until - mono_now().us) / 1000;
}

static void explain(const struct semel_event *e, int64_t retry_ms, const char *why)
{
	struct event *ev = inside(e)->ev;

	ev->run.retry_ms = retry_ms < 0 ? -1 : retry_ms;
	free(ev->run.why);
	ev->run.why = why == NULL ? NULL : strndup(why, WHY_MAX);
}

/* A plugin built for an older minor has a shorter struct: what it lacks is zero. */
static bool read_record(const struct semel_record *r, struct semel_record *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (r == NULL || r->size < offsetof(struct semel_record, headers) + sizeof(r->headers))
		return false;
	memcpy(ret, r, r->size < sizeof(*ret) ? r->size : sizeof(*ret));
	return ret->topic != NULL && (ret->n_headers == 0 || ret->headers != NULL) &&
	       ret->n_headers <= HEADERS_MAX;
}

static bool may_emit(const struct config_handler *h, const char *topic)
{
	for (size_t i = 0; i < h->n_emits; i++)
		if (strcmp(h->emits[i], topic) == 0)
			return true;
	return false;
}

static int emit(const struct semel_event *e, const struct semel_record *record)
{
	struct plugin_event *pe = (struct plugin_event *)(uintptr_t)e;
	struct emitted_header headers[HEADERS_MAX];
	struct semel_record r;

	if (!read_record(record, &r))
		return -EINVAL;
	if (!may_emit(plugin_of(e->host)->conf, r.topic))
		return -EACCES;
	if (r.key.len > RECORD_MAX || r.payload.len > RECORD_MAX)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < r.n_headers; i++) {
		if (r.headers[i].name == NULL)
			return -EINVAL;
		headers[i] = (struct emitted_header){ (char *)(uintptr_t)r.headers[i].name,
			{ r.headers[i].value.data, r.headers[i].value.len } };
	}
	return emitted_add(&pe->emitted, r.topic, (struct bytes){ r.key.data, r.key.len },
	    (struct bytes){ r.payload.data, r.payload.len }, headers, r.n_headers);
}

static int complete(
    const struct semel_host *h, uint64_t token, enum semel_outcome outcome, int64_t retry_ms, const char *why)
{
	return plugin_complete(plugin_of(h), token, (int)outcome, retry_ms, why);
}

void plugin_host_fill(struct plugin *p)
{
	static const char *const kinds[] = { PLUGIN_FAULTS };

	/* From the start, so that the first is an increase. */
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		metrics_series(p->metrics, METRIC_PLUGIN_FAULTS, p->conf->name, kinds[i]);
	p->host = (struct semel_host){ .size = sizeof(struct semel_host),
		.abi_minor = SEMEL_ABI_MINOR,
		.handler = p->conf->name,
		.workers = p->conf->workers,
		.batch = p->conf->batch,
		.text = plugin_setting_text,
		.number = plugin_setting_number,
		.at = plugin_setting_at,
		.fault = fault,
		.log = log_service,
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
