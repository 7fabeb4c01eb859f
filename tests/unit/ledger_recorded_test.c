/* Logs as earlier versions wrote them: each has to replay to the table that was recorded with it, for ever.
 *
 * tests/data/log-RULES.txt: a line a record, header and body in hex, then "=" and the table, a line an id.
 * `ledger_recorded_test record` prints such a file of the rules at hand.
 */
#include "core/ledger/table.h"

#include "core/backoff.h"
#include "lib/unit.h"

static void put_hex(struct buf *out, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", ((const uint8_t *)data)[i]);
}

static void dump_entry(void *arg, const struct entry *e)
{
	struct buf *out = arg;

	put_hex(out, e->id, LEDGER_ID);
	buf_printf(out, " state %d check %u owner ", e->state, e->check);
	put_hex(out, e->session.b, sizeof(e->session.b));
	buf_printf(out, " counts %u %u %u fence %llu time %llu until %llu\n", e->counts.failed,
	    e->counts.crashes, e->counts.takeovers, (unsigned long long)e->fence,
	    (unsigned long long)e->server_s, (unsigned long long)e->until_ms);
}

/* ---- Recording: every item, valid and void, by two sessions */

static void record_one(struct table *t, struct buf *out, const struct buf *header, const struct buf *body)
{
	if (table_apply(t, (struct bytes){ header->data, header->len },
		(struct bytes){ body->data, body->len }, NULL) < 0)
		abort();
	put_hex(out, header->data, header->len);
	buf_char(out, ' ');
	put_hex(out, body->data, body->len);
	buf_char(out, '\n');
}

static void add_random(struct record_builder *b, uint64_t *rng, uint32_t records)
{
	struct record_claim claim = { .check = (uint32_t)backoff_random(rng) % 5 };
	struct record_takeover takeover = { .from = { { (uint8_t)(1 + backoff_random(rng) % 3) } },
		.own = backoff_random(rng) % 4 == 0 };
	struct record_carry carry = { .session = { { 3 } },
		.counts = { 1, 2, 3 },
		.state = (uint8_t)(backoff_random(rng) % 3),
		.until_ms = 5000000,
		.fence = backoff_random(rng) % 1000,
		.server_s = 900 };
	struct record_heal heal = { .status = (uint8_t)(backoff_random(rng) % 3), .server_s = 950 };
	uint32_t number = records > 1 ? 1 + (uint32_t)backoff_random(rng) % (records - 1) : 0;
	uint16_t index = (uint16_t)(backoff_random(rng) % 2);

	memset(claim.id, 1 + (int)(backoff_random(rng) % 20), LEDGER_ID);
	memset(takeover.id, 1 + (int)(backoff_random(rng) % 20), LEDGER_ID);
	memset(carry.id, 1 + (int)(backoff_random(rng) % 30), LEDGER_ID);
	memset(heal.id, 1 + (int)(backoff_random(rng) % 40), LEDGER_ID);
	record_add_claim(b, &claim);
	memset(claim.id, 1 + (int)(backoff_random(rng) % 20), LEDGER_ID);
	record_add_claim(b, &claim);
	if (records > 1) {
		record_add_settle(
		    b, &(struct record_settle){ number, index, (uint8_t)(backoff_random(rng) % 4) });
		record_add_wait(
		    b, &(struct record_wait){ number, index, backoff_random(rng) % 2 == 0, 2000000 });
		record_add_wake(b, &(struct record_wake){ number, (uint16_t)(backoff_random(rng) % 2) });
	}
	if (backoff_random(rng) % 3 == 0)
		record_add_takeover(b, &takeover);
	if (backoff_random(rng) % 4 == 0)
		record_add_carry(b, &carry);
	if (backoff_random(rng) % 5 == 0)
		record_add_heal(b, &heal);
}

static void record(struct buf *out)
{
	struct table *t = table_new(7);
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 };
	struct record_builder b = { .n = { 0 } };
	struct session_id over = { { 1 } };
	uint64_t rng = 42;

	record_first_body((struct ledger_tag){ { 0 } }, LEDGER_RULES, 7, &body);
	record_write_header(&header, (struct ledger_tag){ { 0 } }, (struct session_id){ { 0 } }, false,
	    1000000000, 0, 1000000000, NULL, 0);
	record_one(t, out, &header, &body);
	for (uint8_t i = 1; i < 120; i++) {
		struct session_id session = { { (uint8_t)(1 + backoff_random(&rng) % 2) } };
		uint16_t slots = 0;

		buf_clear(&header);
		buf_clear(&body);
		add_random(&b, &rng, (uint32_t)table_records(t));
		for (unsigned k = RECORD_CLAIMS; k < RECORD_SECTIONS; k++)
			slots += b.n[k];
		record_body(&b, (struct ledger_tag){ { i } }, session, &body);
		record_write_header(&header, (struct ledger_tag){ { i } }, session,
		    backoff_random(&rng) % 8 > 0, 1000000000 + 100u * i, slots, 1000000000 + 1000000u * i,
		    &over, backoff_random(&rng) % 2 == 0);
		record_one(t, out, &header, &body);
		record_builder_clear(&b);
	}
	buf_text(out, "=\n");
	table_each(t, dump_entry, out);
	record_builder_free(&b);
	buf_free(&header);
	buf_free(&body);
	table_free(t);
}

/* ---- Replaying */

static void read_hex(const char *text, size_t len, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i + 1 < len; i += 2) {
		char two[3] = { text[i], text[i + 1], '\0' };

		buf_char(out, (char)strtoul(two, NULL, 16));
	}
}

static void replay(unsigned rules)
{
	struct buf header = { NULL, 0, 0 }, body = { NULL, 0, 0 }, found = { NULL, 0, 0 },
		   want = { NULL, 0, 0 };
	struct table *t = table_new(7);
	static char line[65536];
	char path[256];
	bool table = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log-%u.txt", DATA, rules);
	f = fopen(path, "re");
	ck_assert_msg(f != NULL, "%s is missing: make it once, with `ledger_recorded_test record`", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *space = strchr(line, ' ');

		if (table) {
			buf_text(&want, line);
		} else if (line[0] == '=') {
			table = true;
		} else {
			ck_assert_ptr_nonnull(space);
			read_hex(line, (size_t)(space - line), &header);
			read_hex(space + 1, strcspn(space + 1, "\n"), &body);
			ck_assert_int_eq(table_apply(t, (struct bytes){ header.data, header.len },
					     (struct bytes){ body.data, body.len }, NULL),
			    0);
		}
	}
	fclose(f);
	table_each(t, dump_entry, &found);
	ck_assert_uint_eq(table_records(t), 120);
	ck_assert_msg(
	    strcmp(found.data, want.data) == 0, "rules %u: the log replays to another table", rules);
	buf_free(&header);
	buf_free(&body);
	buf_free(&found);
	buf_free(&want);
	table_free(t);
}

START_TEST(recorded_logs_replay_to_the_recorded_table)
{
	for (unsigned rules = 1; rules <= LEDGER_RULES; rules++)
		replay(rules);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = { recorded_logs_replay_to_the_recorded_table, NULL };
	struct buf out = { NULL, 0, 0 };

	(void)argv;
	if (argc == 1)
		return unit_run("ledger recorded", tests);
	record(&out);
	fputs(out.data, stdout);
	buf_free(&out);
	return 0;
}
