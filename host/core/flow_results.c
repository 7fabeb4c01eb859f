/* What a call, or the log as it was read, means for each event. */
#include "core/flow_private.h"

#include <assert.h>

/* ---- Results */

static void granted(struct flow *f, struct event *ev, const struct client_result *r)
{
	uint32_t failed = ev->failed_before + r->entry.counts.failed;

	ev->f.fence = ev->run.fence = r->entry.fence;
	/* The ledger's counts, and those of what it continues; ours are higher only if the ledger lost some. */
	if (failed > ev->run.failed)
		ev->run.failed = failed;
	ev->run.crashes = ev->crashes_before + r->entry.counts.crashes;
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
	ev->f.fence = r->entry.fence;
}

static void settle_result(struct flow *f, struct event *ev)
{
	if (ev->f.settle != FLOW_SETTLE_RELEASE) {
		flow_finish(f, ev, true);
		return;
	}
	f->out.recorded(f->out.arg, ev);
	flow_unhold(f, ev, false);
	flow_set_counted(f, ev, true);
	if (ev->f.revoked)
		flow_finish(f, ev, false);
	else
		flow_queue(f, ev);
}

static void wait_result(struct flow *f, struct event *ev)
{
	f->out.recorded(f->out.arg, ev);
	if (ev->f.revoked || f->paused) {
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
	if (r->withdrawn)
		flow_write(f, ev, (enum flow_settle)ev->f.settle);
	else if (!r->ok)
		flow_lost(f, ev);
	else if (r->op == CLIENT_SETTLE)
		settle_result(f, ev);
	else if (r->op == CLIENT_WAIT)
		wait_result(f, ev);
	else
		flow_claimed(f, ev);
}

static void look_result(struct flow *f, struct event *ev, const struct client_result *r)
{
	assert(ev->f.state == FLOW_LOOKING);
	if (r->ok && entry_is_final(r->entry.state)) {
		flow_known(f, ev, r->entry.check);
	} else if (ev->f.revoked && !ev->f.ended) {
		flow_finish(f, ev, false);
	} else {
		ev->f.looked = r->ok ? client_epoch(f->client) : 0;
		flow_queue(f, ev);
	}
}

static void result(struct flow *f, const struct client_result *r)
{
	struct event *ev = r->cookie;

	if (ev == NULL) {
		if (r->ok)
			f->out.note(f->out.arg, FLOW_ORPHAN, NULL);
	} else if (ev->f.parking != FLOW_PARKING_NOT) {
		flow_chain_result(f, ev, r);
	} else if (r->op == CLIENT_LOOK) {
		look_result(f, ev, r);
	} else if (ev->f.retake) {
		if (!r->withdrawn)
			retake_result(f, ev, r);
	} else if (r->op == CLIENT_CLAIM || r->op == CLIENT_TAKEOVER) {
		claim_result(f, ev, r);
	} else {
		write_result(f, ev, r);
	}
}

void flow_results(struct flow *f, struct mono now)
{
	const struct client_result *results;
	size_t n = client_results(f->client, &results);

	f->now = now;
	for (size_t i = 0; i < n; i++)
		result(f, &results[i]);
	client_forget_results(f->client);
}

/* ---- Reading */

/* Whom another host let go, finished, or left behind. */
static void judge_joined(struct flow *f)
{
	struct event *next;

	for (struct event *ev = f->joined.head; ev != NULL; ev = next) {
		next = ev->f.list_next;
		if (flow_waits_for_another(f, ev))
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
	struct entry e = client_find(f->client, ev->id_hash);

	if (!entry_is_open(e.state) || !client_is_own(f->client, &e.session)) {
		flow_lost(f, ev);
		return;
	}
	ev->f.fence = e.fence;
	if (!flow_is_current(f, &e.session) && !ev->f.retake) {
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
