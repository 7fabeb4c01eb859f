#include "engine/letter_headers.h"

static void add_text(struct headers *h, const char *name, const char *value)
{
	headers_bytes(h, name, bytes_of_text(value));
}

static const char *reason_of(const struct event *ev)
{
	return dlq_reason_name((enum dlq_reason)ev->f.reason);
}

static void native(
    struct headers *h, const struct subscription *s, const struct event *ev, const char *handler_version)
{
	const char *why = ev->run.why == NULL ? "" : ev->run.why;

	add_text(h, PREFIX_DLQ "reason", reason_of(ev));
	add_text(h, PREFIX_DLQ "detail", why);
	add_text(h, PREFIX_DLQ "subscription", s->conf->name);
	if (handler_version != NULL) {
		add_text(h, PREFIX_DLQ "handler", s->config->handlers[ev->handler].name);
		add_text(h, PREFIX_DLQ "handler_version", handler_version);
	}
	headers_number(h, PREFIX_DLQ "attempts", ev->run.attempt);
	add_text(h, PREFIX_DLQ "topic", ev->origin.topic);
	headers_number(h, PREFIX_DLQ "partition", ev->origin.partition);
	headers_number(h, PREFIX_DLQ "offset", ev->origin.offset);
	headers_number(h, PREFIX_DLQ "timestamp", ev->origin.timestamp_ms);
	headers_bytes(h, PREFIX_DLQ "event_id", ev->id);
	headers_number(h, PREFIX_DLQ "failed_at", wall_ms());
	headers_number(h, PREFIX_DLQ "replays", ev->replays);
	headers_number(h, PREFIX_DLQ "retries", ev->retries);
}

static void connect(struct headers *h, const struct subscription *s, const struct event *ev)
{
	add_text(h, PREFIX_CONNECT "topic", ev->origin.topic);
	headers_number(h, PREFIX_CONNECT "partition", ev->origin.partition);
	headers_number(h, PREFIX_CONNECT "offset", ev->origin.offset);
	add_text(h, PREFIX_CONNECT "connector.name", s->conf->name);
	add_text(h, PREFIX_CONNECT "task.id", s->config->node);
	add_text(h, PREFIX_CONNECT "stage", "TASK_PUT");
	add_text(h, PREFIX_CONNECT "class.name", s->config->handlers[ev->handler].plugin);
	add_text(h, PREFIX_CONNECT "exception.class.name", reason_of(ev));
	add_text(h, PREFIX_CONNECT "exception.message", ev->run.why == NULL ? "" : ev->run.why);
}

static void spring(struct headers *h, const struct subscription *s, const struct event *ev)
{
	add_text(h, PREFIX_SPRING "original-topic", ev->origin.topic);
	headers_big_endian(h, PREFIX_SPRING "original-partition", ev->origin.partition, 4);
	headers_big_endian(h, PREFIX_SPRING "original-offset", ev->origin.offset, 8);
	headers_big_endian(h, PREFIX_SPRING "original-timestamp", ev->origin.timestamp_ms, 8);
	add_text(h, PREFIX_SPRING "original-timestamp-type", "CreateTime");
	add_text(h, PREFIX_SPRING "original-consumer-group", s->conf->group);
	add_text(h, PREFIX_SPRING "exception-fqcn", reason_of(ev));
	add_text(h, PREFIX_SPRING "exception-message", ev->run.why == NULL ? "" : ev->run.why);
}

void letter_headers(
    struct headers *h, const struct subscription *s, const struct event *ev, const char *handler_version)
{
	h->n = 0;
	native(h, s, ev, handler_version);
	if (s->conf->dead_letter.header_style == HEADERS_CONNECT)
		connect(h, s, ev);
	else if (s->conf->dead_letter.header_style == HEADERS_SPRING)
		spring(h, s, ev);
}

/* What the next run has to know, in the retry topic. */
void retry_headers(struct headers *h, const struct event *ev)
{
	h->n = 0;
	headers_retry(h, &(struct retry_note){ .due_ms = ev->f.wait_until_ms,
			     .event_id = ev->id,
			     .retries = (int64_t)ev->retries + 1,
			     .replays = ev->replays,
			     .failed = ev->run.failed,
			     .crashes = ev->run.crashes,
			     .topic = bytes_of_text(ev->origin.topic),
			     .partition = ev->origin.partition,
			     .offset = ev->origin.offset,
			     .timestamp_ms = ev->origin.timestamp_ms });
}
