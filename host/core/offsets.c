#include "core/offsets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Consecutive offsets, from sequence number `seq` on up to the next run's. */
struct run {
	uint64_t seq;
	int64_t offset;
};

/* The n-th offset begun has sequence number n; its bit says done.  head: the oldest kept, tail: the next. */
struct offsets {
	size_t cap;
	uint64_t head, tail;
	uint64_t *bits; /* a ring of n_bits */
	size_t n_bits;
	struct run *runs; /* a deque: first_run of n_runs */
	size_t first_run, n_runs, cap_runs;
	int64_t last; /* begun */
};

struct offsets *offsets_new(size_t cap)
{
	struct offsets *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->cap = cap;
	o->last = -1;
	return o;
}

void offsets_free(struct offsets *o)
{
	if (o == NULL)
		return;
	free(o->bits);
	free(o->runs);
	free(o);
}

static uint64_t *word(const struct offsets *o, uint64_t seq)
{
	return &o->bits[(seq & (o->n_bits - 1)) / 64];
}

static bool is_done(const struct offsets *o, uint64_t seq)
{
	return *word(o, seq) >> seq % 64 & 1;
}

static int grow_bits(struct offsets *o)
{
	size_t n = o->n_bits == 0 ? 1024 : 2 * o->n_bits;
	struct offsets old = *o;
	uint64_t *bits = calloc(n / 64, sizeof(*bits));

	if (bits == NULL)
		return -ENOMEM;
	o->bits = bits;
	o->n_bits = n;
	for (uint64_t seq = o->head; seq < o->tail; seq++)
		if (is_done(&old, seq))
			*word(o, seq) |= UINT64_C(1) << seq % 64;
	free(old.bits);
	return 0;
}

static int add_run(struct offsets *o, int64_t offset)
{
	if (o->first_run + o->n_runs == o->cap_runs) {
		size_t cap = o->n_runs * 2 < 16 ? 16 : o->n_runs * 2;
		struct run *runs = malloc(cap * sizeof(*runs));

		if (runs == NULL)
			return -ENOMEM;
		for (size_t i = 0; i < o->n_runs; i++)
			runs[i] = o->runs[o->first_run + i];
		free(o->runs);
		o->runs = runs;
		o->first_run = 0;
		o->cap_runs = cap;
	}
	o->runs[o->first_run + o->n_runs++] = (struct run){ o->tail, offset };
	return 0;
}

int offsets_begin(struct offsets *o, int64_t offset)
{
	int r = 0;

	assert(offset > o->last);
	if (offsets_full(o))
		return -ENOSPC;
	if (o->tail - o->head == o->n_bits)
		r = grow_bits(o);
	if (r == 0 && (o->n_runs == 0 || offset != o->last + 1))
		r = add_run(o, offset);
	if (r < 0)
		return r;
	*word(o, o->tail) &= ~(UINT64_C(1) << o->tail % 64);
	o->tail++;
	o->last = offset;
	return 0;
}

/* The run that holds `offset`: the last one that begins at or before it. */
static const struct run *run_of(const struct offsets *o, int64_t offset)
{
	size_t low = 0, high = o->n_runs;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (o->runs[o->first_run + mid].offset <= offset)
			low = mid;
		else
			high = mid;
	}
	return &o->runs[o->first_run + low];
}

void offsets_done(struct offsets *o, int64_t offset)
{
	const struct run *r;
	uint64_t seq;

	assert(o->n_runs > 0);
	r = run_of(o, offset);
	seq = r->seq + (uint64_t)(offset - r->offset);
	assert(seq >= o->head && seq < o->tail);
	*word(o, seq) |= UINT64_C(1) << seq % 64;
}

bool offsets_advance(struct offsets *o, int64_t *ret_next)
{
	uint64_t before = o->head;
	const struct run *r;

	while (o->head < o->tail && is_done(o, o->head))
		o->head++;
	if (o->head == before)
		return false;
	/* Runs that end before the last done offset are forgotten. */
	while (o->n_runs > 1 && o->runs[o->first_run + 1].seq < o->head) {
		o->first_run++;
		o->n_runs--;
	}
	r = &o->runs[o->first_run];
	*ret_next = r->offset + (int64_t)(o->head - r->seq);
	return true;
}

size_t offsets_length(const struct offsets *o)
{
	return (size_t)(o->tail - o->head);
}

bool offsets_full(const struct offsets *o)
{
	return o->tail - o->head >= o->cap;
}
