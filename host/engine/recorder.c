#include "engine/recorder.h"

#include <assert.h>
#include <errno.h>
#include <semel/handler.h>
#include <stdio.h>
#include <stdlib.h>

#define BUCKETS 256

struct recorder {
	struct subscription *s;
	uint32_t *free;
	size_t n_free;
	/* What earlier engines left, by id: chains through `next`; slot + 1, 0: none.  Few, or none at all. */
	uint32_t buckets[BUCKETS], *next;
	size_t n_past;
	bool kept; /* ... is in order */
	struct link_run *runs;
};

static struct box_slot *slot_at(const struct recorder *r, uint32_t i)
{
	return box_slot(r->s->box, r->s->section, i);
}

static uint32_t index_of(const struct recorder *r, const struct box_slot *slot)
{
	return (uint32_t)(slot - slot_at(r, 0));
}

static uint32_t state_of(const struct box_slot *slot)
{
	return atomic_load_explicit(&slot->state, memory_order_acquire);
}

static void set_state(struct box_slot *slot, enum box_state state)
{
	atomic_store_explicit(&slot->state, (uint32_t)state, memory_order_release);
}

static void set_free(struct recorder *r, struct box_slot *slot)
{
	box_free(slot);
	r->free[r->n_free++] = index_of(r, slot);
}

int recorder_new(struct subscription *s, struct recorder **ret_recorder)
{
	struct recorder *r = calloc(1, sizeof(*r));
	uint32_t n = s->section->n_slots;

	if (r == NULL)
		return -ENOMEM;
	r->s = s;
	r->free = calloc(n, sizeof(*r->free));
	r->next = calloc(n, sizeof(*r->next));
	if (r->free == NULL || r->next == NULL) {
		recorder_free(r);
		return -ENOMEM;
	}
	/* The last freed is the first taken: the low ones stay warm. */
	for (uint32_t i = n; i-- > 0;)
		if (state_of(slot_at(r, i)) == BOX_FREE)
			r->free[r->n_free++] = i;
	*ret_recorder = r;
	return 0;
}

void recorder_free(struct recorder *r)
{
	if (r == NULL)
		return;
	free(r->free);
	free(r->next);
	free(r->runs);
	free(r);
}

/* ---- What was left */

static uint32_t *bucket_of(struct recorder *r, const uint8_t *id)
{
	return &r->buckets[id[0]];
}

static void remember(struct recorder *r, uint32_t i)
{
	uint32_t *bucket = bucket_of(r, slot_at(r, i)->id);

	r->next[i] = *bucket;
	*bucket = i + 1;
	r->n_past++;
}

static struct box_slot *past_of(struct recorder *r, const struct event *ev)
{
	for (uint32_t at = *bucket_of(r, ev->id_hash); at != 0; at = r->next[at - 1])
		if (memcmp(slot_at(r, at - 1)->id, ev->id_hash, LEDGER_ID) == 0)
			return slot_at(r, at - 1);
	return NULL;
}

static void forget(struct recorder *r, struct box_slot *slot)
{
	uint32_t *at = bucket_of(r, slot->id), i = index_of(r, slot);

	while (*at != i + 1)
		at = &r->next[*at - 1];
	*at = r->next[i];
	r->n_past--;
	set_free(r, slot);
}

/* False: nothing of it is to be recorded now. */
static bool as_run(const struct box_slot *slot, struct link_run *run)
{
	int outcome = atomic_load(&slot->outcome);

	memcpy(run->id, slot->id, sizeof(run->id));
	run->fence = slot->fence;
	run->until_ms = 0; /* a back-off that a crash cut short is not known any more */
	if (state_of(slot) == BOX_RUNNING)
		run->left = slot->blame == BOX_CRASHED || slot->blame == BOX_TIMED_OUT ? LINK_LEFT_CRASHED
										       : LINK_LEFT_BEGUN;
	else if (state_of(slot) == BOX_ENDED && (outcome == SEMEL_OK || outcome == SEMEL_SKIP))
		run->left = LINK_LEFT_DONE;
	else if (state_of(slot) == BOX_ENDED && outcome == SEMEL_RETRY)
		run->left = LINK_LEFT_FAILED;
	else if (state_of(slot) == BOX_ENDED && outcome == BOX_EMITS)
		run->left = LINK_LEFT_BEGUN;
	else
		return false;
	return true;
}

/* Whatever is written as the session at hand has ended, or its opening was never answered. */
static void end_session(struct box_section *s)
{
	if (!atomic_load(&s->has_session))
		return;
	box_add_past(s, &s->session);
	atomic_store(&s->has_session, 0);
}

bool recorder_left(struct recorder *r, struct recorder_left *left)
{
	struct box_section *s = r->s->section;
	uint32_t n;

	end_session(s);
	n = atomic_load(&s->n_past);

	*left = (struct recorder_left){ .doubtful = s->doubtful };
	for (uint32_t i = 0; i < n; i++)
		memcpy(&left->sessions[left->n_sessions++], &s->past[i], sizeof(s->past[i]));
	if (r->runs == NULL)
		r->runs = calloc(s->n_slots, sizeof(*r->runs));
	for (uint32_t i = 0; i < s->n_slots && r->runs != NULL; i++)
		left->n_runs += as_run(slot_at(r, i), &r->runs[left->n_runs]);
	left->runs = r->runs;
	return left->n_sessions > 0;
}

/* What a slot is from now on, for this engine and those that follow. */
static void keep(struct recorder *r, struct box_slot *slot)
{
	int outcome = atomic_load(&slot->outcome);

	switch (state_of(slot)) {
	case BOX_RUNNING: set_state(slot, slot->blame == BOX_INNOCENT ? BOX_BEGUN : BOX_SUSPECT); break;
	case BOX_ENDED:
		if (outcome != SEMEL_REJECT) {
			set_free(r, slot);
			return;
		}
		set_state(slot, BOX_VERDICT);
		break;
	case BOX_SUSPECT:
	case BOX_BEGUN:
	case BOX_VERDICT: break;
	default: return;
	}
	remember(r, index_of(r, slot));
}

void recorder_recovered(struct recorder *r)
{
	struct box_section *s = r->s->section;

	for (uint32_t i = 0; i < s->n_slots && !r->kept; i++)
		keep(r, slot_at(r, i));
	r->kept = true;
	s->doubtful = 0;
	atomic_store(&s->n_past, 0);
	free(r->runs);
	r->runs = NULL;
}

void recorder_session(struct recorder *r, struct session_id session)
{
	struct box_section *s = r->s->section;

	end_session(s);
	memcpy(&s->session, &session, sizeof(s->session));
	atomic_store(&s->has_session, 1);
}

/* ---- Runs */

bool recorder_has_room(const struct recorder *r)
{
	return r->n_free > 0;
}

void recorder_give(struct recorder *r, struct event *ev)
{
	struct box_run run = { .id = ev->id_hash,
		.id_text = ev->id,
		.topic = ev->origin.topic,
		.handler = r->s->config->handlers[ev->handler].name,
		.partition = ev->origin.partition,
		.offset = ev->origin.offset,
		.fence = ev->run.fence,
		.check = ev->check,
		.attempt = (uint16_t)ev->run.attempt };

	assert(ev->run.slot == NULL && r->n_free > 0);
	ev->run.slot = slot_at(r, r->free[--r->n_free]);
	box_give(ev->run.slot, &run);
}

void recorder_recorded(struct recorder *r, struct event *ev)
{
	if (ev->run.slot != NULL)
		set_free(r, ev->run.slot);
	ev->run.slot = NULL;
}

void recorder_outlived(struct recorder *r, const struct event *ev)
{
	struct box_slot *slot = r->n_past == 0 ? NULL : past_of(r, ev);

	if (slot != NULL && state_of(slot) != BOX_VERDICT)
		forget(r, slot);
}

void recorder_back(struct recorder *r, struct event *ev, bool finished)
{
	struct box_slot *slot = r->n_past == 0 || !finished ? NULL : past_of(r, ev);

	recorder_recorded(r, ev);
	if (slot != NULL)
		forget(r, slot);
}

static void say_verdict(struct event *ev, const char *why)
{
	free(ev->run.why);
	ev->run.why = strdup(why);
}

static void say_crashes(struct event *ev, const char *handler, bool timeout)
{
	free(ev->run.why);
	if (asprintf(&ev->run.why, "%u engines %s handler %s with this event", ev->run.crashes,
		timeout ? "were given up because it was past max_run in" : "died while nothing else ran but",
		handler) < 0)
		ev->run.why = NULL;
}

enum flow_past recorder_past(struct recorder *r, struct event *ev)
{
	const struct box_slot *slot = r->n_past == 0 ? NULL : past_of(r, ev);
	bool timeout = slot != NULL && slot->blame == BOX_TIMED_OUT;

	if (ev->run.crashes >= r->s->conf->max_crashes)
		say_crashes(ev, r->s->config->handlers[ev->handler].name, timeout);
	if (slot == NULL)
		return FLOW_PAST_NONE;
	switch (state_of(slot)) {
	case BOX_BEGUN: return FLOW_PAST_BEGUN;
	case BOX_SUSPECT: return timeout ? FLOW_PAST_TIMEOUT : FLOW_PAST_SUSPECT;
	case BOX_VERDICT: say_verdict(ev, slot->why); return FLOW_PAST_REJECTED;
	default: return FLOW_PAST_NONE;
	}
}

void recorder_overran(struct event *ev)
{
	if (ev->run.slot != NULL)
		atomic_store(&ev->run.slot->overran, 1);
}
