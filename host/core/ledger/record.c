#include "core/ledger/record.h"

#include "core/ledger/crc32c.h"

#include <assert.h>
#include <errno.h>

#define COUNTS_SIZE (2 * RECORD_SECTIONS)
#define FIRST_SIZE 6
#define KIND_ITEMS 1
#define KIND_FIRST 2

static const uint8_t item_size[RECORD_SECTIONS] = { [RECORD_SETTLES] = 7,
	[RECORD_WAITS] = 15,
	[RECORD_WAKES] = 6,
	[RECORD_CLAIMS] = 18,
	[RECORD_TAKEOVERS] = 32,
	[RECORD_CARRIES] = 52,
	[RECORD_HEALS] = 23 };

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
	for (unsigned i = 0; i < RECORD_SECTIONS; i++) {
		buf_clear(&b->sections[i]);
		b->n[i] = 0;
	}
}

void record_builder_free(struct record_builder *b)
{
	for (unsigned i = 0; i < RECORD_SECTIONS; i++)
		buf_free(&b->sections[i]);
}

size_t record_items(const struct record_builder *b)
{
	size_t n = 0;

	for (unsigned i = 0; i < RECORD_SECTIONS; i++)
		n += b->n[i];
	return n;
}

/* One more item of a section: where its bytes go. */
static struct buf *next(struct record_builder *b, enum record_section section)
{
	b->n[section]++;
	return &b->sections[section];
}

static void put_counts(struct buf *b, const struct ledger_counts *counts)
{
	put_number(b, counts->failed, 2);
	put_number(b, counts->crashes, 1);
	put_number(b, counts->takeovers, 2);
}

void record_add_settle(struct record_builder *b, const struct record_settle *s)
{
	struct buf *out = next(b, RECORD_SETTLES);

	put_number(out, s->record, 4);
	put_number(out, s->index, 2);
	put_number(out, s->status, 1);
}

void record_add_wait(struct record_builder *b, const struct record_wait *w)
{
	struct buf *out = next(b, RECORD_WAITS);

	put_number(out, w->record, 4);
	put_number(out, w->index, 2);
	put_number(out, w->failed, 1);
	put_number(out, w->until_ms, 8);
}

void record_add_wake(struct record_builder *b, const struct record_wake *w)
{
	struct buf *out = next(b, RECORD_WAKES);

	put_number(out, w->record, 4);
	put_number(out, w->index, 2);
}

void record_add_claim(struct record_builder *b, const struct record_claim *c)
{
	struct buf *out = next(b, RECORD_CLAIMS);

	buf_add(out, c->id, LEDGER_ID);
	put_number(out, c->check, 4);
}

void record_add_takeover(struct record_builder *b, const struct record_takeover *t)
{
	struct buf *out = next(b, RECORD_TAKEOVERS);

	buf_add(out, t->id, LEDGER_ID);
	put_number(out, t->check, 4);
	buf_add(out, t->from.b, sizeof(t->from.b));
	put_counts(out, &t->counts);
	put_number(out, t->own, 1);
}

void record_add_carry(struct record_builder *b, const struct record_carry *c)
{
	struct buf *out = next(b, RECORD_CARRIES);

	buf_add(out, c->id, LEDGER_ID);
	put_number(out, c->check, 4);
	buf_add(out, c->session.b, sizeof(c->session.b));
	put_counts(out, &c->counts);
	put_number(out, c->state, 1);
	put_number(out, c->until_ms, 8);
	put_number(out, c->fence, 8);
	put_number(out, c->server_s, 4);
}

void record_add_heal(struct record_builder *b, const struct record_heal *h)
{
	struct buf *out = next(b, RECORD_HEALS);

	buf_add(out, h->id, LEDGER_ID);
	put_number(out, h->check, 4);
	put_number(out, h->status, 1);
	put_number(out, h->server_s, 4);
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
	unsigned slots = 0;
	size_t start;

	for (unsigned i = RECORD_CLAIMS; i < RECORD_SECTIONS; i++)
		slots += b->n[i];
	start = begin_body(out, (uint16_t)slots, KIND_ITEMS, tag, session);
	for (unsigned i = 0; i < RECORD_SECTIONS; i++)
		put_number(out, b->n[i], 2);
	for (unsigned i = 0; i < RECORD_SECTIONS; i++)
		buf_add(out, b->sections[i].data, b->sections[i].len);
	seal_body(out, start);
}

void record_first_body(struct ledger_tag tag, unsigned rules, uint32_t generation, struct buf *out)
{
	size_t start = begin_body(out, 0, KIND_FIRST, tag, (struct session_id){ { 0 } });

	put_number(out, LEDGER_FORMAT, 1);
	put_number(out, rules, 1);
	put_number(out, generation, 4);
	seal_body(out, start);
}

/* What the script can reckon at little cost: sums of the bytes, plain and weighted by their place.  It is not for
 * hostile bytes but for damage; any flipped bit changes it. */
static uint32_t header_sum(const uint8_t *p, size_t len)
{
	uint64_t plain = 0, weighted = 0;

	for (size_t i = 0; i < len; i++) {
		plain += p[i];
		weighted += plain;
	}
	return (uint32_t)(weighted * 65537 + plain);
}

void record_write_header(struct buf *out, struct ledger_tag tag, struct session_id session, bool live,
    uint64_t fence, uint16_t slots, uint64_t server_us, const struct session_id *over, uint8_t n_over)
{
	size_t start = out->len;

	buf_add(out, tag.b, sizeof(tag.b));
	buf_add(out, session.b, sizeof(session.b));
	put_number(out, live, 1);
	put_number(out, fence, 8);
	put_number(out, slots, 2);
	put_number(out, server_us, 8);
	put_number(out, n_over, 1);
	for (unsigned i = 0; i < n_over; i++)
		buf_add(out, over[i].b, sizeof(over[i].b));
	put_number(out, header_sum((const uint8_t *)out->data + start, out->len - start), 4);
}

/* ---- Reading */

int record_read_header(struct bytes header, struct record_header *ret_header)
{
	const uint8_t *p = header.data;

	if (p == NULL || header.len < RECORD_HEADER_MIN ||
	    header.len != RECORD_HEADER_MIN + 8 * (size_t)p[35] || p[16] > 1 ||
	    get_number(p + header.len - 4, 4) != header_sum(p, header.len - 4))
		return -EBADMSG;
	memcpy(ret_header->tag.b, p, 8);
	memcpy(ret_header->session.b, p + 8, 8);
	ret_header->live = p[16];
	ret_header->fence = get_number(p + 17, 8);
	ret_header->slots = (uint16_t)get_number(p + 25, 2);
	ret_header->server_us = get_number(p + 27, 8);
	ret_header->n_over = p[35];
	ret_header->over = p + 36;
	return 0;
}

static int read_items(const uint8_t *p, size_t len, struct record_view *v)
{
	size_t at = COUNTS_SIZE;
	unsigned slots = 0;

	if (len < COUNTS_SIZE)
		return -EBADMSG;
	for (unsigned i = 0; i < RECORD_SECTIONS; i++) {
		v->n[i] = (uint16_t)get_number(p + 2 * (size_t)i, 2);
		v->sections[i] = p + at;
		at += (size_t)item_size[i] * v->n[i];
		if (at > len)
			return -EBADMSG;
		if (i >= RECORD_CLAIMS)
			slots += v->n[i];
	}
	return at != len || v->slots != slots ? -EBADMSG : 0;
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
	if (p[6] != KIND_FIRST || body.len != RECORD_BODY_MIN + FIRST_SIZE || ret_view->slots != 0)
		return -EBADMSG;
	ret_view->format = p[RECORD_BODY_MIN];
	ret_view->rules = p[RECORD_BODY_MIN + 1];
	ret_view->generation = (uint32_t)get_number(p + RECORD_BODY_MIN + 2, 4);
	return 0;
}

static const uint8_t *item(const struct record_view *v, enum record_section section, unsigned i)
{
	return v->sections[section] + (size_t)item_size[section] * i;
}

static struct ledger_counts get_counts(const uint8_t *p)
{
	return (struct ledger_counts){ (uint16_t)get_number(p, 2), p[2], (uint16_t)get_number(p + 3, 2) };
}

struct record_settle record_settle_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_SETTLES, i);

	return (struct record_settle){ (uint32_t)get_number(p, 4), (uint16_t)get_number(p + 4, 2), p[6] };
}

struct record_wait record_wait_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_WAITS, i);

	return (struct record_wait){ (uint32_t)get_number(p, 4), (uint16_t)get_number(p + 4, 2), p[6] != 0,
		get_number(p + 7, 8) };
}

struct record_wake record_wake_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_WAKES, i);

	return (struct record_wake){ (uint32_t)get_number(p, 4), (uint16_t)get_number(p + 4, 2) };
}

struct record_claim record_claim_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_CLAIMS, i);
	struct record_claim c;

	memcpy(c.id, p, LEDGER_ID);
	c.check = (uint32_t)get_number(p + LEDGER_ID, 4);
	return c;
}

struct record_takeover record_takeover_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_TAKEOVERS, i);
	struct record_takeover t;

	memcpy(t.id, p, LEDGER_ID);
	t.check = (uint32_t)get_number(p + 14, 4);
	memcpy(t.from.b, p + 18, sizeof(t.from.b));
	t.counts = get_counts(p + 26);
	t.own = p[31] != 0;
	return t;
}

struct record_carry record_carry_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_CARRIES, i);
	struct record_carry c;

	memcpy(c.id, p, LEDGER_ID);
	c.check = (uint32_t)get_number(p + 14, 4);
	memcpy(c.session.b, p + 18, sizeof(c.session.b));
	c.counts = get_counts(p + 26);
	c.state = p[31];
	c.until_ms = get_number(p + 32, 8);
	c.fence = get_number(p + 40, 8);
	c.server_s = (uint32_t)get_number(p + 48, 4);
	return c;
}

struct record_heal record_heal_at(const struct record_view *v, unsigned i)
{
	const uint8_t *p = item(v, RECORD_HEALS, i);
	struct record_heal h;

	memcpy(h.id, p, LEDGER_ID);
	h.check = (uint32_t)get_number(p + 14, 4);
	h.status = p[18];
	h.server_s = (uint32_t)get_number(p + 19, 4);
	return h;
}
