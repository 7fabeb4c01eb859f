/* record.h - the ledger's log as bytes: headers and bodies of records.
 *
 * A record is two list elements.  The header is made by the store's script
 * (adapters/ledger_scripts.c, or the memory store): who wrote it, whether its lease
 * held, the server's time, the fence of its first claim, which of the
 * sessions asked about were over, and a sum over all this.  The body is what a host sent, untouched.
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
	SETTLE_RELEASED = 3,		/* as absent, counters kept */
	/* Released by the engine that comes after one that died (the black box). */
	SETTLE_CRASHED = 4,		/* it alone was inside a handler: crashes + 1 */
	SETTLE_BEGUN = 5		/* it was inside one, and nobody knows how far it came: takeovers + 1 */
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
/* An entry of the generation before, as it stood when that was closed, moved into this one. */
struct record_carry {
	uint8_t id[LEDGER_ID];
	uint32_t check;
	struct session_id session;
	struct ledger_counts counts;
	uint8_t state;			/* enum carry_state */
	uint64_t until_ms;		/* of a waiting one */
	uint64_t fence;			/* it keeps it */
	uint32_t server_s;
};
enum carry_state { CARRY_CLAIMED = 0, CARRY_WAITING = 1, CARRY_RELEASED = 2 };
/* A final state that was in the log and is there no more: written again by a host that had read it. */
struct record_heal { uint8_t id[LEDGER_ID]; uint32_t check; uint8_t status; uint32_t server_s; };

/* `record` of a settle, wait or wake of an entry that the same record carries; `index` is then its place among
 * the carries. */
#define RECORD_THIS UINT32_MAX

/* Header: tag 8, session 8, live 1, fence 8, slots 2, server_us 8, n_over 1, over 8 each, sum 4.
 * Body:   slots 2, crc32c 4 (of slots and all that follows it), kind 1 (1: items, 2: first), zero 1, tag 8,
 *         session 8; then, for items, seven counts of 2 and the sections in the order of enum record_section;
 *         for the first, format 1, rules 1, generation 4.  The script copies the body's first two bytes into
 *         the header and passes the body on untouched. */
#define RECORD_HEADER_MIN 40
#define RECORD_BODY_MIN 24

enum record_section {
	RECORD_SETTLES, RECORD_WAITS, RECORD_WAKES,
	RECORD_CLAIMS, RECORD_TAKEOVERS, RECORD_CARRIES, RECORD_HEALS,	/* these make entries, in this order */
	RECORD_SECTIONS
};

/* The index of an entry in its record is its place among the claims, followed by the takeovers, the carries and
 * the heals; there are `slots` of them. */
struct record_builder {
	struct buf sections[RECORD_SECTIONS];
	uint16_t n[RECORD_SECTIONS];
};

void record_builder_clear(struct record_builder *b);
void record_builder_free(struct record_builder *b);
void record_add_settle(struct record_builder *b, const struct record_settle *s);
void record_add_wait(struct record_builder *b, const struct record_wait *w);
void record_add_wake(struct record_builder *b, const struct record_wake *w);
void record_add_claim(struct record_builder *b, const struct record_claim *c);
void record_add_takeover(struct record_builder *b, const struct record_takeover *t);
void record_add_carry(struct record_builder *b, const struct record_carry *c);
void record_add_heal(struct record_builder *b, const struct record_heal *h);
size_t record_items(const struct record_builder *b);	/* of all sections */
/* The body, appended to out.  Tag and session are those of the header to come, so that the two can be held
 * against each other. */
void record_body(const struct record_builder *b, struct ledger_tag tag, struct session_id session, struct buf *out);
/* The record that opens a generation: format, rules, number.  Its session is all zero. */
void record_first_body(struct ledger_tag tag, unsigned rules, uint32_t generation, struct buf *out);
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
	uint32_t generation;		/* of the first record */
	uint16_t n[RECORD_SECTIONS];
	const uint8_t *sections[RECORD_SECTIONS];
};

int record_read_body(struct bytes body, struct record_view *ret_view);
/* The i-th; i below the count. */
struct record_settle record_settle_at(const struct record_view *v, unsigned i);
struct record_wait record_wait_at(const struct record_view *v, unsigned i);
struct record_wake record_wake_at(const struct record_view *v, unsigned i);
struct record_claim record_claim_at(const struct record_view *v, unsigned i);
struct record_takeover record_takeover_at(const struct record_view *v, unsigned i);
struct record_carry record_carry_at(const struct record_view *v, unsigned i);
struct record_heal record_heal_at(const struct record_view *v, unsigned i);

#endif
