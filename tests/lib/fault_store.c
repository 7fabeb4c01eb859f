#include "lib/fault_store.h"

#include <stdio.h>
#include <stdlib.h>

struct fault_store {
	struct store store;
	struct store *inner;
	int (*fail)(void *arg, bool after);
	void *arg;
};

static int fails(struct fault_store *s, bool after)
{
	int r = s->fail(s->arg, after);

	if (r < 0) {
		s->store.trouble = STORE_UNREACHABLE;
		snprintf(s->store.text, sizeof(s->store.text), "the test says so");
	}
	return r;
}

static int passed_on(struct fault_store *s, int r)
{
	int f = fails(s, true);

	if (f < 0)
		return f;
	s->store.trouble = s->inner->trouble;
	memcpy(s->store.text, s->inner->text, sizeof(s->store.text));
	return r;
}

static int do_append(struct store *store, const struct store_append *a, struct store_reply *ret)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->append(s->inner, a, ret));
}

static int do_read(
    struct store *store, uint32_t generation, uint64_t from, uint32_t max, struct store_reply *ret)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->read(s->inner, generation, from, max, ret));
}

static int do_confirm(struct store *store, struct session_id id, uint64_t lease_us)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->confirm(s->inner, id, lease_us));
}

static int do_meta_read(struct store *store, struct ledger_meta *ret)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->meta_read(s->inner, ret));
}

static int do_meta_create(struct store *store, const struct ledger_meta *meta, uint64_t heal_us)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->meta_create(s->inner, meta, heal_us));
}

static int do_commit(struct store *store, const struct store_commit *c, enum store_result *ret)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->commit(s->inner, c, ret));
}

static int do_adopt(struct store *store, const struct ledger_version *from, uint64_t lease_us)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->adopt(s->inner, from, lease_us));
}

static int do_healed(struct store *store, struct session_id id)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->healed(s->inner, id));
}

static int do_chunk_write(struct store *store, const uint8_t segment[SEGMENT_ID], enum store_stream stream,
    uint32_t index, struct bytes data)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->chunk_write(s->inner, segment, stream, index, data));
}

static int do_chunk_read(struct store *store, struct store_chunk *chunks, size_t n)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->chunk_read(s->inner, chunks, n));
}

/* The lock only saves work: here everybody works at once. */
static int do_lock(struct store *store, struct session_id id, uint64_t ms, bool *ret)
{
	(void)store;
	(void)id;
	(void)ms;
	*ret = true;
	return 0;
}

static int do_session_open(struct store *store, struct session_id id, uint64_t lease_us, const char *owner)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->session_open(s->inner, id, lease_us, owner));
}

static int do_session_renew(
    struct store *store, struct session_id id, uint64_t lease_us, struct store_renewal *ret)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->session_renew(s->inner, id, lease_us, ret));
}

static int do_session_end(struct store *store, struct session_id id)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->session_end(s->inner, id));
}

static int do_stats(struct store *store, uint32_t generation, struct store_stats *ret)
{
	struct fault_store *s = (struct fault_store *)store;
	int r = fails(s, false);

	return r < 0 ? r : passed_on(s, s->inner->ops->stats(s->inner, generation, ret));
}

static void do_free(struct store *store)
{
	struct fault_store *s = (struct fault_store *)store;

	s->inner->ops->free(s->inner);
	free(s);
}

struct store *fault_store_new(struct store *inner, int (*fail)(void *arg, bool after), void *arg)
{
	static const struct store_ops ops = { do_append, do_read, do_confirm, do_meta_read, do_meta_create,
		do_commit, do_adopt, do_healed, do_chunk_write, do_chunk_read, do_lock, do_session_open,
		do_session_renew, do_session_end, do_stats, do_free };
	struct fault_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->store.ops = &ops;
	s->inner = inner;
	s->fail = fail;
	s->arg = arg;
	return &s->store;
}
