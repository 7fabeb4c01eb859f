/* A closed list as a segment: final ids are sorted, what is open is carried into the current list. */
#include "core/upkeep_private.h"

#include <errno.h>
#include <stdlib.h>

/* Carries in one record. */
#define CARRIES 1024

struct collecting {
	struct segment_record *records;
	size_t n, cap;
	struct record_builder carries;
	struct upkeep *u;
	uint32_t t_min, t_max;
	int r;
};

static void end_record(struct collecting *c)
{
	struct ledger_tag tag;
	size_t *grown;

	if (c->carries.n[RECORD_CARRIES] == 0)
		return;
	grown = realloc(c->u->carry_ends, (c->u->n_carries + 1) * sizeof(*grown));
	if (grown == NULL) {
		c->r = -ENOMEM;
		return;
	}
	c->u->carry_ends = grown;
	upkeep_random(c->u, tag.b, sizeof(tag.b));
	record_body(&c->carries, tag, c->u->session, &c->u->carries);
	c->u->carry_ends[c->u->n_carries++] = c->u->carries.len;
	record_builder_clear(&c->carries);
}

static void add_carry(struct collecting *c, const struct entry *e)
{
	struct record_carry k = entry_as_carry(e);

	/* A released id without counters is as good as absent. */
	if (e->state == ENTRY_RELEASED && e->counts.failed == 0 && e->counts.crashes == 0 &&
	    e->counts.takeovers == 0)
		return;
	record_add_carry(&c->carries, &k);
	if (c->carries.n[RECORD_CARRIES] == CARRIES)
		end_record(c);
}

static void collect(void *arg, const struct entry *e)
{
	struct collecting *c = arg;
	struct segment_record *r;

	if (c->r < 0)
		return;
	if (!entry_is_final(e->state)) {
		add_carry(c, e);
		return;
	}
	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? 4096 : 2 * c->cap;
		struct segment_record *grown = realloc(c->records, cap * sizeof(*grown));

		if (grown == NULL) {
			c->r = -ENOMEM;
			return;
		}
		c->records = grown;
		c->cap = cap;
	}
	r = &c->records[c->n++];
	*r = (struct segment_record){ .check = e->check,
		.status = e->state == ENTRY_DONE   ? SETTLE_DONE
			  : e->state == ENTRY_DEAD ? SETTLE_DEAD
						   : SETTLE_PARKED,
		.server_s = (uint32_t)e->server_s };
	segment_hash(e->id, r->hash);
	if (c->t_min > r->server_s)
		c->t_min = r->server_s;
	if (c->t_max < r->server_s)
		c->t_max = r->server_s;
}

static int write_segment(struct upkeep *u, struct collecting *c)
{
	struct segment_info info = { .n = (uint32_t)c->n,
		.t_min = c->t_min,
		.t_max = c->t_max,
		.generation = table_generation(u->before) };
	int r = 0;

	if (c->n > UINT32_MAX / 2)
		return -EOVERFLOW;
	qsort(c->records, c->n, sizeof(*c->records), segment_compare);
	upkeep_random(u, info.id, sizeof(info.id));
	segment_write_begin(&u->writer, &info);
	for (size_t i = 0; i < c->n && r == 0; i++)
		r = segment_write_add(&u->writer, &c->records[i]);
	return r == 0 ? segment_write_end(&u->writer) : r;
}

int upkeep_begin_seal(struct upkeep *u)
{
	struct collecting c = { .u = u, .t_min = UINT32_MAX };
	int r;

	table_each(u->before, collect, &c);
	if (c.r == 0)
		end_record(&c);
	r = c.r;
	if (r == 0 && c.n > 0)
		r = write_segment(u, &c);
	u->written = true;
	free(c.records);
	record_builder_free(&c.carries);
	return r;
}
