#include "core/upkeep_private.h"

#include "core/backoff.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Who seals or merges says so for as long, with each chunk anew; a host that dies at it holds the others up no longer:
 * at full speed a list that is not sealed grows by a million ids meanwhile. */
#define LOCK_MS 5000
#define SECOND_US 1000000
/* By age a generation ends after this share of the retention: fewer would keep ids longer than asked. */
#define AGE_SHARE 16
/* A segment spans at most this share: what is dropped at once, and so what is kept too long. */
#define SPAN_SHARE 8
#define CLOCKS_AGREE_S 300
#define DROP_PACE_S 3600

struct upkeep *upkeep_new(struct store *store, uint64_t seed)
{
	struct upkeep *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->store = store;
	u->random = seed | 1;
	return u;
}

void upkeep_random(struct upkeep *u, uint8_t *ret, size_t len)
{
	assert(len == 8);
	for (uint64_t x = backoff_random(&u->random); len > 0; x >>= 8)
		ret[--len] = (uint8_t)x;
}

/* ---- One task at a time */

static void end_task(struct upkeep *u)
{
	segment_write_free(&u->writer);
	upkeep_end_merge(u);
	buf_clear(&u->carries);
	u->n_carries = 0;
	u->writer = (struct segment_writer){ .added = 0 };
	u->written = false;
	u->body_chunk = u->filter_chunk = 0;
	u->task = TASK_NONE;
}

static void forget(struct upkeep *u)
{
	end_task(u);
	table_free(u->current);
	table_free(u->before);
	u->current = u->before = NULL;
	u->ready = false;
}

void upkeep_free(struct upkeep *u)
{
	if (u == NULL)
		return;
	forget(u);
	buf_free(&u->carries);
	free(u->carry_ends);
	free(u);
}

void upkeep_look(struct upkeep *u, const struct client_view *view, struct session_id session,
    const struct upkeep_rules *rules)
{
	bool same = u->ready && memcmp(&u->meta.version, &view->meta.version, sizeof(u->meta.version)) == 0;

	u->rules = *rules;
	if (same && u->task != TASK_NONE)
		return; /* under the session that it began with: its records name it */
	forget(u);
	u->session = session;
	u->meta = view->meta;
	u->current = table_ref(view->current);
	u->before = view->before == NULL ? NULL : table_ref(view->before);
	u->ready = true;
}

const char *upkeep_text(const struct upkeep *u)
{
	return u->text;
}

struct upkeep_counts upkeep_counts(const struct upkeep *u)
{
	return u->counts;
}

int upkeep_damaged(struct upkeep *u, const struct segment_info *info, const char *what)
{
	snprintf(u->text, sizeof(u->text),
	    "segment %02x%02x%02x%02x%02x%02x%02x%02x is damaged (the checksum of %s does not fit): it is not merged",
	    info->id[0], info->id[1], info->id[2], info->id[3], info->id[4], info->id[5], info->id[6],
	    info->id[7], what);
	return -EBADMSG;
}

/* ---- Commits */

static int commit(struct upkeep *u, struct store_commit *c, struct ledger_meta *to, uint64_t *counter,
    enum upkeep_did *ret_did)
{
	enum store_result result;
	int r;

	upkeep_random(u, to->version.b, sizeof(to->version.b));
	c->from = u->meta.version;
	c->to = to;
	c->session = u->session;
	r = u->store->ops->commit(u->store, c, &result);
	if (r < 0)
		return r;
	if (result == STORE_OK)
		(*counter)++;
	else
		u->counts.lost_races++;
	/* Either way the ledger is not what we looked at any more. */
	forget(u);
	*ret_did = UPKEEP_MOVED;
	return 0;
}

static int rotate(struct upkeep *u, enum upkeep_did *ret_did)
{
	struct ledger_meta to = u->meta;
	struct store_commit c = { .open_list = true, .close = u->meta.generation };

	to.generation++;
	return commit(u, &c, &to, &u->counts.rotated, ret_did);
}

static int commit_seal(struct upkeep *u, enum upkeep_did *ret_did)
{
	struct ledger_meta to = u->meta;
	struct store_commit c = { .close = u->meta.oldest, .unlink = true };
	struct bytes *bodies = calloc(u->n_carries + 1, sizeof(*bodies));
	int r;

	if (bodies == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < u->n_carries; i++) {
		size_t from = i == 0 ? 0 : u->carry_ends[i - 1];

		bodies[i] = (struct bytes){ u->carries.data + from, u->carry_ends[i] - from };
	}
	to.oldest = to.generation;
	c.carries = bodies;
	c.n_carries = u->n_carries;
	c.add = u->writer.added == 0 ? NULL : &u->writer.info;
	r = commit(u, &c, &to, &u->counts.sealed, ret_did);
	free(bodies);
	return r;
}

static int commit_merge(struct upkeep *u, enum upkeep_did *ret_did)
{
	struct ledger_meta to = u->meta;
	struct segment_info sources[UPKEEP_FAN_IN];
	struct store_commit c = { .add = &u->writer.info, .remove = sources, .n_remove = u->n_sources };

	for (size_t i = 0; i < u->n_sources; i++)
		sources[i] = u->sources[i]->info;
	return commit(u, &c, &to, &u->counts.merged, ret_did);
}

static int drop(struct upkeep *u, const struct segment_info *info, enum upkeep_did *ret_did)
{
	struct ledger_meta to = u->meta;
	struct segment_info gone = *info;
	struct store_commit c = { .remove = &gone, .n_remove = 1 };

	to.dropped_s = u->rules.server_now_us / SECOND_US;
	return commit(u, &c, &to, &u->counts.dropped, ret_did);
}

/* ---- What is to be done */

static bool is_full(const struct upkeep *u)
{
	uint64_t least = u->rules.generation_ids == 0 ? UPKEEP_GENERATION_IDS : u->rules.generation_ids;
	uint64_t ids = table_new_ids(u->current), begun = table_begun_us(u->current), age_us, retention_us;

	if (ids == 0)
		return false;
	retention_us = u->rules.retention_ms * 1000;
	age_us = u->rules.server_now_us > begun ? u->rules.server_now_us - begun : 0;
	if (age_us > retention_us / AGE_SHARE + SECOND_US)
		return true;
	/* A thousand generations of a retention at most: each one counts in the odds of a false "done". */
	return ids >= least && (double)age_us >= (double)retention_us / 1000 * (ids < 16 * least);
}

static const struct segment_info *old_segment(const struct upkeep *u)
{
	uint64_t now_s = u->rules.server_now_us / SECOND_US, host_s = u->rules.host_now_s;
	uint64_t apart = now_s > host_s ? now_s - host_s : host_s - now_s;

	if (!u->rules.may_drop || now_s == 0 || apart > CLOCKS_AGREE_S)
		return NULL;
	for (size_t i = 0; i < u->meta.n_segments; i++) {
		const struct segment_info *s = &u->meta.segments[i];
		uint64_t span = s->t_max - s->t_min, pace = span < DROP_PACE_S ? span : DROP_PACE_S;

		if (s->t_max + u->rules.retention_ms / 1000 < now_s && u->meta.dropped_s + pace <= now_s)
			return s;
	}
	return NULL;
}

static int by_age(const void *a, const void *b)
{
	const struct segment_info *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	return x->t_min < y->t_min ? -1 : x->t_min > y->t_min;
}

/* Eight neighbours of one tier that are not too far apart in time. */
static const struct segment_info *mergeable(struct upkeep *u)
{
	struct segment_info *s = u->meta.segments;
	bool crowded = u->meta.n_segments + 2 * UPKEEP_FAN_IN > LEDGER_MAX_SEGMENTS;

	qsort(s, u->meta.n_segments, sizeof(*s), by_age);
	for (size_t i = 0; i + UPKEEP_FAN_IN <= u->meta.n_segments; i++) {
		uint32_t t_max = 0;

		for (size_t k = i; k < i + UPKEEP_FAN_IN; k++)
			t_max = s[k].t_max > t_max ? s[k].t_max : t_max;
		if (crowded ||
		    (s[i].tier == s[i + UPKEEP_FAN_IN - 1].tier &&
			(uint64_t)(t_max - s[i].t_min) * 1000 * SPAN_SHARE <= u->rules.retention_ms))
			return &s[i];
	}
	return NULL;
}

static int lock(struct upkeep *u, enum upkeep_did *ret_did)
{
	bool ours;
	int r = u->store->ops->lock(u->store, u->session, LOCK_MS, &ours);

	if (r == 0)
		*ret_did = ours ? UPKEEP_WORKED : UPKEEP_LOCKED;
	return r;
}

static int begin_task(struct upkeep *u, enum upkeep_did *ret_did)
{
	const struct segment_info *s;
	int r;

	*ret_did = UPKEEP_IDLE;
	if (u->before != NULL) {
		r = lock(u, ret_did);
		if (r < 0 || *ret_did == UPKEEP_LOCKED)
			return r;
		u->task = TASK_SEAL;
		return upkeep_begin_seal(u);
	}
	if (is_full(u))
		return rotate(u, ret_did);
	s = old_segment(u);
	if (s != NULL)
		return drop(u, s, ret_did);
	s = mergeable(u);
	if (s == NULL)
		return 0;
	r = lock(u, ret_did);
	if (r < 0 || *ret_did == UPKEEP_LOCKED)
		return r;
	u->task = TASK_MERGE;
	return upkeep_begin_merge(u, s, UPKEEP_FAN_IN);
}

/* ---- Writing chunks.  1: one was written; 0: there is none to write now. */

static int write_chunk(
    struct upkeep *u, enum store_stream stream, uint32_t index, const char *data, size_t len)
{
	bool ours;
	/* Said anew with each.  Somebody else may have it by now, and do the same work: that only costs. */
	int r = u->store->ops->lock(u->store, u->session, LOCK_MS, &ours);

	if (r == 0)
		r = u->store->ops->chunk_write(
		    u->store, u->writer.info.id, stream, index, (struct bytes){ data, len });
	return r < 0 ? r : 1;
}

static int write_body(struct upkeep *u)
{
	size_t len = segment_write_ready(&u->writer);
	int r;

	if (len == 0 || (len < SEGMENT_CHUNK && !u->written))
		return 0;
	len = len < SEGMENT_CHUNK ? len : SEGMENT_CHUNK;
	r = write_chunk(u, STORE_BODY, u->body_chunk, u->writer.body.data, len);
	if (r > 0) {
		u->body_chunk++;
		segment_write_take(&u->writer, len);
	}
	return r;
}

static int write_filter(struct upkeep *u)
{
	size_t from = (size_t)u->filter_chunk * SEGMENT_CHUNK, len = u->writer.filter.len;
	int r;

	if (u->writer.added == 0 || from >= len)
		return 0;
	len = len - from < SEGMENT_CHUNK ? len - from : SEGMENT_CHUNK;
	r = write_chunk(u, STORE_FILTER, u->filter_chunk, u->writer.filter.data + from, len);
	u->filter_chunk += r > 0;
	return r;
}

static int go_on(struct upkeep *u, enum upkeep_did *ret_did)
{
	int r = write_body(u);

	*ret_did = UPKEEP_WORKED;
	if (r != 0)
		return r < 0 ? r : 0;
	if (!u->written)
		return upkeep_merge_on(u);
	r = write_filter(u);
	if (r != 0)
		return r < 0 ? r : 0;
	return u->task == TASK_SEAL ? commit_seal(u, ret_did) : commit_merge(u, ret_did);
}

int upkeep_step(struct upkeep *u, enum upkeep_did *ret_did)
{
	int r;

	*ret_did = UPKEEP_IDLE;
	if (!u->ready)
		return 0;
	r = u->task == TASK_NONE ? begin_task(u, ret_did) : go_on(u, ret_did);
	if (r == -ESTALE) {
		forget(u);
		*ret_did = UPKEEP_MOVED;
		return 0;
	}
	if (r < 0)
		end_task(u);
	return r;
}
