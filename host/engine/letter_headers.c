#include "engine/letter_headers.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADER_PREFIX "semel.dlq."
#define RETRY_PREFIX "semel.retry."
#define CONNECT "__connect.errors."
#define SPRING "kafka_dlt-"

static void add_bytes(struct letter_headers *h, const char *name, struct bytes value)
{
	h->list[h->n++] = (struct kafka_header){ name, value };
}

static void add_text(struct letter_headers *h, const char *name, const char *value)
{
	add_bytes(h, name, bytes_of_text(value));
}

static void add_number(struct letter_headers *h, const char *name, int64_t value)
{
	char *text = h->texts[h->n];

	snprintf(text, sizeof(h->texts[0]), "%lld", (long long)value);
	add_bytes(h, name, bytes_of_text(text));
}

static void add_big_endian(struct letter_headers *h, const char *name, int64_t value, unsigned size)
{
	char *text = h->texts[h->n];

	for (unsigned i = 0; i < size; i++)
		text[i] = (char)(uint8_t)((uint64_t)value >> 8 * (size - 1 - i));
	add_bytes(h, name, (struct bytes){ text, size });
}

static void native(struct letter_headers *h, const struct subscription *s, const struct event *ev,
    const char *handler_version)
{
	const char *why = ev->run.why == NULL ? "" : ev->run.why;

	add_text(h, HEADER_PREFIX "reason", dlq_reason_name((enum dlq_reason)ev->f.reason));
	add_bytes(h, HEADER_PREFIX "detail", bytes_of_text(why));
	add_bytes(h, HEADER_PREFIX "subscription", bytes_of_text(s->conf->name));
	if (handler_version != NULL) {
		add_bytes(h, HEADER_PREFIX "handler", bytes_of_text(s->config->handlers[ev->handler].name));
		add_bytes(h, HEADER_PREFIX "handler_version", bytes_of_text(handler_version));
	}
	add_number(h, HEADER_PREFIX "attempts", ev->run.attempt);
	add_bytes(h, HEADER_PREFIX "topic", bytes_of_text(ev->origin.topic));
	add_number(h, HEADER_PREFIX "partition", ev->origin.partition);
	add_number(h, HEADER_PREFIX "offset", ev->origin.offset);
	add_number(h, HEADER_PREFIX "timestamp", ev->origin.timestamp_ms);
	add_bytes(h, HEADER_PREFIX "event_id", ev->id);
	add_number(h, HEADER_PREFIX "failed_at", wall_ms());
	add_number(h, HEADER_PREFIX "replays", ev->replays);
	add_number(h, HEADER_PREFIX "retries", ev->retries);
}

static const char *reason_of(const struct event *ev)
{
	return dlq_reason_name((enum dlq_reason)ev->f.reason);
}

static void connect(struct letter_headers *h, const struct subscription *s, const struct event *ev)
{
	add_text(h, CONNECT "topic", ev->origin.topic);
	add_number(h, CONNECT "partition", ev->origin.partition);
	add_number(h, CONNECT "offset", ev->origin.offset);
	add_text(h, CONNECT "connector.name", s->conf->name);
	add_text(h, CONNECT "task.id", s->config->node);
	add_text(h, CONNECT "stage", "TASK_PUT");
	add_text(h, CONNECT "class.name", s->config->handlers[ev->handler].plugin);
	add_text(h, CONNECT "exception.class.name", reason_of(ev));
	add_text(h, CONNECT "exception.message", ev->run.why == NULL ? "" : ev->run.why);
}

static void spring(struct letter_headers *h, const struct subscription *s, const struct event *ev)
{
	add_text(h, SPRING "original-topic", ev->origin.topic);
	add_big_endian(h, SPRING "original-partition", ev->origin.partition, 4);
	add_big_endian(h, SPRING "original-offset", ev->origin.offset, 8);
	add_big_endian(h, SPRING "original-timestamp", ev->origin.timestamp_ms, 8);
	add_text(h, SPRING "original-timestamp-type", "CreateTime");
	add_text(h, SPRING "original-consumer-group", s->conf->group);
	add_text(h, SPRING "exception-fqcn", reason_of(ev));
	add_text(h, SPRING "exception-message", ev->run.why == NULL ? "" : ev->run.why);
}

void letter_headers(struct letter_headers *h, const struct subscription *s, const struct event *ev,
    const char *handler_version)
{
	h->n = 0;
	native(h, s, ev, handler_version);
	if (s->conf->dead_letter.header_style == HEADERS_CONNECT)
		connect(h, s, ev);
	else if (s->conf->dead_letter.header_style == HEADERS_SPRING)
		spring(h, s, ev);
}

/* What the next run has to know, in the retry topic. */
void retry_headers(struct letter_headers *h, const struct event *ev)
{
	h->n = 0;
	add_number(h, RETRY_PREFIX "due", ev->f.wait_until_ms);
	add_bytes(h, RETRY_PREFIX "event_id", ev->id);
	add_number(h, RETRY_PREFIX "retries", (int64_t)ev->retries + 1);
	add_number(h, RETRY_PREFIX "replays", ev->replays);
	add_number(h, RETRY_PREFIX "failed", ev->run.failed);
	add_number(h, RETRY_PREFIX "crashes", ev->run.crashes);
	add_bytes(h, RETRY_PREFIX "topic", bytes_of_text(ev->origin.topic));
	add_number(h, RETRY_PREFIX "partition", ev->origin.partition);
	add_number(h, RETRY_PREFIX "offset", ev->origin.offset);
	add_number(h, RETRY_PREFIX "timestamp", ev->origin.timestamp_ms);
}

static bool is_added(const char *name)
{
	static const char *const prefixes[] = { HEADER_PREFIX, RETRY_PREFIX, CONNECT, SPRING };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

struct kafka_header *letter_headers_all(
    struct event *ev, const struct letter_headers *own, size_t *ret_n, size_t *ret_own_at)
{
	struct kafka_header *list;
	const char *name;
	struct bytes value;
	size_t n = 0, k = 0;

	while (ev->msg.ops->header_at(&ev->msg, n, &name, &value))
		n++;
	list = calloc(n + own->n, sizeof(*list));
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < n && ev->msg.ops->header_at(&ev->msg, i, &name, &value); i++)
		if (!is_added(name))
			list[k++] = (struct kafka_header){ name, value };
	memcpy(list + k, own->list, own->n * sizeof(*list));
	*ret_own_at = k;
	*ret_n = k + own->n;
	return list;
}
