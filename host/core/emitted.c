#include "core/emitted.h"

#include <errno.h>
#include <stdlib.h>

static bool copy(struct bytes from, struct bytes *to)
{
	void *p;

	*to = (struct bytes){ NULL, 0 };
	if (from.data == NULL)
		return true;
	p = malloc(from.len + 1); /* there, even if it is empty */
	if (p == NULL)
		return false;
	memcpy(p, from.data, from.len);
	*to = (struct bytes){ p, from.len };
	return true;
}

static void drop(struct bytes b)
{
	free((void *)(uintptr_t)b.data);
}

static void clear(struct emitted_record *r)
{
	for (size_t i = 0; r->headers != NULL && i < r->n_headers; i++) {
		free(r->headers[i].name);
		drop(r->headers[i].value);
	}
	free(r->headers);
	free(r->topic);
	drop(r->key);
	drop(r->payload);
}

static bool fill(struct emitted_record *r, const char *topic, struct bytes key, struct bytes payload,
    const struct emitted_header *headers, size_t n)
{
	*r = (struct emitted_record){ .topic = strdup(topic), .n_headers = n };
	r->headers = calloc(n + 1, sizeof(*r->headers));
	if (r->topic == NULL || r->headers == NULL || !copy(key, &r->key) || !copy(payload, &r->payload))
		return false;
	for (size_t i = 0; i < n; i++) {
		r->headers[i].name = strdup(headers[i].name);
		if (r->headers[i].name == NULL || !copy(headers[i].value, &r->headers[i].value))
			return false;
	}
	return true;
}

static size_t size_of(struct bytes key, struct bytes payload, const struct emitted_header *headers, size_t n)
{
	size_t sum = key.len + payload.len;

	for (size_t i = 0; i < n; i++)
		sum += strlen(headers[i].name) + headers[i].value.len;
	return sum;
}

int emitted_add(struct emitted **e, const char *topic, struct bytes key, struct bytes payload,
    const struct emitted_header *headers, size_t n_headers)
{
	size_t size = size_of(key, payload, headers, n_headers);
	struct emitted_record *grown;

	if (*e == NULL)
		*e = calloc(1, sizeof(**e));
	if (*e == NULL)
		return -ENOMEM;
	if ((*e)->n == EMITTED_MAX || size > EMITTED_MAX_BYTES - (*e)->bytes)
		return -ENOBUFS;
	grown = realloc((*e)->list, ((*e)->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	(*e)->list = grown;
	if (!fill(&grown[(*e)->n], topic, key, payload, headers, n_headers)) {
		clear(&grown[(*e)->n]);
		return -ENOMEM;
	}
	(*e)->n++;
	(*e)->bytes += size;
	return 0;
}

void emitted_free(struct emitted *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->n; i++)
		clear(&e->list[i]);
	free(e->list);
	free(e);
}
