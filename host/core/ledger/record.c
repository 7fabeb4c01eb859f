#include "core/ledger/record.h"

#include "core/ledger/crc32c.h"

#include <assert.h>
#include <errno.h>

#define SETTLE_SIZE 7
#define WAIT_SIZE 15
#define WAKE_SIZE 6
#define CLAIM_SIZE 18
#define TAKEOVER_SIZE 32
#define COUNTS_SIZE 10
#define KIND_ITEMS 1
#define KIND_FIRST 2

/* ---- Numbers, big endian */

static void put_number(struct buf *b, uint64_t value, unsigned size)
{
	uint8_t out[8];

	for (unsigned i = 0; i < size; i++)
		out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
	buf_add(b, out, size);
}

static uint64_t get_number(const uint8_t *p, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | p[i];
	return value;
}

/* ---- Building */

void record_builder_clear(struct record_builder *b)
{
	buf_clear(&b->settles);
	buf_clear(&b->waits);
	buf_clear(&b->wakes);
	buf_clear(&b->claims);
	buf_clear(&b->takeovers);
	b->n_settles = b->n_waits = b->n_wakes = b->n_claims = b->n_takeovers = 0;
}

void record_builder_free(struct record_builder *b)
{
	buf_free(&b->settles);
	buf_free(&b->waits);
	buf_free(&b->wakes);
	buf_free(&b->claims);
	buf_free(&b->takeovers);
}

void record_add_settle(struct record_builder *b, const struct record_settle *s)
{
	put_number(&b->settles, s->record, 4);
	put_number(&b->settles, s->index, 2);
	put_number(&b->settles, s->status, 1);
	b->n_settles++;
}

void record_add_wait(struct record_builder *b, const struct record_wait *w)
{
	put_number(&b->waits, w->record, 4);
	put_number(&b->waits, w->index, 2);
	put_number(&b->waits, w->failed, 1);
	put_number(&b->waits, w->until_ms, 8);
	b->n_waits++;
}

void record_add_wake(struct record_builder *b, const struct record_wake *w)
{
	put_number(&b->wakes, w->record, 4);
	put_number(&b->wakes, w->index, 2);
	b->n_wakes++;
}

void record_add_claim(struct record_builder *b, const struct record_claim *c)
{
	buf_add(&b->claims, c->id, LEDGER_ID);
	put_number(&b->claims, c->check, 4);
	b->n_claims++;
}

void record_add_takeover(struct record_builder *b, const struct record_takeover *t)
{
	buf_add(&b->takeovers, t->id, LEDGER_ID);
	put_number(&b->takeovers, t->check, 4);
	buf_add(&b->takeovers, t->from.b, sizeof(t->from.b));
	put_number(&b->takeovers, t->counts.failed, 2);
	put_number(&b->takeovers, t->counts.crashes, 1);
	put_number(&b->takeovers, t->counts.takeovers, 2);
	put_number(&b->takeovers, t->own, 1);
	b->n_takeovers++;
}

/* Fill in the checksum of a body that begins at `start`. */
static void seal_body(struct buf *out, size_t start)
{
	uint8_t *p = (uint8_t *)out->data + start;
	uint32_t crc = crc32c(0, p, 2);

	crc = crc32c(crc, p + 6, out->len - start - 6);
	for (unsigned i = 0; i < 4; i++)
		p[2 + i] = (uint8_t)(crc >> 8 * (3 - i));
}

static size_t begin_body(
    struct buf *out, uint16_t slots, unsigned kind, struct ledger_tag tag, struct session_id session)
{
	size_t start = out->len;

	put_number(out, slots, 2);
	put_number(out, 0, 4);
	put_number(out, kind, 1);
	put_number(out, 0, 1);
	buf_add(out, tag.b, sizeof(tag.b));
	buf_add(out, session.b, sizeof(session.b));
	return start;
}

void record_body(
    const struct record_builder *b, struct ledger_tag tag, struct session_id session, struct buf *out)
{
	size_t start = begin_body(out, (uint16_t)(b->n_claims + b->n_takeovers), KIND_ITEMS, tag, session);

	put_number(out, b->n_settles, 2);
	put_number(out, b->n_waits, 2);
	put_number(out, b->n_wakes, 2);
	put_number(out, b->n_claims, 2);
	put_number(out, b->n_takeovers, 2);
	buf_add(out, b->settles.data, b->settles.len);
	buf_add(out, b->waits.data, b->waits.len);
	buf_add(out, b->wakes.data, b->wakes.len);
	buf_add(out, b->claims.data, b->claims.len);
	buf_add(out, b->takeovers.data, b->takeovers.len);
	seal_body(out, start);
}

void record_first_body(struct ledger_tag tag, struct buf *out)
{
	size_t start = begin_body(out, 0, KIND_FIRST, tag, (struct session_id){ { 0 } });

	put_number(out, LEDGER_FORMAT, 1);
	put_number(out, LEDGER_RULES, 1);
	seal_body(out, start);
}

void record_write_header(struct buf *out, struct ledger_tag tag, struct session_id session, bool live,
    uint64_t fence, uint16_t slots, uint64_t server_us, const struct session_id *over, uint8_t n_over)
{
	buf_add(out, tag.b, sizeof(tag.b));
	buf_add(out, session.b, sizeof(session.b));
	put_number(out, live, 1);
	put_number(out, fence, 8);
	put_number(out, slots, 2);
	put_number(out, server_us, 8);
	put_number(out, n_over, 1);
	for (unsigned i = 0; i < n_over; i++)
		buf_add(out, over[i].b, sizeof(over[i].b));
}

/* ---- Reading */

int record_read_header(struct bytes header, struct record_header *ret_header)
{
	const uint8_t *p = header.data;

	if (p == NULL || header.len < RECORD_HEADER_MIN ||
	    header.len != RECORD_HEADER_MIN + 8 * (size_t)p[35] || p[16] > 1)
		return -EBADMSG;
	memcpy(ret_header->tag.b, p, 8);
	memcpy(ret_header->session.b, p + 8, 8);
	ret_header->live = p[16];
	ret_header->fence = get_number(p + 17, 8);
	ret_header->slots = (uint16_t)get_number(p + 25, 2);
	ret_header->server_us = get_number(p + 27, 8);
	ret_header->n_over = p[35];
	ret_header->over = p + RECORD_HEADER_MIN;
	return 0;
}

static int read_items(const uint8_t *p, size_t len, struct record_view *v)
{
	size_t need;

	if (len < COUNTS_SIZE)
		return -EBADMSG;
	v->n_settles = (uint16_t)get_number(p, 2);
	v->n_waits = (uint16_t)get_number(p + 2, 2);
	v->n_wakes = (uint16_t)get_number(p + 4, 2);
	v->n_claims = (uint16_t)get_number(p + 6, 2);
	v->n_takeovers = (uint16_t)get_number(p + 8, 2);
	need = COUNTS_SIZE + (size_t)SETTLE_SIZE * v->n_settles + (size_t)WAIT_SIZE * v->n_waits +
	       (size_t)WAKE_SIZE * v->n_wakes + (size_t)CLAIM_SIZE * v->n_claims +
	       (size_t)TAKEOVER_SIZE * v->n_takeovers;
	if (len != need || v->slots != v->n_claims + v->n_takeovers)
		return -EBADMSG;
	v->settles = p + COUNTS_SIZE;
	v->waits = v->settles + (size_t)SETTLE_SIZE * v->n_settles;
	v->wakes = v->waits + (size_t)WAIT_SIZE * v->n_waits;
	v->claims = v->wakes + (size_t)WAKE_SIZE * v->n_wakes;
	v->takeovers = v->claims + (size_t)CLAIM_SIZE * v->n_claims;
	return 0;
}

int record_read_body(struct bytes body, struct record_view *ret_view)
{
	const uint8_t *p = body.data;
	uint32_t crc;

	if (p == NULL || body.len < RECORD_BODY_MIN)
		return -EBADMSG;
	crc = crc32c(crc32c(0, p, 2), p + 6, body.len - 6);
	if (crc != get_number(p + 2, 4) || p[7] != 0)
		return -EBADMSG;
	*ret_view = (struct record_view){ .slots = (uint16_t)get_number(p, 2), .first = p[6] == KIND_FIRST };
	memcpy(ret_view->tag.b, p + 8, 8);
	memcpy(ret_view->session.b, p + 16, 8);
	if (p[6] == KIND_ITEMS)
		return read_items(p + RECORD_BODY_MIN, body.len - RECORD_BODY_MIN, ret_view);
	if (p[6] != KIND_FIRST || body.len != RECORD_BODY_MIN + 2 || ret_view->slots != 0)
		return -EBADMSG;
	ret_view->format = p[RECORD_BODY_MIN];
	ret_view->rules = p[RECORD_BODY_MIN + 1];
	return 0;
}

struct record_settle record_settle_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = v->settles + (size_t)SETTLE_SIZE * i;

	return (struct record_settle){ (uint32_t)get_number(p, 4), (uint16_t)get_number(p + 4, 2), p[6] };
}

struct record_wait record_wait_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = v->waits + (size_t)WAIT_SIZE * i;

	return (struct record_wait){ (uint32_t)get_number(p, 4), (uint16_t)get_number(p + 4, 2), p[6] != 0,
		get_number(p + 7, 8) };
}

struct record_wake record_wake_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = v->wakes + (size_t)WAKE_SIZE * i;

	return (struct record_wake){ (uint32_t)get_number(p, 4), (uint16_t)get_number(p + 4, 2) };
}

struct record_claim record_claim_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = v->claims + (size_t)CLAIM_SIZE * i;
	struct record_claim c;

	memcpy(c.id, p, LEDGER_ID);
	c.check = (uint32_t)get_number(p + LEDGER_ID, 4);
	return c;
}

struct record_takeover record_takeover_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = v->takeovers + (size_t)TAKEOVER_SIZE * i;
	struct record_takeover t;

	memcpy(t.id, p, LEDGER_ID);
	t.check = (uint32_t)get_number(p + 14, 4);
	memcpy(t.from.b, p + 18, sizeof(t.from.b));
	t.counts.failed = (uint16_t)get_number(p + 26, 2);
	t.counts.crashes = p[28];
	t.counts.takeovers = (uint16_t)get_number(p + 29, 2);
	t.own = p[31] != 0;
	return t;
}
