/* Lanes: who may claim, who may start.  The head runs; what follows is claimed ahead of its turn, unless the
 * head waits for long: a claim that cannot run soon is somebody else's standstill. */
#include "core/flow_private.h"

#include <assert.h>

static bool head_waits_long(const struct event *head)
{
	switch ((enum flow_state)head->f.state) {
	case FLOW_JOINED: return true;
	case FLOW_WAITING: return head->f.delay_ms > FLOW_LONG_WAIT_MS;
	case FLOW_WRITE:
	case FLOW_WRITING: return head->f.settle == FLOW_SETTLE_WAIT && head->f.delay_ms > FLOW_LONG_WAIT_MS;
	case FLOW_LETTER: return head->f.letter_failed;
	case FLOW_DELAYED:
	case FLOW_QUEUED:
	case FLOW_LOOKING:
	case FLOW_CLAIMING:
	case FLOW_CLAIMED:
	case FLOW_RUNNING: return false;
	}
	return false;
}

static bool is_head(const struct event *ev)
{
	return ev->f.lane != NULL && ev->f.lane->head == ev;
}

/* An event that only leads to a letter takes its turn without a claim. */
static void take_turn(struct flow *f, struct event *ev)
{
	enum dlq_reason reason;

	if (flow_letter_fate(ev, &reason)) {
		if (is_head(ev))
			flow_send_letter(f, ev, reason, FLOW_SETTLE_NONE);
	} else if (ev->f.list == NULL) {
		event_list_add(&f->claimable, ev);
	}
}

/* The lane's head has come to wait for long, or has ceased to. */
static void set_blocked(struct flow *f, struct lane *lane, bool blocked)
{
	lane->blocked = blocked;
	for (struct event *ev = lane->head->f.lane_next; ev != NULL; ev = ev->f.lane_next) {
		if (ev->f.state == FLOW_QUEUED && blocked)
			event_list_del(ev);
		else if (ev->f.state == FLOW_QUEUED)
			take_turn(f, ev);
		else if (ev->f.state == FLOW_CLAIMED && blocked)
			flow_write(f, ev, FLOW_SETTLE_RELEASE);
	}
}

void flow_lane_look(struct flow *f, struct lane *lane)
{
	struct event *head = lane->head;
	bool wait = head_waits_long(head);

	if (wait != lane->blocked)
		set_blocked(f, lane, wait);
	if (head->f.state == FLOW_QUEUED)
		take_turn(f, head);
	else if (head->f.state == FLOW_CLAIMED && head->f.list == NULL)
		event_list_add(&f->ready, head);
}

void flow_leave_lane(struct flow *f, struct event *ev)
{
	struct lane *lane = lanes_del(f->lanes, ev);

	if (lane != NULL)
		flow_lane_look(f, lane);
}

void flow_queue(struct flow *f, struct event *ev)
{
	ev->f.state = FLOW_QUEUED;
	/* One that has left its lane only wants to be recorded. */
	if (is_head(ev))
		flow_lane_look(f, ev->f.lane);
	else if (ev->f.lane == NULL || !ev->f.lane->blocked)
		take_turn(f, ev);
}

void flow_claimed(struct flow *f, struct event *ev)
{
	ev->f.state = FLOW_CLAIMED;
	if (ev->f.revoked || f->paused || (ev->f.lane->blocked && !is_head(ev)))
		flow_write(f, ev, FLOW_SETTLE_RELEASE);
	else if (is_head(ev))
		flow_lane_look(f, ev->f.lane);
}

void flow_write(struct flow *f, struct event *ev, enum flow_settle settle)
{
	event_list_del(ev);
	timers_del(&f->timers, ev);
	if (settle != FLOW_SETTLE_WAIT)
		flow_stand(f, ev, false);
	ev->f.state = FLOW_WRITE;
	ev->f.settle = (uint8_t)settle;
	event_list_add(&f->writes, ev);
}

/* holder NULL: another host's claim. */
void flow_join(struct flow *f, struct event *ev, struct event *holder)
{
	assert(ev->f.list == NULL && ev->f.holder == NULL);
	ev->f.state = FLOW_JOINED;
	ev->f.holder = holder;
	if (holder == NULL) {
		event_list_add(&f->joined, ev);
	} else {
		ev->f.join_next = holder->f.joiners;
		holder->f.joiners = ev;
	}
	flow_detach(ev);
	if (is_head(ev))
		flow_lane_look(f, ev->f.lane);
}

void flow_unjoin(struct event *ev)
{
	struct event **at;

	if (ev->f.holder == NULL)
		return;
	for (at = &ev->f.holder->f.joiners; *at != ev; at = &(*at)->f.join_next)
		;
	*at = ev->f.join_next;
	ev->f.holder = NULL;
}

static void start(struct flow *f, struct event *ev, bool alone)
{
	ev->f.state = FLOW_RUNNING;
	f->n_running++;
	if (ev->f.rerun != FLOW_NOTHING)
		f->out.note(f->out.arg, (enum flow_note)ev->f.rerun, ev);
	ev->f.rerun = FLOW_NOTHING;
	ev->run.attempt = 1 + ev->run.failed + ev->run.crashes + ev->run.takeovers;
	ev->run.redelivered = ev->run.crashes + ev->run.takeovers > 0;
	ev->run.alone = alone;
	ev->run.timed_out = ev->run.overran = false;
	atomic_store_explicit(&ev->run.cancelled, false, memory_order_relaxed);
	atomic_store_explicit(&ev->run.unwanted, false, memory_order_relaxed);
	f->out.start(f->out.arg, ev);
}

/* What is not to be run: it is too old, or what earlier runs came to has not been acted on. */
static bool divert(struct flow *f, struct event *ev, enum flow_past past)
{
	if (ev->f.aside != NULL)
		flow_send_aside(f, ev);
	else if (ev->fate == FATE_TOO_OLD)
		flow_send_letter(f, ev, DLQ_TOO_OLD, FLOW_SETTLE_DEAD);
	else if (ev->run.crashes >= f->conf->max_crashes)
		flow_send_letter(
		    f, ev, past == FLOW_PAST_TIMEOUT ? DLQ_TIMEOUT : DLQ_CRASHED, FLOW_SETTLE_DEAD);
	else if (past == FLOW_PAST_REJECTED)
		flow_send_letter(f, ev, DLQ_REJECTED, FLOW_SETTLE_DEAD);
	else if (ev->run.failed >= f->conf->retry.attempts && !ev->f.once_more)
		flow_exhausted(f, ev);
	else
		return false;
	return true;
}

/* Whoever was inside a handler when an engine died, or was taken over more than once. */
static bool is_suspect(const struct event *ev, enum flow_past past)
{
	return past == FLOW_PAST_SUSPECT || past == FLOW_PAST_TIMEOUT || ev->run.crashes > 0 ||
	       ev->run.takeovers > 1;
}

static bool may_start(const struct flow *f, struct mono lease_until)
{
	return !f->paused && mono_before(f->now, lease_until) && f->n_running < FLOW_MAX_RUNNING(f->conf) &&
	       f->out.room(f->out.arg);
}

/* Heads whose claim holds, in the order in which they became ready. */
void flow_start_ready(struct flow *f, struct mono lease_until)
{
	struct event *ev;

	while (f->gate == FLOW_GATE_OPEN && may_start(f, lease_until) &&
	       (ev = event_list_take(&f->ready)) != NULL) {
		enum flow_past past = f->out.past(f->out.arg, ev);

		assert(ev->f.state == FLOW_CLAIMED);
		if (divert(f, ev, past))
			continue;
		if (past != FLOW_PAST_NONE && ev->f.rerun == FLOW_NOTHING)
			ev->f.rerun = FLOW_RERUN_CRASH;
		if (is_suspect(ev, past))
			event_list_add(&f->suspects, ev);
		else
			start(f, ev, false);
	}
	if (f->gate == FLOW_GATE_ALONE && f->n_running == 0 && may_start(f, lease_until) &&
	    (ev = event_list_take(&f->suspects)) != NULL) {
		f->alone = ev;
		start(f, ev, true);
	}
}
