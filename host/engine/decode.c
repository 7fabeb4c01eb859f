#include "engine/decode_private.h"

#include "adapters/json.h"
#include "adapters/keyed_hash.h"
#include "core/emitted.h"
#include "core/event_id.h"
#include "core/route.h"

#include <stdio.h>
#include <stdlib.h>

struct decoder *decoder_new(const struct config *c, const struct config_subscription *sub,
    const uint8_t hash_key[16], const uint8_t lane_hash_key[16])
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->config = c;
	d->sub = sub;
	memcpy(d->hash_key, hash_key, sizeof(d->hash_key));
	memcpy(d->lane_hash_key, lane_hash_key, sizeof(d->lane_hash_key));
	return d;
}

void decoder_free(struct decoder *d)
{
	if (d == NULL)
		return;
	buf_free(&d->scratch);
	buf_free(&d->value);
	buf_free(&d->id);
	decode_retry_free(d);
	free(d);
}

void event_clear(struct event *ev)
{
	if (ev->msg.ops != NULL)
		ev->msg.ops->free(&ev->msg);
	ev->msg.ops = NULL;
	free(ev->id_heap);
	ev->id_heap = NULL;
	free(ev->run.why);
	ev->run.why = NULL;
	emitted_free(ev->run.emitted);
	ev->run.emitted = NULL;
	free(ev->f.aside);
	ev->f.aside = NULL;
}

/* ---- Fields */

static struct json_doc *document(struct decoder *d)
{
	if (!d->parsed) {
		d->parsed = true;
		d->doc = NULL;
		json_parse(d->ev->msg.payload, &d->doc, d->why, sizeof(d->why));
	}
	return d->doc;
}

static struct bytes json_value(struct decoder *d, const char *pointer, bool *ret_exists)
{
	struct json_doc *doc = document(d);

	*ret_exists = false;
	buf_clear(&d->value);
	if (doc == NULL || json_pointer(doc, pointer, &d->value, ret_exists) <= 0)
		return (struct bytes){ NULL, 0 };
	buf_add(&d->value, "", 0);
	return (struct bytes){ d->value.data, d->value.len };
}

/* An id of the payload is its hash under a public key, so that all hosts and ledgers agree; 32 hex digits. */
static struct bytes payload_value(struct decoder *d)
{
	static const uint8_t public_key[16];
	uint8_t hash[16];

	if (d->ev->msg.payload.data == NULL)
		return (struct bytes){ NULL, 0 };
	keyed_hash_128(public_key, d->ev->msg.payload, hash);
	buf_clear(&d->value);
	for (unsigned i = 0; i < sizeof(hash); i++)
		buf_printf(&d->value, "%02x", hash[i]);
	return (struct bytes){ d->value.data, d->value.len };
}

static struct bytes offset_value(struct decoder *d)
{
	buf_clear(&d->value);
	buf_printf(
	    &d->value, "%s/%d/%lld", d->ev->msg.topic, d->ev->msg.partition, (long long)d->ev->msg.offset);
	return (struct bytes){ d->value.data, d->value.len };
}

/* Valid until the next field is asked for. */
static struct bytes field_value(void *arg, const struct field *f, bool *ret_exists)
{
	struct decoder *d = arg;
	struct bytes v = { NULL, 0 };

	switch (f->kind) {
	case FIELD_HEADER: v = d->ev->msg.ops->header(&d->ev->msg, f->name); break;
	case FIELD_KEY: v = d->ev->msg.key; break;
	case FIELD_TOPIC: v = bytes_of_text(d->ev->origin.topic); break;
	case FIELD_JSON: return json_value(d, f->name, ret_exists);
	case FIELD_PAYLOAD: v = payload_value(d); break;
	case FIELD_OFFSET: v = offset_value(d); break;
	}
	*ret_exists = v.data != NULL;
	return v;
}

/* ---- The id */

void decode_bad(struct decoder *d, enum fate fate, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	d->ev->fate = fate;
	if (d->ev->run.why == NULL)
		d->ev->run.why = strdup(text);
}

static void set_id(struct event *ev, struct bytes id)
{
	if (id.len <= EVENT_ID_INLINE) {
		memcpy(ev->id_inline, id.data, id.len);
		ev->id = (struct bytes){ ev->id_inline, id.len };
		return;
	}
	/* Rare: ids are shorter; the message may be detached while the id is still needed. */
	ev->id_heap = malloc(id.len);
	if (ev->id_heap == NULL)
		abort();
	memcpy(ev->id_heap, id.data, id.len);
	ev->id = (struct bytes){ ev->id_heap, id.len };
}

static void field_name(const struct field *f, char *out, size_t size)
{
	static const char *const kinds[] = { "header:", "json:", "key", "offset", "payload", "topic" };

	snprintf(out, size, "%s%s", kinds[f->kind], f->name == NULL ? "" : f->name);
}

/* The bytes of an id from these fields; absent, and the fate set, if one is missing. */
static struct bytes join(struct decoder *d, const struct field *fields, size_t n)
{
	struct bytes v = { NULL, 0 };
	char name[300];
	bool exists;

	buf_clear(&d->id);
	for (size_t i = 0; i < n; i++) {
		v = field_value(d, &fields[i], &exists);
		if (v.data == NULL) {
			field_name(&fields[i], name, sizeof(name));
			if (fields[i].kind == FIELD_JSON && d->doc == NULL)
				decode_bad(
				    d, FATE_BAD_ID, "the id needs JSON, and the payload is %s", d->why);
			else
				decode_bad(d, FATE_NO_ID, "%s is not there", name);
			return (struct bytes){ NULL, 0 };
		}
		if (n > 1)
			event_id_join(&d->id, v);
	}
	return n > 1 ? (struct bytes){ d->id.data, d->id.len } : v;
}

static struct bytes cloudevents(struct decoder *d)
{
	static const struct field binary[] = { { FIELD_HEADER, (char *)(uintptr_t) "ce_source" },
		{ FIELD_HEADER, (char *)(uintptr_t) "ce_id" } };
	static const struct field structured[] = { { FIELD_JSON, (char *)(uintptr_t) "/source" },
		{ FIELD_JSON, (char *)(uintptr_t) "/id" } };
	struct bytes type = d->ev->msg.ops->header(&d->ev->msg, "content-type");
	static const char json[] = "application/cloudevents";

	if (type.data != NULL && type.len >= sizeof(json) - 1 &&
	    memcmp(type.data, json, sizeof(json) - 1) == 0)
		return join(d, structured, 2);
	return join(d, binary, 2);
}

/* An id of the offset cannot meet a real one: it is joined of parts, of which the first is empty. */
static struct bytes id_of_offset(struct decoder *d)
{
	struct bytes v = offset_value(d);

	buf_clear(&d->id);
	event_id_join(&d->id, (struct bytes){ "", 0 });
	event_id_join(&d->id, v);
	free(d->ev->run.why);
	d->ev->run.why = NULL;
	d->ev->fate = FATE_HANDLE;
	return (struct bytes){ d->id.data, d->id.len };
}

static void decode_id(struct decoder *d)
{
	struct bytes id = d->sub->id_cloudevents ? cloudevents(d) : join(d, d->sub->id, d->sub->n_id);

	if (d->ev->fate == FATE_NO_ID && d->sub->missing_id == MISSING_ID_OFFSET)
		id = id_of_offset(d);
	if (id.data != NULL)
		decode_set_id(d, id);
}

void decode_set_id(struct decoder *d, struct bytes id)
{
	if (id.len == 0) {
		decode_bad(d, FATE_BAD_ID, "%s", "the id is empty");
	} else if (id.len > EVENT_ID_MAX) {
		decode_bad(d, FATE_BAD_ID, "%s", "the id is longer than 1024 bytes");
	} else {
		set_id(d->ev, id);
		keyed_hash_128(d->hash_key, d->ev->id, d->ev->id_hash);
	}
}

/* ---- The rest */

static void decode_route(struct decoder *d)
{
	int r = route_pick(d->config, d->sub, field_value, d);

	if (r >= 0) {
		d->ev->route = (uint16_t)r;
		d->ev->handler = (uint16_t)d->config->routes[r].handler;
	} else if (d->sub->unrouted == UNROUTED_SKIP) {
		d->ev->fate = FATE_SKIP_UNROUTED;
	} else {
		decode_bad(
		    d, FATE_UNROUTED, "%s", d->parsed && d->doc == NULL ? d->why : "no route takes it");
	}
}

/* Events with the same number are handled in order.  A null key has no order: each is a lane of its own. */
static uint64_t lane_of(struct decoder *d)
{
	const struct message *m = &d->ev->msg;
	enum config_order order = d->sub->order;
	bool alone = order == ORDER_NONE || (order == ORDER_KEY && m->key.data == NULL);

	buf_clear(&d->scratch);
	buf_add(&d->scratch, &m->partition, sizeof(m->partition));
	buf_add(&d->scratch, &order, sizeof(order));
	buf_add(&d->scratch, m->topic, strlen(m->topic) + 1);
	if (alone)
		buf_add(&d->scratch, &m->offset, sizeof(m->offset));
	else if (order == ORDER_KEY)
		buf_add(&d->scratch, m->key.data, m->key.len);
	return keyed_hash_64(d->lane_hash_key, (struct bytes){ d->scratch.data, d->scratch.len }) ^
	       (alone ? 1 : 0);
}

void decode_event(struct decoder *d, struct event *ev, int64_t now_ms)
{
	d->ev = ev;
	d->parsed = false;
	d->doc = NULL;
	ev->fate = FATE_HANDLE;
	ev->id = (struct bytes){ "", 0 };
	ev->id_heap = NULL;
	memset(&ev->run, 0, sizeof(ev->run));
	ev->origin.topic = ev->msg.topic;
	ev->origin.partition = ev->msg.partition;
	ev->origin.offset = ev->msg.offset;
	ev->origin.timestamp_ms = ev->msg.timestamp_ms;
	ev->chained = false;
	ev->replays = ev->retries = ev->failed_before = ev->crashes_before = 0;
	ev->due.us = 0;
	if (d->sub->retry.topic != NULL && strcmp(ev->msg.topic, d->sub->retry.topic) == 0)
		decode_retry(d, now_ms);
	else
		decode_id(d);
	if (ev->fate == FATE_HANDLE && d->sub->max_age_ms > 0 && ev->origin.timestamp_ms >= 0 &&
	    !ev->chained && now_ms - ev->origin.timestamp_ms > d->sub->max_age_ms)
		decode_bad(d, FATE_TOO_OLD, "%s", "older than max_age");
	if (ev->fate == FATE_HANDLE)
		decode_route(d);
	ev->check = (uint32_t)keyed_hash_64(d->hash_key, ev->msg.payload) ^
		    (ev->msg.payload.data == NULL ? 1u : 0u);
	ev->lane_key = lane_of(d);
	if (d->doc != NULL)
		json_free(d->doc);
}
