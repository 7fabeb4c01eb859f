#include "core/headers.h"

#include <stdio.h>
#include <stdlib.h>

void headers_bytes(struct headers *h, const char *name, struct bytes value)
{
	h->list[h->n++] = (struct header){ name, value };
}

void headers_number(struct headers *h, const char *name, int64_t value)
{
	char *text = h->texts[h->n];

	snprintf(text, sizeof(h->texts[0]), "%lld", (long long)value);
	headers_bytes(h, name, bytes_of_text(text));
}

void headers_big_endian(struct headers *h, const char *name, int64_t value, unsigned size)
{
	char *text = h->texts[h->n];

	for (unsigned i = 0; i < size; i++)
		text[i] = (char)(uint8_t)((uint64_t)value >> 8 * (size - 1 - i));
	headers_bytes(h, name, (struct bytes){ text, size });
}

void headers_retry(struct headers *h, const struct retry_note *note)
{
	headers_number(h, PREFIX_RETRY "due", note->due_ms);
	headers_bytes(h, PREFIX_RETRY "event_id", note->event_id);
	headers_number(h, PREFIX_RETRY "retries", note->retries);
	headers_number(h, PREFIX_RETRY "replays", note->replays);
	headers_number(h, PREFIX_RETRY "failed", note->failed);
	headers_number(h, PREFIX_RETRY "crashes", note->crashes);
	headers_bytes(h, PREFIX_RETRY "topic", note->topic);
	headers_number(h, PREFIX_RETRY "partition", note->partition);
	headers_number(h, PREFIX_RETRY "offset", note->offset);
	headers_number(h, PREFIX_RETRY "timestamp", note->timestamp_ms);
}

static bool is_added(const char *name)
{
	static const char *const prefixes[] = { PREFIX_DLQ, PREFIX_RETRY, PREFIX_CONNECT, PREFIX_SPRING };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

struct header *headers_join(struct message *m, const struct headers *own, size_t *ret_n, size_t *ret_own_at)
{
	struct header *list;
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
			list[k++] = (struct header){ name, value };
	memcpy(list + k, own->list, own->n * sizeof(*list));
	*ret_own_at = k;
	*ret_n = k + own->n;
	return list;
}
