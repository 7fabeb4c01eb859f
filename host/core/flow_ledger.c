/* The next call: what is written, what is claimed, what is looked up. */
#include "core/flow_private.h"

#include <assert.h>
#include <errno.h>

bool flow_is_current(const struct flow *f, const struct session_id *id)
{
	return memcmp(id, client_session(f->client), sizeof(*id)) == 0;
}

/* The entry of ev, if it is still the latest of its id, open, and of the session we write under. */
static bool still_ours(const struct flow *f, const struct event *ev, struct entry *ret_entry)
{
	*ret_entry = client_find(f->client, ev->id_hash);
	return entry_is_open(ret_entry->state) && ret_entry->fence == ev->f.fence &&
	       flow_is_current(f, &ret_entry->session);
}

void flow_lost(struct flow *f, struct event *ev)
{
	f->out.note(f->out.arg, FLOW_CLAIM_LOST, ev);
	flow_unhold(f, ev, false);
	switch ((enum flow_state)ev->f.state) {
	case FLOW_RUNNING:
		ev->f.lost = true;
		atomic_store_explicit(&ev->run.cancelled, true, memory_order_relaxed);
		return;
	case FLOW_LETTER:
		/* The letter is on its way; what follows finds that the claim is gone. */
		return;
	default: break;
	}
	event_list_del(ev);
	timers_del(&f->timers, ev);
	flow_stand(f, ev, false);
	flow_set_counted(f, ev, true);
	if (!ev->f.ended)
		f->out.recorded(
		    f->out.arg, ev); /* nor will anything be: the claim's next owner counts by itself */
	if (ev->f.revoked && !ev->f.ended) {
		flow_finish(f, ev, false);
		return;
	}
	flow_queue(f, ev);
}

/* ---- Filling a call */

static int fill_write(struct flow *f, struct event *ev, const struct entry *e)
{
	struct client *c = f->client;

	switch ((enum flow_settle)ev->f.settle) {
	case FLOW_SETTLE_DONE: return client_add_settle(c, e, SETTLE_DONE, ev);
	case FLOW_SETTLE_DEAD: return client_add_settle(c, e, SETTLE_DEAD, ev);
	case FLOW_SETTLE_PARKED: return client_add_settle(c, e, SETTLE_PARKED, ev);
	case FLOW_SETTLE_RELEASE: return client_add_settle(c, e, SETTLE_RELEASED, ev);
	case FLOW_SETTLE_WAIT:
		return client_add_wait(c, e, ev->f.wait_failed, (uint64_t)ev->f.wait_until_ms, ev);
	case FLOW_SETTLE_WAKE: return client_add_wake(c, e, ev);
	case FLOW_SETTLE_NONE: break;
	}
	assert(!"something to write");
	return 0;
}

static void fill_writes(struct flow *f)
{
	struct event_list later = { NULL, NULL, 0 };
	struct event *ev;
	struct entry e;

	while (client_items(f->client) < LEDGER_MAX_ITEMS && (ev = event_list_take(&f->writes)) != NULL) {
		if (ev->f.retake) {
			event_list_add(&later, ev);
		} else if (!ev->f.held || !still_ours(f, ev, &e)) {
			if (ev->f.held)
				flow_lost(f, ev);
			else
				flow_queue(f, ev); /* lost before: only an outcome is left */
		} else {
			int r = fill_write(f, ev, &e);

			assert(r == 0);
			ev->f.state = FLOW_WRITING;
		}
	}
	while ((ev = event_list_take(&later)) != NULL)
		event_list_add(&f->writes, ev);
}

/* Claims of an earlier session of ours whose runs go on under the new one. */
static void fill_retakes(struct flow *f)
{
	struct event *next;

	for (struct event *ev = f->first; ev != NULL && f->n_retake > 0; ev = next) {
		struct entry e;

		next = ev->f.all_next;
		if (!ev->f.retake)
			continue;
		if (client_items(f->client) >= LEDGER_MAX_ITEMS)
			return;
		e = client_find(f->client, ev->id_hash);
		if (entry_is_open(e.state) && flow_is_current(f, &e.session)) {
			ev->f.retake = false;
			f->n_retake--;
		} else if (entry_is_open(e.state) && client_is_own(f->client, &e.session)) {
			int r = client_add_takeover(f->client, &e, ev);

			assert(r == 0);
		} else {
			flow_lost(f, ev);
		}
	}
}

/* An earlier session of ours needs no watch: we know that it has ended. */
bool flow_may_take_over(const struct flow *f, const struct session_id *from)
{
	if (client_is_own(f->client, from))
		return !flow_is_current(f, from);
	return client_over(f->client, from, f->now);
}

/* An id that nobody here holds: known, somebody else's, to be looked up, or to be claimed. */
static void judge(struct flow *f, struct event *ev)
{
	struct event *holder = flow_held_find(f, ev->id_hash);
	struct entry e;
	bool takeover;
	int r;

	if (holder != NULL) {
		flow_join(f, ev, holder);
		return;
	}
	e = client_find(f->client, ev->id_hash);
	if (entry_is_final(e.state)) {
		flow_known(f, ev, e.check);
		return;
	}
	takeover = entry_is_open(e.state);
	if (takeover && !flow_may_take_over(f, &e.session)) {
		flow_join(f, ev, NULL);
		return;
	}
	/* What the tables do not know may be in a segment.  The answer holds for one view only: if that moves before
	 * the claim is sent, it is asked again. */
	if (e.state == ENTRY_ABSENT && ev->f.looked != client_epoch(f->client)) {
		r = client_add_look(f->client, ev->id_hash, ev);
		assert(r >= 0 || r == -ENOMEM);
		if (r != 0) {
			ev->f.state = FLOW_LOOKING;
			if (r < 0)
				flow_queue(f, ev); /* no memory: again with the next call */
			return;
		}
	}
	if (flow_chain_holds(f, ev))
		return;
	r = takeover ? client_add_takeover(f->client, &e, ev)
		     : client_add_claim(f->client, ev->id_hash, ev->check, ev);
	assert(r == 0);
	ev->f.state = FLOW_CLAIMING;
	flow_hold(f, ev);
}

static void prefetch(const struct flow *f)
{
	const uint8_t *ids[CLIENT_PREFETCH];
	size_t n = 0;

	for (const struct event *ev = f->claimable.head; ev != NULL && n < CLIENT_PREFETCH;
	     ev = ev->f.list_next)
		ids[n++] = ev->id_hash;
	client_prefetch(f->client, ids, n);
}

/* A heavy share of what is claimable may be judged with one call. */
static void fill_claims(struct flow *f)
{
	struct event *ev;

	for (size_t n = 0; client_items(f->client) < LEDGER_MAX_ITEMS &&
			   client_looks(f->client) < CLIENT_MAX_LOOKS && n < LEDGER_MAX_ITEMS;
	     n++) {
		if (n % CLIENT_PREFETCH == 0)
			prefetch(f);
		ev = event_list_take(&f->claimable);
		if (ev == NULL)
			return;
		judge(f, ev);
	}
}

static void orphan(void *arg, const struct entry *e)
{
	struct flow *f = arg;
	const struct event *ev = flow_held_find(f, e->id);

	if (client_items(f->client) >= LEDGER_MAX_ITEMS)
		return;
	if (ev == NULL || (ev->f.state != FLOW_CLAIMING && ev->f.fence != e->fence)) {
		int r = client_add_settle(f->client, e, SETTLE_RELEASED, NULL);

		assert(r == 0);
	}
}

bool flow_fill(struct flow *f, struct mono now, bool claims)
{
	f->now = now;
	if (client_under_way(f->client) || client_looks(f->client) > 0)
		return true;
	if (f->n_retake > 0)
		fill_retakes(f);
	if (f->orphans_wanted) {
		f->orphans_wanted = false;
		client_each_open(f->client, client_session(f->client), orphan, f);
	}
	fill_writes(f);
	if (claims && !f->paused)
		fill_claims(f);
	return client_items(f->client) > 0 || client_looks(f->client) > 0;
}
