#include "engine/emit_headers.h"

#include "adapters/keyed_hash.h"
#include "core/emit_id.h"
#include "core/emitted.h"
#include "core/trace.h"

#include <errno.h>
#include <stdlib.h>

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
		h->list[h->n++] = (struct header){ name, value };
}

int emit_headers(struct emit_headers *h, const struct subscription *s, struct event *ev, size_t i)
{
	const struct emitted_record *r = &ev->run.emitted->list[i];
	struct trace trace;

	h->n = 0;
	h->list = calloc(r->n_headers + 3, sizeof(*h->list));
	if (h->list == NULL)
		return -ENOMEM;
	for (size_t k = 0; k < r->n_headers; k++)
		h->list[h->n++] = (struct header){ r->headers[k].name, r->headers[k].value };
	if (!has(h, "event-id")) {
		emit_id(keyed_hash_128, s->conf->name, ev->id, s->config->handlers[ev->handler].name,
		    (uint32_t)i, h->id);
		h->list[h->n++] = (struct header){ "event-id", bytes_of_text(h->id) };
	}
	/* What is no trace is not passed on as one. */
	if (trace_parse(ev->msg.ops->header(&ev->msg, "traceparent"), &trace)) {
		pass_on(h, ev, "traceparent");
		pass_on(h, ev, "tracestate");
	}
	return 0;
}

void emit_headers_free(struct emit_headers *h)
{
	free(h->list);
	h->list = NULL;
}
