/* A record of the retry topic: what its headers say.  Anybody may write there, so nothing of it is believed unseen. */
#include "engine/decode_private.h"

#include "adapters/keyed_hash.h"

#include <stdlib.h>

#define TOPIC_MAX 249
/* Topics that records may come from; more are no topics of ours. */
#define ORIGINS_MAX 1000
/* A time that is farther away is a mistake. */
#define DUE_MAX_MS (400 * INT64_C(86400000))
#define COUNT_MAX 1000000

void decode_chain_id(
    const uint8_t key[16], const uint8_t id_hash[16], uint32_t replays, uint32_t retries, uint8_t ret[16])
{
	uint8_t text[24];

	if (replays == 0 && retries == 0) {
		memmove(ret, id_hash, 16);
		return;
	}
	/* Nobody can make an id of these bytes: the hash in it is keyed. */
	memcpy(text, id_hash, 16);
	for (unsigned i = 0; i < 4; i++) {
		text[16 + i] = (uint8_t)(replays >> (24 - 8 * i));
		text[20 + i] = (uint8_t)(retries >> (24 - 8 * i));
	}
	keyed_hash_128(key, (struct bytes){ text, sizeof(text) }, ret);
}

static struct bytes header(struct decoder *d, const char *name)
{
	return d->ev->msg.ops->header(&d->ev->msg, name);
}

/* A decimal number in a header, from min to max; else the fate is set, and min returned. */
static int64_t number(struct decoder *d, const char *name, bool needed, int64_t min, int64_t max)
{
	struct bytes v = header(d, name);
	char text[24], *end;
	long long n;

	if (v.data == NULL && !needed)
		return min;
	if (v.data == NULL || v.len == 0 || v.len >= sizeof(text)) {
		decode_bad(d, FATE_BAD_ID, "a record of the retry topic without a usable header %s", name);
		return min;
	}
	memcpy(text, v.data, v.len);
	text[v.len] = '\0';
	n = strtoll(text, &end, 10);
	if (*end != '\0' || n < min || n > max) {
		decode_bad(d, FATE_BAD_ID,
		    "a record of the retry topic whose header %s is no number from %lld to %lld", name,
		    (long long)min, (long long)max);
		return min;
	}
	return n;
}

/* The name, kept: events point to it. */
static const char *origin_topic(struct decoder *d)
{
	struct bytes v = header(d, "semel.retry.topic");
	char **grown;

	for (size_t i = 0; i < d->n_origins && v.data != NULL; i++)
		if (strlen(d->origins[i]) == v.len && memcmp(d->origins[i], v.data, v.len) == 0)
			return d->origins[i];
	if (v.data == NULL || v.len == 0 || v.len > TOPIC_MAX || memchr(v.data, '\0', v.len) != NULL ||
	    d->n_origins == ORIGINS_MAX) {
		decode_bad(d, FATE_BAD_ID, "%s",
		    "a record of the retry topic without a usable header semel.retry.topic");
		return d->ev->msg.topic;
	}
	grown = realloc(d->origins, (d->n_origins + 1) * sizeof(*grown));
	if (grown == NULL)
		abort();
	d->origins = grown;
	d->origins[d->n_origins] = strndup(v.data, v.len);
	if (d->origins[d->n_origins] == NULL)
		abort();
	return d->origins[d->n_origins++];
}

void decode_retry_free(struct decoder *d)
{
	for (size_t i = 0; i < d->n_origins; i++)
		free(d->origins[i]);
	free(d->origins);
}

static void take_chain(struct decoder *d)
{
	struct event *ev = d->ev;
	uint8_t id[16];
	uint32_t after;

	ev->replays = (uint32_t)number(d, "semel.retry.replays", true, 0, COUNT_MAX);
	ev->retries = (uint32_t)number(d, "semel.retry.retries", true, 0, COUNT_MAX);
	after = (uint32_t)number(d, "semel.retry.after", false, 0, COUNT_MAX);
	if (ev->fate != FATE_HANDLE)
		return;
	if (ev->replays == 0 && ev->retries == 0) {
		decode_bad(
		    d, FATE_BAD_ID, "%s", "a record of the retry topic that is neither a retry nor a replay");
		return;
	}
	memcpy(id, ev->id_hash, sizeof(id));
	decode_chain_id(d->hash_key, id, ev->replays, ev->retries, ev->id_hash);
	decode_chain_id(d->hash_key, id, ev->retries > 0 ? ev->replays : ev->replays - 1,
	    ev->retries > 0 ? ev->retries - 1 : after, ev->before_hash);
	ev->chained = true;
}

void decode_retry(struct decoder *d, int64_t now_ms)
{
	struct event *ev = d->ev;
	struct bytes id = header(d, "semel.retry.event_id");
	int64_t due_ms = number(d, "semel.retry.due", true, 0, INT64_MAX / 2);

	if (id.data == NULL)
		decode_bad(d, FATE_BAD_ID, "%s",
		    "a record of the retry topic without a header semel.retry.event_id");
	else
		decode_set_id(d, id);
	if (ev->fate == FATE_HANDLE && due_ms > now_ms + DUE_MAX_MS)
		decode_bad(
		    d, FATE_BAD_ID, "%s", "a record of the retry topic that is due in more than a year");
	if (ev->fate == FATE_HANDLE)
		take_chain(d);
	ev->failed_before = ev->run.failed = (uint32_t)number(d, "semel.retry.failed", true, 0, COUNT_MAX);
	ev->crashes_before = ev->run.crashes = (uint32_t)number(d, "semel.retry.crashes", true, 0, COUNT_MAX);
	if (ev->fate != FATE_HANDLE)
		return;
	ev->origin.topic = origin_topic(d);
	ev->origin.partition = (int32_t)number(d, "semel.retry.partition", true, 0, INT32_MAX);
	ev->origin.offset = number(d, "semel.retry.offset", true, 0, INT64_MAX - 1);
	ev->origin.timestamp_ms = number(d, "semel.retry.timestamp", true, -1, INT64_MAX - 1);
	if (due_ms > now_ms)
		ev->due = mono_add_ms(mono_now(), due_ms - now_ms);
}
