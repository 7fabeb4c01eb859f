/* The rules of the replay, one by one; damaged records. */
#include "core/ledger/table.h"

#include "core/backoff.h"
#include "lib/unit.h"

#include <errno.h>

static const struct session_id A = { "AAAAAAA" }, B = { "BBBBBBB" };

struct writer {
	struct table *t;
	struct record_builder b;
	uint64_t us;
	uint8_t tag;
};

static void begin(struct writer *w)
{
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	struct ledger_tag tag = { { 0 } };

	memset(w, 0, sizeof(*w));
	w->us = 1000000000;
	w->t = table_new(1);
	record_first_body(tag, LEDGER_RULES, 1, &body);
	record_write_header(&header, tag, (struct session_id){ { 0 } }, false, w->us, 0, w->us, NULL, 0);
	ck_assert_int_eq(table_apply(w->t, (struct bytes){ header.data, header.len },
			     (struct bytes){ body.data, body.len }, NULL),
	    0);
	buf_free(&header);
	buf_free(&body);
}

static void end(struct writer *w)
{
	table_free(w->t);
	record_builder_free(&w->b);
}

/* Append what was built; the record's number. */
static uint32_t put(struct writer *w, struct session_id s, bool live, const struct session_id *over)
{
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	struct ledger_tag tag = { { ++w->tag } };
	uint16_t slots = 0;
	uint32_t number = (uint32_t)table_records(w->t);

	for (unsigned i = RECORD_CLAIMS; i < RECORD_SECTIONS; i++)
		slots += w->b.n[i];
	w->us += 1000000;
	record_body(&w->b, tag, s, &body);
	record_write_header(&header, tag, s, live, w->us, slots, w->us, over, over == NULL ? 0 : 1);
	ck_assert_int_eq(table_apply(w->t, (struct bytes){ header.data, header.len },
			     (struct bytes){ body.data, body.len }, NULL),
	    0);
	record_builder_clear(&w->b);
	buf_free(&header);
	buf_free(&body);
	return number;
}

static void id_of(uint8_t n, uint8_t id[LEDGER_ID])
{
	memset(id, n, LEDGER_ID);
}

static void claim(struct writer *w, uint8_t n)
{
	struct record_claim c = { .check = n };

	id_of(n, c.id);
	record_add_claim(&w->b, &c);
}

static void settle(struct writer *w, uint32_t record, uint16_t index, enum settle_status status)
{
	record_add_settle(&w->b, &(struct record_settle){ record, index, (uint8_t)status });
}

static void takeover(struct writer *w, uint8_t n, struct session_id from, bool own)
{
	struct record_takeover t = { .check = n, .from = from, .own = own };

	id_of(n, t.id);
	record_add_takeover(&w->b, &t);
}

static struct entry find(struct writer *w, uint8_t n)
{
	uint8_t id[LEDGER_ID];

	id_of(n, id);
	return table_find(w->t, id);
}

static bool held_by(struct writer *w, uint8_t n, const struct session_id *s)
{
	struct entry e = find(w, n);

	return memcmp(&e.session, s, sizeof(*s)) == 0;
}

START_TEST(the_first_live_claim_holds)
{
	struct writer w;

	begin(&w);
	claim(&w, 1);
	put(&w, A, false, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_ABSENT);
	claim(&w, 1);
	claim(&w, 2);
	put(&w, A, true, NULL);
	claim(&w, 1);
	ck_assert_int_eq(table_at(w.t, put(&w, B, true, NULL), 0).state, ENTRY_VOID);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_CLAIMED);
	ck_assert(held_by(&w, 1, &A));
	ck_assert_uint_eq(find(&w, 2).fence, find(&w, 1).fence + 1);
	ck_assert_uint_eq(table_open(w.t), 2);
	end(&w);
}
END_TEST

START_TEST(only_the_owner_settles)
{
	struct writer w;
	uint32_t r;

	begin(&w);
	claim(&w, 1);
	r = put(&w, A, true, NULL);
	settle(&w, r, 0, SETTLE_DONE);
	put(&w, B, true, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_CLAIMED);
	settle(&w, r, 0, SETTLE_DONE);
	put(&w, A, false, NULL); /* a settle needs no live lease, only the claim */
	ck_assert_int_eq(find(&w, 1).state, ENTRY_DONE);
	settle(&w, r, 0, SETTLE_RELEASED);
	put(&w, A, true, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_DONE);
	claim(&w, 1);
	put(&w, B, true, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_DONE);
	ck_assert_uint_eq(table_open(w.t), 0);
	end(&w);
}
END_TEST

/* What an engine left that died: written under its session, which need not be live any more. */
START_TEST(a_dead_engines_runs_are_released_with_their_counts)
{
	struct writer w;
	uint32_t r;

	begin(&w);
	claim(&w, 1);
	claim(&w, 2);
	r = put(&w, A, true, NULL);
	settle(&w, r, 0, SETTLE_CRASHED);
	settle(&w, r, 1, SETTLE_BEGUN);
	put(&w, A, false, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_RELEASED);
	ck_assert_uint_eq(find(&w, 1).counts.crashes, 1);
	ck_assert_uint_eq(find(&w, 1).counts.takeovers, 0);
	ck_assert_int_eq(find(&w, 2).state, ENTRY_RELEASED);
	ck_assert_uint_eq(find(&w, 2).counts.crashes, 0);
	ck_assert_uint_eq(find(&w, 2).counts.takeovers, 1);
	/* Said again, or by another, it is void; and the counts go on with the next claim. */
	settle(&w, r, 0, SETTLE_CRASHED);
	put(&w, A, false, NULL);
	claim(&w, 1);
	claim(&w, 2);
	r = put(&w, B, true, NULL);
	settle(&w, r, 0, SETTLE_CRASHED);
	put(&w, A, false, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_CLAIMED);
	ck_assert_uint_eq(find(&w, 1).counts.crashes, 1);
	ck_assert_uint_eq(find(&w, 2).counts.takeovers, 1);
	end(&w);
}
END_TEST

START_TEST(waiting_counts_and_wakes_once)
{
	struct writer w;
	uint32_t r;

	begin(&w);
	claim(&w, 1);
	r = put(&w, A, true, NULL);
	record_add_wait(&w.b, &(struct record_wait){ r, 0, true, 5000000 });
	put(&w, A, true, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_WAITING);
	ck_assert_uint_eq(find(&w, 1).counts.failed, 1);
	ck_assert_uint_eq(find(&w, 1).until_ms, 5000000);
	record_add_wait(&w.b, &(struct record_wait){ r, 0, true, 5000000 });
	put(&w, A, true, NULL); /* a second copy of the same call */
	ck_assert_uint_eq(find(&w, 1).counts.failed, 1);
	record_add_wake(&w.b, &(struct record_wake){ r, 0 });
	put(&w, A, true, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_CLAIMED);
	settle(&w, r, 0, SETTLE_RELEASED);
	put(&w, A, true, NULL);
	claim(&w, 1);
	put(&w, B, true, NULL);
	ck_assert_uint_eq(find(&w, 1).counts.failed, 1); /* outlives release and new claim */
	end(&w);
}
END_TEST

START_TEST(takeover_needs_an_ended_session_and_the_right_one)
{
	struct writer w;
	uint32_t r;

	begin(&w);
	claim(&w, 1);
	r = put(&w, A, true, NULL);
	takeover(&w, 1, A, false);
	put(&w, B, true, NULL); /* not over */
	ck_assert(held_by(&w, 1, &A));
	takeover(&w, 1, A, false);
	put(&w, B, false, &A); /* not live */
	ck_assert(held_by(&w, 1, &A));
	takeover(&w, 1, B, false);
	put(&w, B, true, &A); /* of another session */
	ck_assert(held_by(&w, 1, &A));
	takeover(&w, 1, A, false);
	put(&w, B, true, &A);
	ck_assert(held_by(&w, 1, &B));
	ck_assert_uint_eq(find(&w, 1).counts.takeovers, 1);
	settle(&w, r, 0, SETTLE_DONE);
	put(&w, A, true, NULL); /* the old owner comes too late */
	ck_assert_int_eq(find(&w, 1).state, ENTRY_CLAIMED);
	ck_assert_uint_eq(table_open(w.t), 1);
	end(&w);
}
END_TEST

START_TEST(takeover_of_waiting_or_own_is_not_counted)
{
	struct writer w;
	uint32_t r;

	begin(&w);
	claim(&w, 1);
	claim(&w, 2);
	r = put(&w, A, true, NULL);
	record_add_wait(&w.b, &(struct record_wait){ r, 0, true, 5000000 });
	put(&w, A, true, NULL);
	takeover(&w, 1, A, false);
	takeover(&w, 2, A, true);
	put(&w, B, true, &A);
	ck_assert_uint_eq(find(&w, 1).counts.takeovers, 0);
	ck_assert_uint_eq(find(&w, 1).counts.failed, 1);
	ck_assert_uint_eq(find(&w, 2).counts.takeovers, 0);
	ck_assert(held_by(&w, 2, &B));
	end(&w);
}
END_TEST

START_TEST(records_that_refer_nowhere_are_refused)
{
	struct writer w;
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	struct ledger_tag tag = { { 9 } };

	begin(&w);
	settle(&w, 7, 0, SETTLE_DONE);
	record_body(&w.b, tag, A, &body);
	record_write_header(&header, tag, A, true, 1, 0, 1, NULL, 0);
	ck_assert_int_eq(table_apply(w.t, (struct bytes){ header.data, header.len },
			     (struct bytes){ body.data, body.len }, NULL),
	    -EBADMSG);
	ck_assert_uint_eq(table_records(w.t), 1);
	buf_free(&header);
	buf_free(&body);
	end(&w);
}
END_TEST

/* One bit flipped anywhere, in what the host or what the server made: refused. */
START_TEST(flipped_bits_never_make_done)
{
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	struct ledger_tag tag = { { 9 } };
	uint64_t rng = 77, refused = 0;

	for (unsigned i = 0; i < 2000; i++) {
		struct writer w;
		uint32_t r;
		size_t bit;
		int result;

		begin(&w);
		for (uint8_t n = 1; n < 20; n++)
			claim(&w, n);
		r = put(&w, A, true, NULL);
		settle(&w, r, 3, SETTLE_DONE);
		claim(&w, 100);
		takeover(&w, 5, A, false);
		buf_clear(&header);
		buf_clear(&body);
		record_body(&w.b, tag, B, &body);
		record_write_header(&header, tag, B, true, 1, 2, 5000000, &A, 1);
		bit = backoff_random(&rng) % (8 * (header.len + body.len));
		if (bit / 8 < header.len)
			header.data[bit / 8] ^= (char)(1 << bit % 8);
		else
			body.data[bit / 8 - header.len] ^= (char)(1 << bit % 8);
		result = table_apply(w.t, (struct bytes){ header.data, header.len },
		    (struct bytes){ body.data, body.len }, NULL);
		ck_assert_int_eq(result, -EBADMSG);
		refused++;
		for (uint8_t n = 1; n < 20; n++)
			ck_assert(!entry_is_final(find(&w, n).state));
		end(&w);
	}
	ck_assert_uint_eq(refused, 2000);
	buf_free(&header);
	buf_free(&body);
}
END_TEST

static void carry(struct writer *w, uint8_t n, struct session_id s, enum carry_state state)
{
	struct record_carry c = {
		.check = n, .session = s, .counts = { 2, 1, 3 }, .state = (uint8_t)state, .fence = 77
	};

	id_of(n, c.id);
	record_add_carry(&w->b, &c);
}

static void heal(struct writer *w, uint8_t n, enum settle_status status)
{
	struct record_heal h = { .check = n, .status = (uint8_t)status, .server_s = 5 };

	id_of(n, h.id);
	record_add_heal(&w->b, &h);
}

/* An entry of the generation before comes with its owner, counters and fence; once an id is in the list, no more. */
START_TEST(carried_entries_are_as_they_were)
{
	struct writer w;

	begin(&w);
	carry(&w, 1, A, CARRY_CLAIMED);
	carry(&w, 2, A, CARRY_WAITING);
	carry(&w, 3, A, CARRY_RELEASED);
	put(&w, B, false, NULL); /* by anybody, live or not */
	ck_assert(held_by(&w, 1, &A));
	ck_assert_uint_eq(find(&w, 1).fence, 77);
	ck_assert_uint_eq(find(&w, 1).counts.failed, 2);
	ck_assert_int_eq(find(&w, 2).state, ENTRY_WAITING);
	ck_assert_uint_eq(table_open(w.t), 2);
	ck_assert_uint_eq(table_new_ids(w.t), 0);
	claim(&w, 3);
	carry(&w, 1, B, CARRY_CLAIMED);
	put(&w, B, true, NULL);
	ck_assert(held_by(&w, 1, &A));
	ck_assert(held_by(&w, 3, &B));
	ck_assert_uint_eq(find(&w, 3).counts.takeovers, 3); /* they outlive the release */
	end(&w);
}
END_TEST

START_TEST(an_entry_may_be_carried_and_changed_by_one_record)
{
	struct writer w;

	begin(&w);
	carry(&w, 1, A, CARRY_CLAIMED);
	carry(&w, 2, A, CARRY_CLAIMED);
	settle(&w, RECORD_THIS, 0, SETTLE_DONE);
	takeover(&w, 2, A, false);
	put(&w, A, true, &A);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_DONE);
	ck_assert_uint_eq(find(&w, 2).counts.takeovers, 4);
	end(&w);
}
END_TEST

START_TEST(healed_states_go_over_what_is_not_final)
{
	struct writer w;

	begin(&w);
	claim(&w, 1);
	claim(&w, 2);
	claim(&w, 3);
	claim(&w, 4);
	settle(&w, put(&w, A, true, NULL), 3, SETTLE_DEAD);
	put(&w, A, true, NULL);
	heal(&w, 1, SETTLE_DONE); /* done: over anybody's open claim */
	heal(&w, 2, SETTLE_DEAD); /* dead: not over another's */
	heal(&w, 4, SETTLE_DONE); /* nothing over a final state */
	heal(&w, 5, SETTLE_PARKED);
	put(&w, B, false, NULL);
	ck_assert_int_eq(find(&w, 1).state, ENTRY_DONE);
	ck_assert_uint_eq(find(&w, 1).server_s, 5);
	ck_assert_int_eq(find(&w, 2).state, ENTRY_CLAIMED);
	ck_assert_int_eq(find(&w, 4).state, ENTRY_DEAD);
	ck_assert_int_eq(find(&w, 5).state, ENTRY_PARKED);
	heal(&w, 3, SETTLE_DEAD); /* over its own */
	put(&w, A, false, NULL);
	ck_assert_int_eq(find(&w, 3).state, ENTRY_DEAD);
	end(&w);
}
END_TEST

START_TEST(many_ids_are_all_found)
{
	struct writer w;

	begin(&w);
	for (uint32_t i = 0; i < 100000;) {
		for (unsigned k = 0; k < 1000; k++, i++) {
			struct record_claim c = { .check = i };
			uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

			memcpy(c.id, &x, 8);
			memcpy(c.id + 8, &i, 4);
			record_add_claim(&w.b, &c);
		}
		put(&w, A, true, NULL);
	}
	ck_assert_uint_eq(table_entries(w.t), 100000);
	for (uint32_t i = 0; i < 100000; i++) {
		uint8_t id[LEDGER_ID] = { 0 };
		uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		struct entry e;

		memcpy(id, &x, 8);
		memcpy(id + 8, &i, 4);
		e = table_find(w.t, id);
		ck_assert_int_eq(e.state, ENTRY_CLAIMED);
		ck_assert_uint_eq(e.check, i);
		ck_assert_uint_eq(e.record, 1 + i / 1000);
		ck_assert_uint_eq(e.index, i % 1000);
	}
	end(&w);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { the_first_live_claim_holds, only_the_owner_settles,
		a_dead_engines_runs_are_released_with_their_counts, waiting_counts_and_wakes_once,
		takeover_needs_an_ended_session_and_the_right_one, takeover_of_waiting_or_own_is_not_counted,
		records_that_refer_nowhere_are_refused, carried_entries_are_as_they_were,
		an_entry_may_be_carried_and_changed_by_one_record, healed_states_go_over_what_is_not_final,
		flipped_bits_never_make_done, many_ids_are_all_found, NULL };

	return unit_run("ledger table", tests);
}
