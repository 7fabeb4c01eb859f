#include "adapters/kafka_headers.h"

#include <stdio.h>
#include <stdlib.h>

void kafka_headers_bytes(struct kafka_headers *h, const char *name, struct bytes value)
{
	h->list[h->n++] = (struct kafka_header){ name, value };
}

void kafka_headers_number(struct kafka_headers *h, const char *name, int64_t value)
{
	char *text = h->texts[h->n];

	snprintf(text, sizeof(h->texts[0]), "%lld", (long long)value);
	kafka_headers_bytes(h, name, bytes_of_text(text));
}

void kafka_headers_big_endian(struct kafka_headers *h, const char *name, int64_t value, unsigned size)
{
	char *text = h->texts[h->n];

	for (unsigned i = 0; i < size; i++)
		text[i] = (char)(uint8_t)((uint64_t)value >> 8 * (size - 1 - i));
	kafka_headers_bytes(h, name, (struct bytes){ text, size });
}

void kafka_headers_retry(struct kafka_headers *h, const struct retry_note *note)
{
	kafka_headers_number(h, PREFIX_RETRY "due", note->due_ms);
	kafka_headers_bytes(h, PREFIX_RETRY "event_id", note->event_id);
	kafka_headers_number(h, PREFIX_RETRY "retries", note->retries);
	kafka_headers_number(h, PREFIX_RETRY "replays", note->replays);
	kafka_headers_number(h, PREFIX_RETRY "failed", note->failed);
	kafka_headers_number(h, PREFIX_RETRY "crashes", note->crashes);
	kafka_headers_bytes(h, PREFIX_RETRY "topic", note->topic);
	kafka_headers_number(h, PREFIX_RETRY "partition", note->partition);
	kafka_headers_number(h, PREFIX_RETRY "offset", note->offset);
	kafka_headers_number(h, PREFIX_RETRY "timestamp", note->timestamp_ms);
}

static bool is_added(const char *name)
{
	static const char *const prefixes[] = { PREFIX_DLQ, PREFIX_RETRY, PREFIX_CONNECT, PREFIX_SPRING };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

struct kafka_header *kafka_headers_join(
    struct message *m, const struct kafka_headers *own, size_t *ret_n, size_t *ret_own_at)
{
	struct kafka_header *list;
	const char *name;
	struct bytes value;
	size_t n = 0, k = 0;

	while (m->ops->header_at(m, n, &name, &value))
		n++;
	list = calloc(n + own->n, sizeof(*list));
	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < n && m->ops->header_at(m, i, &name, &value); i++)
		if (!is_added(name))
			list[k++] = (struct kafka_header){ name, value };
	memcpy(list + k, own->list, own->n * sizeof(*list));
	*ret_own_at = k;
	*ret_n = k + own->n;
	return list;
}
