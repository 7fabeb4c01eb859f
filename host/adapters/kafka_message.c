#include "adapters/kafka_message.h"

#include <errno.h>
#include <stdlib.h>

/* What an event costs beside its bytes: librdkafka's op and ours. */
#define EVENT_OVERHEAD 512

/* ---- As librdkafka has it */

/* librdkafka takes the headers apart at the first look, and keeps them. */
static rd_kafka_headers_t *headers_of(struct message *m)
{
	rd_kafka_headers_t *headers;

	if (rd_kafka_message_headers(m->native, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return NULL;
	if (!atomic_load_explicit(&m->parsed, memory_order_relaxed))
		atomic_store_explicit(&m->parsed, true, memory_order_release);
	return headers;
}

static struct bytes native_header(struct message *m, const char *name)
{
	rd_kafka_headers_t *headers = headers_of(m);
	const void *value;
	size_t size;

	if (headers == NULL ||
	    rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    value == NULL)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ value, size };
}

static bool native_header_at(struct message *m, size_t i, const char **ret_name, struct bytes *ret_value)
{
	rd_kafka_headers_t *headers = headers_of(m);
	const void *value = NULL; /* gcc 14 does not see that the call below sets it */
	size_t size = 0;

	if (headers == NULL ||
	    rd_kafka_header_get_all(headers, i, ret_name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	*ret_value = (struct bytes){ value, value == NULL ? 0 : size };
	return true;
}

static void native_free(struct message *m)
{
	rd_kafka_message_destroy(m->native);
	m->native = NULL;
}

/* ---- A copy of it: one block, headers first */

struct copied_header {
	const char *name;
	struct bytes value;
};

struct copy {
	size_t n_headers;
	struct copied_header headers[];
};

static struct bytes copy_header(struct message *m, const char *name)
{
	const struct copy *c = m->native;

	for (size_t i = c->n_headers; i-- > 0;)
		if (strcmp(c->headers[i].name, name) == 0)
			return c->headers[i].value;
	return (struct bytes){ NULL, 0 };
}

static bool copy_header_at(struct message *m, size_t i, const char **ret_name, struct bytes *ret_value)
{
	const struct copy *c = m->native;

	if (i >= c->n_headers)
		return false;
	*ret_name = c->headers[i].name;
	*ret_value = c->headers[i].value;
	return true;
}

static void copy_free(struct message *m)
{
	free(m->native);
	m->native = NULL;
}

static const struct message_ops copy_ops = { copy_header, copy_header_at, NULL, copy_free };

/* Copies bytes to *at and moves it on; absent stays absent. */
static struct bytes move(char **at, struct bytes b)
{
	struct bytes out = { b.data == NULL ? NULL : *at, b.len };

	if (b.len > 0)
		memcpy(*at, b.data, b.len);
	*at += b.len;
	return out;
}

static int detach(struct message *m)
{
	size_t n = 0, size = m->key.len + m->payload.len + 1;
	const char *name;
	struct bytes value;
	struct copy *c;
	char *at;

	while (native_header_at(m, n, &name, &value)) {
		size += strlen(name) + 1 + value.len;
		n++;
	}
	c = malloc(sizeof(*c) + n * sizeof(struct copied_header) + size);
	if (c == NULL)
		return -ENOMEM;
	c->n_headers = n;
	at = (char *)&c->headers[n];
	for (size_t i = 0; i < n && native_header_at(m, i, &name, &value); i++) {
		c->headers[i].name = at;
		memcpy(at, name, strlen(name) + 1);
		at += strlen(name) + 1;
		c->headers[i].value = move(&at, value);
	}
	m->key = move(&at, m->key);
	m->payload = move(&at, m->payload);
	native_free(m);
	m->native = c;
	m->ops = &copy_ops;
	return 0;
}

static const struct message_ops native_ops = { native_header, native_header_at, detach, native_free };

void kafka_message_fill(struct message *m, rd_kafka_message_t *rkm, const char *topic)
{
	rd_kafka_timestamp_type_t type;

	*m = (struct message){ .ops = &native_ops,
		.native = rkm,
		.topic = topic,
		.partition = rkm->partition,
		.offset = rkm->offset,
		.timestamp_ms = rd_kafka_message_timestamp(rkm, &type),
		.key = { rkm->key, rkm->key_len },
		.payload = { rkm->payload, rkm->len },
		.size = rkm->key_len + rkm->len + EVENT_OVERHEAD };
}
