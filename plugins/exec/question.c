#include "question.h"

static void add_headers(struct json_line *l, const struct semel_event *e)
{
	struct semel_header h;

	line_list(l, "headers");
	for (size_t i = 0; e->host->header_at(e, i, &h); i++) {
		line_item(l);
		line_text(l, "name", h.name);
		line_bytes(l, "value", h.value);
		line_item_end(l);
	}
	line_list_end(l);
}

/* What a producer can choose stands last: a child without a JSON reader finds the rest by its first occurrence. */
void question_make(const struct semel_event *e, uint64_t seq, struct json_line *l)
{
	line_begin(l);
	line_unsigned(l, "v", 1);
	line_unsigned(l, "seq", seq);
	line_text(l, "topic", e->topic);
	line_number(l, "partition", e->partition);
	line_number(l, "offset", e->offset);
	line_number(l, "timestamp", e->timestamp_ms);
	line_unsigned(l, "attempt", e->attempt);
	line_bool(l, "redelivered", e->redelivered);
	line_unsigned(l, "fence", e->fence);
	line_number(l, "lease_ms", e->host->lease_ms(e));
	line_text(l, "subscription", e->subscription);
	line_text(l, "handler", e->host->handler);
	line_text(l, "route", e->route);
	line_bytes(l, "id", e->id);
	line_bytes(l, "key", e->key);
	add_headers(l, e);
	line_bytes(l, "payload", e->payload);
	line_end(l);
}
