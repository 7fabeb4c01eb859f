#include "core/flow_private.h"

#include <assert.h>
#include <stdlib.h>

struct flow *flow_new(const struct config_subscription *conf, const struct flow_out *out, uint64_t seed)
{
	struct flow *f = calloc(1, sizeof(*f));
	size_t size = 1024;

	if (f == NULL)
		return NULL;
	while (size < 2 * (size_t)conf->max_in_flight)
		size *= 2;
	f->conf = conf;
	f->out = *out;
	f->random = seed | 1;
	f->read_us = FLOW_READ_IDLE_US;
	f->held_mask = size - 1;
	f->held = calloc(size, sizeof(struct event *));
	f->lanes = lanes_new(conf->max_in_flight);
	if (f->held == NULL || f->lanes == NULL) {
		flow_free(f);
		return NULL;
	}
	return f;
}

void flow_free(struct flow *f)
{
	if (f == NULL)
		return;
	assert(f->n == 0);
	flow_abandon(f);
}

void flow_abandon(struct flow *f)
{
	lanes_free(f->lanes);
	timers_free(&f->timers);
	free(f->held);
	free(f);
}

void flow_set_client(struct flow *f, struct client *c)
{
	f->client = c;
}

/* ---- Ids held here.  Their hashes are keyed, so the first bytes spread as well as any. */

static struct event **held_bucket(const struct flow *f, const uint8_t *id)
{
	uint64_t h;

	memcpy(&h, id, sizeof(h));
	return &f->held[h & f->held_mask];
}

struct event *flow_held_find(const struct flow *f, const uint8_t *id)
{
	struct event *ev = *held_bucket(f, id);

	while (ev != NULL && memcmp(ev->id_hash, id, LEDGER_ID) != 0)
		ev = ev->f.hash_next;
	return ev;
}

void flow_hold(struct flow *f, struct event *ev)
{
	struct event **bucket = held_bucket(f, ev->id_hash);

	assert(!ev->f.held);
	ev->f.held = true;
	ev->f.hash_next = *bucket;
	*bucket = ev;
}

void flow_unhold(struct flow *f, struct event *ev, bool final)
{
	struct event **at = held_bucket(f, ev->id_hash), *joiner;

	if (!ev->f.held)
		return;
	while (*at != ev)
		at = &(*at)->f.hash_next;
	*at = ev->f.hash_next;
	ev->f.held = false;
	if (ev->f.retake) {
		ev->f.retake = false;
		f->n_retake--;
	}
	while ((joiner = ev->f.joiners) != NULL) {
		flow_unjoin(joiner);
		joiner->f.state = FLOW_QUEUED;
		/* One that continues this event is judged anew. */
		if (final && memcmp(joiner->id_hash, ev->id_hash, LEDGER_ID) == 0)
			flow_known(f, joiner, ev->check);
		else
			flow_queue(f, joiner);
	}
}

/* ---- Bookkeeping */

void flow_set_counted(struct flow *f, struct event *ev, bool counted)
{
	if (ev->f.counted == counted)
		return;
	ev->f.counted = counted;
	f->n_waiting += counted ? (size_t)-1 : 1;
	f->out.count(f->out.arg, ev, counted ? 1 : -1);
}

void flow_set_timer(struct flow *f, struct event *ev, struct mono due)
{
	timers_del(&f->timers, ev);
	ev->f.due = due;
	/* A heap of pointers that cannot grow: there is no way on that keeps what was promised. */
	if (timers_add(&f->timers, ev) < 0)
		abort();
}

/* What waits for long must not pin the fetch response its record came with.  Without memory it does. */
void flow_detach(struct event *ev)
{
	if (ev->msg.ops != NULL && ev->msg.ops->detach != NULL)
		(void)ev->msg.ops->detach(&ev->msg);
}

void flow_finish(struct flow *f, struct event *ev, bool finished)
{
	struct lane *lane;

	timers_del(&f->timers, ev);
	flow_stand(f, ev, false);
	event_list_del(ev);
	flow_unjoin(ev);
	flow_unhold(f, ev, finished);
	if (ev->f.all_prev == NULL)
		f->first = ev->f.all_next;
	else
		ev->f.all_prev->f.all_next = ev->f.all_next;
	if (ev->f.all_next == NULL)
		f->last = ev->f.all_prev;
	else
		ev->f.all_next->f.all_prev = ev->f.all_prev;
	f->n--;
	flow_set_counted(f, ev, true); /* the poller takes it out of the count */
	lane = lanes_del(f->lanes, ev);
	ev->finished = finished;
	f->out.back(f->out.arg, ev);
	if (lane != NULL)
		flow_lane_look(f, lane);
}

/* ---- In */

static void enter(struct flow *f, struct event *ev);

void flow_add(struct flow *f, struct event *ev)
{
	memset(&ev->f, 0, sizeof(ev->f));
	ev->f.counted = true;
	ev->f.all_prev = f->last;
	if (f->last == NULL)
		f->first = ev;
	else
		f->last->f.all_next = ev;
	f->last = ev;
	f->n++;
	if (mono_before(f->now, ev->due) && ev->fate == FATE_HANDLE) {
		ev->f.state = FLOW_DELAYED;
		flow_set_counted(f, ev, false);
		flow_set_timer(f, ev, ev->due);
		flow_detach(ev);
		return;
	}
	enter(f, ev);
}

/* Its place in its lane, and what becomes of it. */
static void enter(struct flow *f, struct event *ev)
{
	if (ev->chained)
		ev->f.rerun = ev->retries > 0 ? FLOW_RERUN_RETRY : FLOW_RERUN_REPLAY;
	if (lanes_add(f->lanes, ev) < 0)
		abort();
	if (ev->fate == FATE_SKIP_UNROUTED) {
		f->out.note(f->out.arg, FLOW_UNROUTED, ev);
		flow_finish(f, ev, true);
		return;
	}
	flow_queue(f, ev);
}

/* One event of a partition that was given up: nothing of it starts any more, and it goes back as soon as it
 * holds nothing.  What runs ends, and its outcome is recorded (LEDGER.md section 3). */
static void revoke(struct flow *f, struct event *ev)
{
	ev->f.revoked = true;
	if (ev->f.ended)
		return;
	switch ((enum flow_state)ev->f.state) {
	case FLOW_DELAYED:
	case FLOW_QUEUED:
	case FLOW_JOINED: flow_finish(f, ev, false); break;
	case FLOW_CLAIMED:
	case FLOW_WAITING: flow_write(f, ev, FLOW_SETTLE_RELEASE); break;
	case FLOW_WRITE:
		if (ev->f.settle == FLOW_SETTLE_WAKE)
			ev->f.settle = FLOW_SETTLE_RELEASE;
		break;
	case FLOW_LETTER:
		if (ev->f.timer == 0)
			break; /* with the producer: its answer comes */
		if (ev->f.held)
			flow_give_up_letter(f, ev);
		else
			flow_finish(f, ev, false);
		break;
	case FLOW_RUNNING: atomic_store_explicit(&ev->run.unwanted, true, memory_order_relaxed); break;
	case FLOW_LOOKING:
	case FLOW_CLAIMING:
	case FLOW_WRITING: break;
	}
}

void flow_revoke(struct flow *f, uint32_t part_index, uint32_t epoch)
{
	struct event *next;

	for (struct event *ev = f->first; ev != NULL; ev = next) {
		next = ev->f.all_next;
		if (ev->part_index == part_index && ev->epoch <= epoch && !ev->f.revoked)
			revoke(f, ev);
	}
}

void flow_pause(struct flow *f, bool paused)
{
	struct event *next;

	f->paused = paused;
	for (struct event *ev = f->first; ev != NULL && paused; ev = next) {
		next = ev->f.all_next;
		if (ev->f.state == FLOW_WAITING)
			ev->f.rerun = FLOW_RERUN_RETRY;
		if (ev->f.state == FLOW_CLAIMED || ev->f.state == FLOW_WAITING)
			flow_write(f, ev, FLOW_SETTLE_RELEASE);
		else if (ev->f.state == FLOW_WRITE && ev->f.settle == FLOW_SETTLE_WAKE)
			ev->f.settle = FLOW_SETTLE_RELEASE;
	}
}

void flow_set_gate(struct flow *f, enum flow_gate gate)
{
	f->gate = gate;
}

void flow_set_retry_topic(struct flow *f, bool exists)
{
	f->has_retry_topic = exists;
}

bool flow_wants_alone(const struct flow *f)
{
	return f->alone != NULL || (f->suspects.n > 0 && !f->paused);
}

size_t flow_running(const struct flow *f)
{
	return f->n_running;
}

void flow_due_now(struct flow *f, struct event *ev)
{
	timers_del(&f->timers, ev);
	flow_stand(f, ev, false);
	if (ev->f.state == FLOW_DELAYED) {
		flow_set_counted(f, ev, true);
		enter(f, ev);
	} else if (ev->f.state == FLOW_WAITING) {
		flow_set_counted(f, ev, true);
		ev->f.rerun = FLOW_RERUN_RETRY;
		flow_write(f, ev, FLOW_SETTLE_WAKE);
	} else {
		assert(ev->f.state == FLOW_LETTER);
		f->out.letter(f->out.arg, ev);
	}
}

void flow_step(struct flow *f, struct mono now, struct mono lease_until)
{
	struct event *ev;

	f->now = now;
	while ((ev = timers_first(&f->timers)) != NULL && !mono_before(now, ev->f.due)) {
		flow_due_now(f, ev);
	}
	flow_start_ready(f, lease_until);
}

/* ---- When, and how much */

struct mono flow_due(const struct flow *f)
{
	const struct event *ev = timers_first(&f->timers);

	return ev == NULL ? MONO_NEVER : ev->f.due;
}

struct mono flow_read_due(const struct flow *f)
{
	return mono_add_us(f->read_at, f->joined.n > 0 ? f->read_us : FLOW_READ_IDLE_US);
}

size_t flow_pending(const struct flow *f)
{
	return (f->paused ? 0 : f->claimable.n) + f->writes.n + f->n_retake + f->orphans_wanted;
}

size_t flow_events(const struct flow *f)
{
	return f->n;
}

size_t flow_waiting(const struct flow *f)
{
	return f->n_waiting;
}

static bool is_waiting(const struct event *ev)
{
	bool recording = (ev->f.state == FLOW_WRITE || ev->f.state == FLOW_WRITING) &&
			 ev->f.settle == FLOW_SETTLE_WAIT;

	return ev->f.state == FLOW_WAITING || ev->f.state == FLOW_DELAYED || recording;
}

/* What stands behind one that waits, in its lane, is not expected to move either. */
static bool is_behind_waiting(const struct event *ev)
{
	return ev->f.lane != NULL && ev->f.lane->head != ev && is_waiting(ev->f.lane->head);
}

const struct event *flow_oldest_active(const struct flow *f)
{
	const struct event *ev = f->first;

	while (ev != NULL && (is_waiting(ev) || is_behind_waiting(ev)))
		ev = ev->f.all_next;
	return ev;
}

const struct event *flow_oldest(const struct flow *f)
{
	return f->first;
}

const struct event *flow_younger(const struct event *ev)
{
	return ev->f.all_next;
}
