#include "engine/gate.h"

static void wake_others(struct gate *g, const struct subscription *s)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->subs[i] != s)
			mailbox_wake(&g->subs[i]->flow_box);
}

static bool others_are_busy(const struct gate *g, const struct subscription *s)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->subs[i] != s && atomic_load(&g->subs[i]->busy))
			return true;
	return false;
}

static enum flow_gate ask(struct gate *g, struct subscription *s, bool wants_alone)
{
	uint32_t self = s->index + 1, owner = atomic_load(&g->owner), nobody = 0;

	if (owner == 0 && wants_alone && atomic_compare_exchange_strong(&g->owner, &nobody, self)) {
		owner = self;
		wake_others(g, s);
	} else if (owner == self && !wants_alone && atomic_compare_exchange_strong(&g->owner, &owner, 0)) {
		owner = 0;
		wake_others(g, s);
	}
	if (owner == 0 && !wants_alone)
		return FLOW_GATE_OPEN;
	return owner == self && !others_are_busy(g, s) ? FLOW_GATE_ALONE : FLOW_GATE_SHUT;
}

enum flow_gate gate_ask(struct gate *g, struct subscription *s, bool wants_alone)
{
	enum flow_gate gate;

	atomic_store(&s->busy, true);
	gate = ask(g, s, wants_alone);
	/* What waits in a pool's queue goes back instead of being run. */
	atomic_store_explicit(&s->shut, gate != FLOW_GATE_OPEN, memory_order_relaxed);
	return gate;
}

void gate_done(struct gate *g, struct subscription *s, size_t running)
{
	uint32_t owner;

	atomic_store_explicit(&s->running, (int)running, memory_order_relaxed);
	atomic_store(&s->busy, running > 0);
	owner = atomic_load(&g->owner);
	if (running == 0 && owner != 0 && owner != GATE_CLOSED && owner != s->index + 1)
		mailbox_wake(&g->subs[owner - 1]->flow_box);
}

void gate_close(struct gate *g)
{
	if (atomic_fetch_add(&g->overran, 1) > 0)
		return;
	atomic_store(&g->closed_us, mono_now().us);
	atomic_store(&g->owner, GATE_CLOSED);
	wake_others(g, NULL);
}

bool gate_is_empty(const struct gate *g, struct mono now, int64_t patience_ms)
{
	int running = 0;

	if (atomic_load(&g->owner) != GATE_CLOSED)
		return false;
	for (size_t i = 0; i < g->n; i++)
		running += atomic_load(&g->subs[i]->running);
	return running <= atomic_load(&g->overran) ||
	       now.us - atomic_load(&g->closed_us) > patience_ms * 1000;
}
