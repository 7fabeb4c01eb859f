#include "engine/tap.h"

#include "core/trace.h"

#include <errno.h>
#include <stdlib.h>

#define RING_BYTES (1u << 20)
#define KEY_MAX 256
#define WHY_MAX 1024
#define PAYLOAD_MAX (16u << 10)

/* A record in the ring; id, key, why and payload follow it, padded to eight bytes. */
struct shown {
	uint32_t size; /* with all that follows */
	uint8_t kind, redelivered, has_key, has_payload;
	int16_t outcome, reason; /* -1: none */
	uint16_t route, handler;
	uint32_t attempt, partition;
	uint32_t id_len, key_len, why_len, payload_len, payload_whole;
	int64_t offset, time_ms, timestamp_ms, handler_us;
	const char *topic; /* lives as long as the subscription */
	struct trace trace;
	bool traced;
};

struct tap {
	struct tap_hub *hub;
	struct tap_filter filter;
	/* Bytes ever written and ever read.  One thread each moves one of them. */
	_Alignas(64) _Atomic uint64_t written;
	_Alignas(64) _Atomic uint64_t read;
	_Atomic uint64_t dropped;
	uint64_t told; /* of them and the hub's missed ones; the reader's */
	uint8_t *bytes;
};

/* ---- The ledger thread's side */

static bool wants(const struct tap_filter *f, enum tap_kind kind, const struct event *ev)
{
	bool routed = ev->fate == FATE_HANDLE;

	if (f->dead && kind != TAP_DEAD && kind != TAP_DROPPED)
		return false;
	if (f->outcome >= 0 && (kind != TAP_HANDLED || ev->run.outcome != f->outcome))
		return false;
	if (f->route >= 0 && (!routed || ev->route != (unsigned)f->route))
		return false;
	if (f->handler >= 0 && (!routed || ev->handler != (unsigned)f->handler))
		return false;
	if (f->has_id && !bytes_equal(ev->id, (struct bytes){ f->id.data, f->id.len }))
		return false;
	return !f->has_key || bytes_equal(ev->msg.key, (struct bytes){ f->key.data, f->key.len });
}

static void put(struct tap *t, uint64_t *at, const void *data, size_t len)
{
	size_t place = *at % RING_BYTES, first = len < RING_BYTES - place ? len : RING_BYTES - place;

	if (len == 0)
		return;
	memcpy(t->bytes + place, data, first);
	memcpy(t->bytes, (const uint8_t *)data + first, len - first);
	*at += len;
}

static uint32_t least(size_t len, size_t most)
{
	return (uint32_t)(len < most ? len : most);
}

static void fill(struct shown *s, const struct tap *t, enum tap_kind kind, struct event *ev, int64_t wall_ms)
{
	bool ran = kind == TAP_HANDLED;
	struct bytes trace = ev->msg.ops->header(&ev->msg, "traceparent");

	*s = (struct shown){ .kind = (uint8_t)kind,
		.redelivered = ran && ev->run.redelivered,
		.outcome = ran ? (int16_t)ev->run.outcome : -1,
		.reason = kind == TAP_DEAD ? (int16_t)ev->f.reason : -1,
		.route = ev->fate == FATE_HANDLE ? ev->route : UINT16_MAX,
		.handler = ev->fate == FATE_HANDLE ? ev->handler : UINT16_MAX,
		.attempt = ev->run.attempt,
		.topic = ev->origin.topic,
		.partition = (uint32_t)ev->origin.partition,
		.offset = ev->origin.offset,
		.time_ms = wall_ms,
		.timestamp_ms = ev->origin.timestamp_ms,
		.handler_us = ran ? ev->run.handler_us : -1,
		.id_len = (uint32_t)ev->id.len,
		.has_key = ev->msg.key.data != NULL,
		.key_len = least(ev->msg.key.len, KEY_MAX),
		.why_len = ev->run.why == NULL || kind == TAP_DUPLICATE ? 0
									: least(strlen(ev->run.why), WHY_MAX),
		.has_payload = t->filter.payload && ev->msg.payload.data != NULL,
		.payload_whole = (uint32_t)ev->msg.payload.len };
	s->payload_len = s->has_payload ? least(ev->msg.payload.len, PAYLOAD_MAX) : 0;
	s->traced = trace.data != NULL && trace_parse(trace, &s->trace);
	s->size = (uint32_t)(sizeof(*s) + s->id_len + s->key_len + s->why_len + s->payload_len + 7) & ~7u;
}

static bool write_to(struct tap *t, enum tap_kind kind, struct event *ev, int64_t wall_ms)
{
	uint64_t at = atomic_load_explicit(&t->written, memory_order_relaxed), end;
	struct shown s;

	fill(&s, t, kind, ev, wall_ms);
	if (at + s.size - atomic_load_explicit(&t->read, memory_order_acquire) > RING_BYTES)
		return false;
	end = at + s.size;
	put(t, &at, &s, sizeof(s));
	put(t, &at, ev->id.data, s.id_len);
	put(t, &at, ev->msg.key.data, s.key_len);
	put(t, &at, ev->run.why, s.why_len);
	put(t, &at, ev->msg.payload.data, s.payload_len);
	atomic_store_explicit(&t->written, end, memory_order_release);
	return true;
}

void tap_show(struct tap_hub *h, enum tap_kind kind, struct event *ev, int64_t wall_ms)
{
	/* Somebody comes or goes at this very moment: then it is missed, for nobody is waited for.  Whether a filter would
	 * have wanted it is not known. */
	if (pthread_mutex_trylock(&h->lock) != 0) {
		atomic_fetch_add_explicit(&h->missed, 1, memory_order_relaxed);
		series_add(h->dropped, 1);
		return;
	}
	for (size_t i = 0; i < TAPS_MAX; i++) {
		struct tap *t = h->taps[i];

		if (t == NULL || !wants(&t->filter, kind, ev) || write_to(t, kind, ev, wall_ms))
			continue;
		atomic_fetch_add_explicit(&t->dropped, 1, memory_order_relaxed);
		series_add(h->dropped, 1);
	}
	pthread_mutex_unlock(&h->lock);
}

/* ---- The reader's side */

static void get(const struct tap *t, uint64_t *at, void *out, size_t len)
{
	size_t place = *at % RING_BYTES, first = len < RING_BYTES - place ? len : RING_BYTES - place;

	if (len == 0)
		return;
	memcpy(out, t->bytes + place, first);
	memcpy((uint8_t *)out + first, t->bytes, len - first);
	*at += len;
}

static void put_name(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	buf_json_string(out, bytes_of_text(text));
}

/* The next len bytes of the ring as a member. */
static void put_bytes(
    const struct tap *t, uint64_t *at, struct buf *out, const char *name, bool there, size_t len)
{
	static const char nothing[1];
	char *data = malloc(len + 1);

	if (data == NULL)
		abort();
	get(t, at, data, len);
	buf_char(out, ',');
	buf_json_bytes(
	    out, name, there ? (struct bytes){ len > 0 ? data : nothing, len } : (struct bytes){ NULL, 0 });
	free(data);
}

static void put_run(const struct config *c, const struct shown *s, struct buf *out)
{
	if (s->route < c->n_routes)
		put_name(out, "route", c->routes[s->route].name);
	if (s->handler < c->n_handlers)
		put_name(out, "handler", c->handlers[s->handler].name);
	if (s->outcome >= 0)
		put_name(out, "outcome", event_outcome_name(s->outcome));
	if (s->reason >= 0)
		put_name(out, "reason", dlq_reason_name((enum dlq_reason)s->reason));
	if (s->attempt > 0)
		buf_printf(out, ",\"attempt\":%u", s->attempt);
	if (s->outcome >= 0)
		buf_printf(out, ",\"redelivered\":%s,\"run_ms\":%.3f", s->redelivered ? "true" : "false",
		    (double)s->handler_us / 1e3);
	if (s->timestamp_ms >= 0)
		buf_printf(out, ",\"timestamp\":%lld,\"age_ms\":%lld", (long long)s->timestamp_ms,
		    (long long)(s->time_ms - s->timestamp_ms));
}

static void put_line(const struct tap *t, uint64_t at, const struct shown *s, struct buf *out)
{
#define X(id, text) text,
	static const char *const kinds[] = { TAP_KINDS(X) };
#undef X
	uint64_t rest = at + sizeof(*s);

	buf_printf(out, "{\"time\":%lld,\"what\":\"%s\",\"topic\":", (long long)s->time_ms, kinds[s->kind]);
	buf_json_string(out, bytes_of_text(s->topic));
	buf_printf(out, ",\"partition\":%u,\"offset\":%lld", s->partition, (long long)s->offset);
	put_bytes(t, &rest, out, "id", s->id_len > 0, s->id_len);
	put_bytes(t, &rest, out, "key", s->has_key, s->key_len);
	put_run(t->hub->config, s, out);
	if (s->why_len > 0)
		put_bytes(t, &rest, out, "detail", true, s->why_len);
	if (s->traced)
		put_name(out, "trace_id", s->trace.trace_id);
	if (t->filter.payload) {
		put_bytes(t, &rest, out, "payload", s->has_payload, s->payload_len);
		if (s->payload_len < s->payload_whole && s->has_payload)
			buf_printf(out, ",\"payload_bytes\":%u", s->payload_whole);
	}
	buf_text(out, "}\n");
}

void tap_read(struct tap *t, struct buf *out, size_t cap)
{
	uint64_t at = atomic_load_explicit(&t->read, memory_order_relaxed),
		 end = atomic_load_explicit(&t->written, memory_order_acquire),
		 dropped = atomic_load_explicit(&t->dropped, memory_order_relaxed) +
			   atomic_load_explicit(&t->hub->missed, memory_order_relaxed);

	while (at < end && out->len < cap) {
		uint64_t from = at;
		struct shown s;

		get(t, &from, &s, sizeof(s));
		put_line(t, at, &s, out);
		at += s.size;
	}
	atomic_store_explicit(&t->read, at, memory_order_release);
	if (dropped > t->told)
		buf_printf(out, "{\"dropped\":%llu}\n", (unsigned long long)(dropped - t->told));
	t->told = dropped;
}

/* ---- Coming and going */

void tap_hub_init(struct tap_hub *h, const struct config *c, struct series *dropped)
{
	pthread_mutex_init(&h->lock, NULL);
	h->config = c;
	h->dropped = dropped;
}

void tap_hub_destroy(struct tap_hub *h)
{
	pthread_mutex_destroy(&h->lock);
}

static void free_tap(struct tap *t)
{
	buf_free(&t->filter.id);
	buf_free(&t->filter.key);
	free(t->bytes);
	free(t);
}

static int attach(struct tap_hub *h, struct tap *t)
{
	int r = -EBUSY;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; r < 0 && i < TAPS_MAX; i++)
		if (h->taps[i] == NULL) {
			h->taps[i] = t;
			atomic_fetch_add(&h->n, 1);
			r = 0;
		}
	pthread_mutex_unlock(&h->lock);
	return r;
}

int tap_open(struct tap_hub *h, struct tap_filter *filter, struct tap **ret_tap)
{
	struct tap *t = aligned_alloc(64, (sizeof(*t) + 63) / 64 * 64);
	int r;

	if (t == NULL)
		return -ENOMEM;
	memset(t, 0, sizeof(*t));
	t->hub = h;
	t->filter = *filter;
	filter->id = filter->key = (struct buf){ NULL, 0, 0 };
	t->told = atomic_load(&h->missed);
	t->bytes = malloc(RING_BYTES);
	r = t->bytes == NULL ? -ENOMEM : attach(h, t);
	if (r < 0) {
		free_tap(t);
		return r;
	}
	*ret_tap = t;
	return 0;
}

void tap_close(struct tap *t)
{
	struct tap_hub *h;

	if (t == NULL)
		return;
	h = t->hub;
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < TAPS_MAX; i++)
		if (h->taps[i] == t) {
			h->taps[i] = NULL;
			atomic_fetch_sub(&h->n, 1);
		}
	pthread_mutex_unlock(&h->lock);
	free_tap(t);
}
