/* Records of the retry topic, and what they continue (LEDGER.md section 2).
 *
 * Such a record was published before the event that it continues was settled
 * parked.  So it is run only when that one is final and not done: done means
 * that somebody ran it to its end meanwhile, and this one is a duplicate; open
 * means to wait.  If nobody lives who could end it, it is claimed and parked
 * here.
 */
#include "core/flow_private.h"

#include <assert.h>
#include <errno.h>

/* The entry of what ev continues, by the tables. */
static struct entry before_of(const struct flow *f, const struct event *ev)
{
	return client_find(f->client, ev->before_hash);
}

bool flow_waits_for_another(const struct flow *f, const struct event *ev)
{
	struct entry e = client_find(f->client, ev->id_hash);

	if (entry_is_open(e.state))
		return !flow_may_take_over(f, &e.session);
	if (!ev->chained || ev->f.before_ok)
		return false;
	e = before_of(f, ev);
	return entry_is_open(e.state) && !flow_is_current(f, &e.session) &&
	       !flow_may_take_over(f, &e.session);
}

static void judged(struct flow *f, struct event *ev, enum entry_state before)
{
	if (before == ENTRY_DONE) {
		f->out.note(f->out.arg, FLOW_DUPLICATE, ev);
		flow_finish(f, ev, true);
		return;
	}
	ev->f.before_ok = true;
	flow_queue(f, ev);
}

/* It is not in the tables: a segment may have it. */
static bool look(struct flow *f, struct event *ev)
{
	int r;

	if (ev->f.looked_before == client_epoch(f->client)) {
		ev->f.before_ok = true;
		return false;
	}
	r = client_add_look(f->client, ev->before_hash, ev);
	assert(r >= 0 || r == -ENOMEM);
	if (r == 0) {
		ev->f.before_ok = true;
		return false;
	}
	ev->f.state = FLOW_LOOKING;
	ev->f.parking = r < 0 ? FLOW_PARKING_NOT : FLOW_PARKING_LOOK;
	if (r < 0)
		flow_queue(f, ev); /* no memory: again with the next call */
	return true;
}

/* Left open by somebody who is gone, or released: it is settled parked under a claim of ours. */
static void park(struct flow *f, struct event *ev, const struct entry *e)
{
	bool ours = entry_is_open(e->state) && flow_is_current(f, &e->session);
	int r;

	if (ours) {
		ev->f.parking = FLOW_PARKING_SETTLE;
		r = client_add_settle(f->client, e, SETTLE_PARKED, ev);
	} else {
		ev->f.parking = FLOW_PARKING_CLAIM;
		r = entry_is_open(e->state) ? client_add_takeover(f->client, e, ev)
					    : client_add_claim(f->client, ev->before_hash, e->check, ev);
	}
	assert(r == 0);
	ev->f.state = FLOW_CLAIMING;
}

bool flow_chain_holds(struct flow *f, struct event *ev)
{
	struct event *holder;
	struct entry e;

	if (!ev->chained || ev->f.before_ok)
		return false;
	holder = flow_held_find(f, ev->before_hash);
	if (holder != NULL && holder != ev) {
		flow_join(f, ev, holder);
		return true;
	}
	e = before_of(f, ev);
	if (e.state == ENTRY_ABSENT)
		return look(f, ev);
	if (entry_is_final(e.state))
		judged(f, ev, e.state);
	else if (flow_waits_for_another(f, ev))
		flow_join(f, ev, NULL);
	else
		park(f, ev, &e);
	return true;
}

void flow_chain_result(struct flow *f, struct event *ev, const struct client_result *r)
{
	if (r->op == CLIENT_LOOK && r->ok)
		ev->f.looked_before = client_epoch(f->client);
	ev->f.parking = FLOW_PARKING_NOT;
	if (ev->f.revoked && !ev->f.ended) {
		/* A claim that was taken for it is an orphan, and released as such. */
		flow_finish(f, ev, false);
	} else if (r->op == CLIENT_LOOK && r->ok && r->entry.state != ENTRY_ABSENT) {
		ev->f.state = FLOW_QUEUED;
		judged(f, ev, r->entry.state);
	} else {
		flow_queue(f, ev); /* judged anew with the next call, by what the log says now */
	}
}
