#include "engine/emit_headers.h"

#include "adapters/keyed_hash.h"
#include "base/buf.h"
#include "core/emitted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void put_number(struct buf *out, uint32_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_char(out, (char)(uint8_t)(n >> shift));
}

static void put_bytes(struct buf *out, struct bytes b)
{
	put_number(out, (uint32_t)b.len);
	buf_add(out, b.data, b.len);
}

void emit_id(const char *subscription, struct bytes id, const char *handler, uint32_t i, char ret_id[33])
{
	static const uint8_t key[17] = "semel emitted id";
	struct buf text = { NULL, 0, 0 };
	uint8_t hash[16];

	put_bytes(&text, bytes_of_text(subscription));
	put_bytes(&text, id);
	put_bytes(&text, bytes_of_text(handler));
	put_number(&text, i);
	keyed_hash_128(key, (struct bytes){ text.data, text.len }, hash);
	for (unsigned k = 0; k < sizeof(hash); k++)
		snprintf(ret_id + 2 * (size_t)k, 3, "%02x", hash[k]);
	buf_free(&text);
}

static bool has(const struct emit_headers *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->list[i].name, name) == 0)
			return true;
	return false;
}

static void pass_on(struct emit_headers *h, struct event *ev, const char *name)
{
	struct bytes value = ev->msg.ops->header(&ev->msg, name);

	if (value.data != NULL && !has(h, name))
		h->list[h->n++] = (struct kafka_header){ name, value };
}

int emit_headers(struct emit_headers *h, const struct subscription *s, struct event *ev, size_t i)
{
	const struct emitted_record *r = &ev->run.emitted->list[i];

	h->n = 0;
	h->list = calloc(r->n_headers + 3, sizeof(*h->list));
	if (h->list == NULL)
		return -ENOMEM;
	for (size_t k = 0; k < r->n_headers; k++)
		h->list[h->n++] = (struct kafka_header){ r->headers[k].name, r->headers[k].value };
	if (!has(h, "event-id")) {
		emit_id(s->conf->name, ev->id, s->config->handlers[ev->handler].name, (uint32_t)i, h->id);
		h->list[h->n++] = (struct kafka_header){ "event-id", bytes_of_text(h->id) };
	}
	pass_on(h, ev, "traceparent");
	pass_on(h, ev, "tracestate");
	return 0;
}

void emit_headers_free(struct emit_headers *h)
{
	free(h->list);
	h->list = NULL;
}
