/* The ledger's side: what is written and claimed with the next call, and what its results mean. */
#include "core/flow_private.h"

#include <assert.h>

static bool is_current(const struct flow *f, const struct session_id *id)
{
	return memcmp(id, client_session(f->client), sizeof(*id)) == 0;
}

/* The entry of ev, if it is still the latest of its id, open, and of the session we write under. */
static bool still_ours(const struct flow *f, const struct event *ev, struct entry *ret_entry)
{
	*ret_entry = table_find(client_table(f->client), ev->id_hash);
	return entry_is_open(ret_entry->state) && ret_entry->record == ev->f.record &&
	       ret_entry->index == ev->f.index && is_current(f, &ret_entry->session);
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
	flow_set_counted(f, ev, true);
	if (ev->f.revoked && !ev->f.ended) {
		flow_finish(f, ev, false);
		return;
	}
	flow_queue(f, ev);
}

/* ---- Filling a call */

static int fill_write(struct flow *f, struct event *ev)
{
	struct client *c = f->client;

	switch ((enum flow_settle)ev->f.settle) {
	case FLOW_SETTLE_DONE: return client_add_settle(c, ev->f.record, ev->f.index, SETTLE_DONE, ev);
	case FLOW_SETTLE_DEAD: return client_add_settle(c, ev->f.record, ev->f.index, SETTLE_DEAD, ev);
	case FLOW_SETTLE_RELEASE: return client_add_settle(c, ev->f.record, ev->f.index, SETTLE_RELEASED, ev);
	case FLOW_SETTLE_WAIT:
		return client_add_wait(
		    c, ev->f.record, ev->f.index, ev->f.wait_failed, (uint64_t)ev->f.wait_until_ms, ev);
	case FLOW_SETTLE_WAKE: return client_add_wake(c, ev->f.record, ev->f.index, ev);
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
			int r = fill_write(f, ev);

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
		e = table_find(client_table(f->client), ev->id_hash);
		if (entry_is_open(e.state) && is_current(f, &e.session)) {
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
static bool may_take_over(const struct flow *f, const struct session_id *from)
{
	if (client_is_own(f->client, from))
		return !is_current(f, from);
	return client_over(f->client, from, f->now);
}

/* An id that nobody here holds: known, somebody else's, or to be claimed. */
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
	e = table_find(client_table(f->client), ev->id_hash);
	if (entry_is_final(e.state)) {
		flow_known(f, ev, e.check);
		return;
	}
	takeover = entry_is_open(e.state);
	if (takeover && !may_take_over(f, &e.session)) {
		flow_join(f, ev, NULL);
		return;
	}
	r = takeover ? client_add_takeover(f->client, &e, ev)
		     : client_add_claim(f->client, ev->id_hash, ev->check, ev);
	assert(r == 0);
	ev->f.state = FLOW_CLAIMING;
	flow_hold(f, ev);
}

static void orphan(void *arg, const struct entry *e)
{
	struct flow *f = arg;
	const struct event *ev = flow_held_find(f, e->id);

	if (client_items(f->client) >= LEDGER_MAX_ITEMS)
		return;
	if (ev == NULL ||
	    (ev->f.state != FLOW_CLAIMING && (ev->f.record != e->record || ev->f.index != e->index))) {
		int r = client_add_settle(f->client, e->record, e->index, SETTLE_RELEASED, NULL);

		assert(r == 0);
	}
}

bool flow_fill(struct flow *f, struct mono now, bool claims)
{
	struct event *ev;

	f->now = now;
	if (client_under_way(f->client))
		return true;
	if (f->n_retake > 0)
		fill_retakes(f);
	if (f->orphans_wanted) {
		f->orphans_wanted = false;
		table_each_open(client_table(f->client), client_session(f->client), orphan, f);
	}
	fill_writes(f);
	while (claims && client_items(f->client) < LEDGER_MAX_ITEMS &&
	       (ev = event_list_take(&f->claimable)) != NULL)
		judge(f, ev);
	return client_items(f->client) > 0;
}

/* ---- Results */

static void granted(struct flow *f, struct event *ev, const struct client_result *r)
{
	ev->f.record = r->entry.record;
	ev->f.index = r->entry.index;
	ev->run.fence = r->fence;
	/* The ledger's counts; ours are higher only if it lost some. */
	if (r->entry.counts.failed > ev->run.failed)
		ev->run.failed = r->entry.counts.failed;
	ev->run.crashes = r->entry.counts.crashes;
	ev->run.takeovers = r->entry.counts.takeovers;
	if (r->op == CLIENT_TAKEOVER) {
		f->out.note(f->out.arg, FLOW_TAKEOVER, ev);
		if (ev->run.takeovers > 0)
			ev->f.rerun = FLOW_RERUN_TAKEOVER;
	}
	if (ev->f.ended)
		flow_write(f, ev, (enum flow_settle)ev->f.settle);
	else
		flow_claimed(f, ev);
}

static void claim_result(struct flow *f, struct event *ev, const struct client_result *r)
{
	assert(ev->f.state == FLOW_CLAIMING);
	if (r->ok) {
		granted(f, ev, r);
		return;
	}
	flow_unhold(f, ev, false);
	if (ev->f.revoked && !ev->f.ended)
		flow_finish(f, ev, false);
	else
		flow_queue(f, ev); /* judged anew with the next call */
}

static void retake_result(struct flow *f, struct event *ev, const struct client_result *r)
{
	if (!r->ok) {
		flow_lost(f, ev);
		return;
	}
	ev->f.retake = false;
	f->n_retake--;
	ev->f.record = r->entry.record;
	ev->f.index = r->entry.index;
}

static void settle_result(struct flow *f, struct event *ev)
{
	if (ev->f.settle != FLOW_SETTLE_RELEASE) {
		flow_finish(f, ev, true);
		return;
	}
	flow_unhold(f, ev, false);
	flow_set_counted(f, ev, true);
	if (ev->f.revoked)
		flow_finish(f, ev, false);
	else
		flow_queue(f, ev);
}

static void wait_result(struct flow *f, struct event *ev)
{
	if (ev->f.revoked) {
		flow_write(f, ev, FLOW_SETTLE_RELEASE);
		return;
	}
	ev->f.state = FLOW_WAITING;
	flow_set_counted(f, ev, false);
	flow_set_timer(f, ev, ev->f.due);
	if (ev->f.delay_ms > FLOW_LONG_WAIT_MS)
		flow_detach(ev);
}

static void write_result(struct flow *f, struct event *ev, const struct client_result *r)
{
	assert(ev->f.state == FLOW_WRITING);
	if (!r->ok)
		flow_lost(f, ev);
	else if (r->op == CLIENT_SETTLE)
		settle_result(f, ev);
	else if (r->op == CLIENT_WAIT)
		wait_result(f, ev);
	else
		flow_claimed(f, ev);
}

void flow_results(struct flow *f, struct mono now)
{
	const struct client_result *results;
	size_t n = client_results(f->client, &results);

	f->now = now;
	for (size_t i = 0; i < n; i++) {
		struct event *ev = results[i].cookie;

		if (ev == NULL) {
			if (results[i].ok)
				f->out.note(f->out.arg, FLOW_ORPHAN, NULL);
		} else if (ev->f.retake) {
			retake_result(f, ev, &results[i]);
		} else if (results[i].op == CLIENT_CLAIM || results[i].op == CLIENT_TAKEOVER) {
			claim_result(f, ev, &results[i]);
		} else {
			write_result(f, ev, &results[i]);
		}
	}
}

void flow_withdrawn(struct flow *f, struct mono now)
{
	const struct client_result *results;
	size_t n = client_results(f->client, &results);

	f->now = now;
	for (size_t i = 0; i < n; i++) {
		struct event *ev = results[i].cookie;

		if (ev == NULL || ev->f.retake)
			continue;
		if (ev->f.state == FLOW_CLAIMING)
			claim_result(f, ev, &results[i]);
		else
			flow_write(f, ev, (enum flow_settle)ev->f.settle);
	}
}

/* ---- Reading */

/* Whom another host let go, finished, or left behind. */
static void judge_joined(struct flow *f)
{
	struct event *next;

	for (struct event *ev = f->joined.head; ev != NULL; ev = next) {
		struct entry e = table_find(client_table(f->client), ev->id_hash);

		next = ev->f.list_next;
		if (entry_is_open(e.state) && !may_take_over(f, &e.session))
			continue;
		event_list_del(ev);
		flow_queue(f, ev);
	}
}

void flow_was_read(struct flow *f, struct mono now)
{
	uint64_t foreign = client_foreign(f->client);

	f->now = now;
	f->read_at = now;
	if (foreign != f->foreign_seen)
		f->read_us = FLOW_READ_FIRST_US;
	else if (f->read_us < FLOW_READ_LAST_US)
		f->read_us *= 2;
	if (f->read_us > FLOW_READ_LAST_US)
		f->read_us = FLOW_READ_LAST_US;
	f->foreign_seen = foreign;
	if (f->joined.n == 0 || mono_diff_us(now, f->joined_at) < FLOW_READ_FIRST_US)
		return;
	f->joined_at = now;
	judge_joined(f);
}

static void recheck(struct flow *f, struct event *ev)
{
	struct entry e = table_find(client_table(f->client), ev->id_hash);

	if (!entry_is_open(e.state) || !client_is_own(f->client, &e.session)) {
		flow_lost(f, ev);
		return;
	}
	ev->f.record = e.record;
	ev->f.index = e.index;
	if (!is_current(f, &e.session) && !ev->f.retake) {
		ev->f.retake = true;
		f->n_retake++;
	}
}

void flow_recheck(struct flow *f)
{
	struct event *next;

	for (struct event *ev = f->first; ev != NULL; ev = next) {
		next = ev->f.all_next;
		if (ev->f.held && ev->f.state != FLOW_CLAIMING && ev->f.state != FLOW_WRITING)
			recheck(f, ev);
	}
}

void flow_orphans(struct flow *f)
{
	f->orphans_wanted = true;
}
