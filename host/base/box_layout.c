/* After a death: the blame, and what the next engine begins with. */
#include "base/box_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Slots beyond what a section asks for: what earlier engines left. */
#define SPARE 256

/* ---- After a death */

static bool is_running(const struct box_slot *slot)
{
	return atomic_load_explicit(&slot->state, memory_order_acquire) == BOX_RUNNING;
}

static void each_slot(
    struct box *b, void (*visit)(void *arg, const struct box_section *s, struct box_slot *slot), void *arg)
{
	struct box_area *a = box_map_all(b) < 0 ? NULL : box_active(b);

	for (size_t i = 0; a != NULL && i < a->n_sections; i++) {
		struct box_section *s = box_section_at(b, a, i);

		for (uint32_t k = 0; box_section_is_good(b, s) && k < s->n_slots; k++)
			if (is_running(box_slot(b, s, k)))
				visit(arg, s, box_slot(b, s, k));
	}
}

struct judging {
	enum box_cause cause;
	size_t n;
};

static void count_one(void *arg, const struct box_section *s, struct box_slot *slot)
{
	struct judging *j = arg;

	(void)s;
	j->n += slot->blame == BOX_UNJUDGED;
}

static enum box_blame blame_of(const struct judging *j, const struct box_slot *slot)
{
	switch (j->cause) {
	case BOX_CRASH: return j->n == 1 ? BOX_CRASHED : BOX_SUSPECTED;
	case BOX_TIMEOUT: return atomic_load(&slot->overran) ? BOX_TIMED_OUT : BOX_INNOCENT;
	case BOX_KILLED:
	case BOX_WATCHDOG:
	case BOX_LOST: return BOX_SUSPECTED;
	case BOX_RELOAD:
	case BOX_STOP:
	case BOX_N_CAUSES: break;
	}
	return BOX_INNOCENT;
}

static void judge_one(void *arg, const struct box_section *s, struct box_slot *slot)
{
	(void)s;
	if (slot->blame == BOX_UNJUDGED)
		slot->blame = (uint8_t)blame_of(arg, slot);
}

void box_judge(struct box *b, enum box_cause cause)
{
	struct judging j = { cause, 0 };

	each_slot(b, count_one, &j);
	each_slot(b, judge_one, &j);
}

struct visiting {
	void (*visit)(void *arg, const struct box_section *s, const struct box_slot *slot);
	void *arg;
};

static void visit_one(void *arg, const struct box_section *s, struct box_slot *slot)
{
	const struct visiting *v = arg;

	if (box_slot_is_whole(slot))
		v->visit(v->arg, s, slot);
}

void box_each_running(struct box *b,
    void (*visit)(void *arg, const struct box_section *s, const struct box_slot *slot), void *arg)
{
	struct visiting v = { visit, arg };

	each_slot(b, visit_one, &v);
}

/* ---- A new engine's area */

static const struct box_section *find_section(struct box *b, const struct box_area *old, const char *name)
{
	for (size_t i = 0; old != NULL && i < old->n_sections; i++) {
		const struct box_section *s = box_section_at(b, old, i);

		if (box_section_is_good(b, s) && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static bool is_left(const struct box_slot *slot)
{
	uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

	return state >= BOX_RUNNING && state <= BOX_VERDICT;
}

static uint32_t count_left(struct box *b, const struct box_section *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; s != NULL && i < s->n_slots; i++)
		n += is_left(box_slot(b, s, i));
	return n;
}

void box_add_past(struct box_section *s, const struct box_session *session)
{
	uint32_t n = atomic_load(&s->n_past);

	for (uint32_t i = 0; i < n; i++)
		if (memcmp(&s->past[i], session, sizeof(*session)) == 0)
			return;
	if (n == BOX_MAX_SESSIONS) {
		/* The oldest has had time enough to run out. */
		memmove(s->past, s->past + 1, (n - 1) * sizeof(s->past[0]));
		n--;
	}
	s->past[n] = *session;
	atomic_store(&s->n_past, n + 1);
}

static void carry_over(struct box *b, const struct box_section *from, struct box_section *to, bool doubtful)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < atomic_load(&from->n_past); i++)
		box_add_past(to, &from->past[i]);
	if (atomic_load(&from->has_session))
		box_add_past(to, &from->session);
	atomic_store(&to->subscribed, atomic_load(&from->subscribed));
	to->doubtful = doubtful || from->doubtful;
	for (uint32_t i = 0; i < from->n_slots; i++) {
		const struct box_slot *slot = box_slot(b, from, i);

		if (!is_left(slot))
			continue;
		if (!box_slot_is_whole(slot))
			to->doubtful = 1;
		else
			memcpy(box_slot(b, to, k++), slot, sizeof(*slot));
	}
}

static uint64_t pages(uint64_t size)
{
	return (size + BOX_ALIGN - 1) / BOX_ALIGN * BOX_ALIGN;
}

/* Where the new area can lie: before the old one if it fits there, else behind it. */
static uint64_t place_for(const struct box_area *old, uint64_t size)
{
	if (old == NULL || BOX_HEADER_SIZE + size <= old->offset)
		return BOX_HEADER_SIZE;
	return pages(old->offset + old->size);
}

/* Two engines' areas lie side by side, and what was left in one may make the next larger. */
#define AREAS 3

int box_reserve(struct box *b, size_t n_sections, size_t n_slots)
{
	uint64_t area = pages(n_sections * sizeof(struct box_section)) +
			pages((n_slots + n_sections * SPARE) * sizeof(struct box_slot)) +
			n_sections * BOX_ALIGN;

	return -posix_fallocate(b->fd, 0, (off_t)(BOX_HEADER_SIZE + AREAS * area));
}

int box_layout(struct box *b, const struct box_spec *specs, size_t n)
{
	uint32_t next = atomic_load(&b->header->active) == 0 ? 1 : 0;
	uint64_t size = pages(n * sizeof(struct box_section)), at;
	struct box_area *old, *area = &b->header->areas[next];
	char boot[40];
	bool doubtful;
	int r = box_map_all(b);

	if (r < 0)
		return r;
	old = box_active(b);
	box_read_boot_id(boot);
	doubtful = memcmp(boot, b->header->boot, sizeof(boot)) != 0;
	for (size_t i = 0; i < n; i++)
		size += pages(
		    (specs[i].n_slots + SPARE + count_left(b, find_section(b, old, specs[i].name))) *
		    sizeof(struct box_slot));
	*area = (struct box_area){ .offset = place_for(old, size), .size = size, .n_sections = (uint32_t)n };
	/* Blocks that are not there now could be missing later, with the disk full and a store into them: SIGBUS. */
	r = posix_fallocate(b->fd, (off_t)area->offset, (off_t)size);
	if (r != 0)
		return -r;
	r = box_map_all(b);
	if (r < 0)
		return r;
	memset(b->map + area->offset, 0, size);
	at = area->offset + pages(n * sizeof(struct box_section));
	for (size_t i = 0; i < n; i++) {
		struct box_section *s = box_section_at(b, area, i);
		const struct box_section *left = find_section(b, old, specs[i].name);

		box_put_text(s->name, sizeof(s->name), specs[i].name);
		s->slots = at;
		s->n_slots = specs[i].n_slots + SPARE + count_left(b, left);
		at += pages((uint64_t)s->n_slots * sizeof(struct box_slot));
		if (left != NULL)
			carry_over(b, left, s, doubtful);
	}
	atomic_store_explicit(&b->header->active, next, memory_order_release);
	memcpy(b->header->boot, boot, sizeof(boot)); /* after it: what is doubtful stays so */
	return 0;
}
