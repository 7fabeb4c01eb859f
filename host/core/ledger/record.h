/* record.h - the ledger's log as bytes: headers and bodies of records.
 *
 * A record is two list elements.  The header is made by the store's script
 * (adapters/ledger.lua, or the memory store): who wrote it, whether its lease
 * held, the server's time, the fence of its first claim, and which of the
 * sessions asked about were over.  The body is what a host sent, untouched.
 * The layout, byte by byte, is in docs/ledger.md; all numbers are big endian.
 *
 * Owns:    views borrow the bytes they were made from.
 * Threads: any.
 * Uses:    base.
 */
#ifndef CORE_LEDGER_RECORD_H
#define CORE_LEDGER_RECORD_H

#include "base/buf.h"

#define LEDGER_FORMAT 1			/* of the metadata and of the coding */
#define LEDGER_RULES 1			/* of the replay; written into the first record of a generation */

#define LEDGER_ID 14			/* bytes of an id's hash that are stored and compared */
#define LEDGER_TAG 8
#define LEDGER_MAX_ITEMS 4096		/* claims, takeovers and settles in one record, together */

struct session_id { uint8_t b[8]; };
struct ledger_tag { uint8_t b[LEDGER_TAG]; };

/* Final states first; the numbers are those of the coding. */
enum settle_status {
	SETTLE_DONE = 0, SETTLE_DEAD = 1, SETTLE_PARKED = 2,
	SETTLE_RELEASED = 3		/* as absent, counters kept */
};

struct ledger_counts { uint16_t failed; uint8_t crashes; uint16_t takeovers; };

struct record_settle { uint32_t record; uint16_t index; uint8_t status; };
/* claimed -> waiting until Unix ms `until`; failed + 1 where `failed` is set. */
struct record_wait { uint32_t record; uint16_t index; bool failed; uint64_t until_ms; };
struct record_wake { uint32_t record; uint16_t index; };	/* waiting -> claimed */
struct record_claim { uint8_t id[LEDGER_ID]; uint32_t check; };
struct record_takeover {
	uint8_t id[LEDGER_ID];
	uint32_t check;
	struct session_id from;
	struct ledger_counts counts;	/* before it */
	bool own;			/* an earlier session of the same engine, whose run goes on: not counted */
};

/* Header: tag 8, session 8, live 1, fence 8, slots 2, server_us 8, n_over 1, over 8 each.
 * Body:   slots 2, crc32c 4 (of slots and all that follows it), kind 1 (1: items, 2: first), zero 1, tag 8,
 *         session 8; then, for items, five counts of 2 (settles, waits, wakes, claims, takeovers) and the
 *         sections; for the first, format 1 and rules 1.  The script copies the body's first two bytes into
 *         the header and passes the body on untouched. */
#define RECORD_HEADER_MIN 36
#define RECORD_BODY_MIN 24

/* Built by the host in this order within a body: settles, waits, wakes, claims, takeovers.  The index of an
 * entry in its record is its place among the claims, followed by the takeovers. */
struct record_builder {
	struct buf settles, waits, wakes, claims, takeovers;
	uint16_t n_settles, n_waits, n_wakes, n_claims, n_takeovers;
};

void record_builder_clear(struct record_builder *b);
void record_builder_free(struct record_builder *b);
void record_add_settle(struct record_builder *b, const struct record_settle *s);
void record_add_wait(struct record_builder *b, const struct record_wait *w);
void record_add_wake(struct record_builder *b, const struct record_wake *w);
void record_add_claim(struct record_builder *b, const struct record_claim *c);
void record_add_takeover(struct record_builder *b, const struct record_takeover *t);
/* The body, appended to out.  Tag and session are those of the header to come, so that the two can be held
 * against each other. */
void record_body(const struct record_builder *b, struct ledger_tag tag, struct session_id session, struct buf *out);
/* The record that opens a generation: format and rules version.  Its session is all zero. */
void record_first_body(struct ledger_tag tag, struct buf *out);
/* A header, as the store's script makes it. */
void record_write_header(struct buf *out, struct ledger_tag tag, struct session_id session, bool live, uint64_t fence,
    uint16_t slots, uint64_t server_us, const struct session_id *over, uint8_t n_over);

struct record_header {
	struct ledger_tag tag;
	struct session_id session;
	bool live;			/* the session's lease held when it was appended */
	uint64_t fence;			/* of its first claim; the n-th has fence + n */
	uint16_t slots;			/* claims and takeovers: how far it moves the fence */
	uint64_t server_us;
	uint8_t n_over;			/* sessions that were over, of those the host asked about */
	const uint8_t *over;		/* 8 bytes each */
};

/* Checked views.  -EBADMSG: not such a record (length, counts, checksum); nothing is ever read past the end. */
int record_read_header(struct bytes header, struct record_header *ret_header);

struct record_view {
	uint16_t slots;
	struct ledger_tag tag;
	struct session_id session;
	bool first;			/* opens a generation */
	uint8_t format, rules;		/* of the first record */
	uint16_t n_settles, n_waits, n_wakes, n_claims, n_takeovers;
	const uint8_t *settles, *waits, *wakes, *claims, *takeovers;
};

int record_read_body(struct bytes body, struct record_view *ret_view);
/* The i-th; i below the count. */
struct record_settle record_settle_at(const struct record_view *v, unsigned i);
struct record_wait record_wait_at(const struct record_view *v, unsigned i);
struct record_wake record_wake_at(const struct record_view *v, unsigned i);
struct record_claim record_claim_at(const struct record_view *v, unsigned i);
struct record_takeover record_takeover_at(const struct record_view *v, unsigned i);

#endif
