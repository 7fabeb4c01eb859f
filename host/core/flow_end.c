/* Outcomes, back-offs, dead letters: how a run ends. */
#include "core/backoff.h"
#include "core/flow_private.h"

#include <assert.h>
#include <semel/handler.h>
#include <stdlib.h>

/* A retry that a handler asked for is taken as long as it asked, up to a day. */
#define RETRY_MAX_MS (24 * INT64_C(3600000))
/* A handler that gave up as it was told is run again after this. */
#define CANCELLED_MS 100
#define LETTER_RETRY_MS 1000
#define LETTER_RETRY_MAX_MS 30000

bool flow_letter_fate(const struct event *ev, enum dlq_reason *ret_reason)
{
	switch (ev->fate) {
	case FATE_NO_ID: *ret_reason = DLQ_NO_ID; return true;
	case FATE_BAD_ID: *ret_reason = DLQ_BAD_ID; return true;
	case FATE_UNROUTED: *ret_reason = DLQ_UNROUTED; return true;
	case FATE_HANDLE:
	case FATE_TOO_OLD:
	case FATE_SKIP_UNROUTED: return false;
	}
	return false;
}

void flow_known(struct flow *f, struct event *ev, uint32_t check)
{
	if (ev->f.ended) {
		flow_finish(f, ev, true);
	} else if (check != ev->check && f->conf->id_conflict == ID_CONFLICT_DEAD_LETTER) {
		f->out.note(f->out.arg, FLOW_CONFLICT, ev);
		flow_send_letter(f, ev, DLQ_ID_CONFLICT, FLOW_SETTLE_NONE);
	} else {
		if (check != ev->check)
			f->out.note(f->out.arg, FLOW_CONFLICT, ev);
		f->out.note(f->out.arg, FLOW_DUPLICATE, ev);
		flow_finish(f, ev, true);
	}
}

static void send_record(struct flow *f, struct event *ev, enum dlq_reason reason, enum flow_settle settle);

/* The event keeps its turn until the letter is acknowledged; settle: what is written into the ledger then. */
void flow_send_letter(struct flow *f, struct event *ev, enum dlq_reason reason, enum flow_settle settle)
{
	ev->f.hand_over = ev->f.emitting = false;
	send_record(f, ev, reason, settle);
}

void flow_hand_over(struct flow *f, struct event *ev, int64_t due_ms)
{
	ev->f.hand_over = true;
	ev->f.emitting = false;
	ev->f.wait_until_ms = due_ms;
	send_record(f, ev, DLQ_N_REASONS, FLOW_SETTLE_PARKED);
}

/* It ended well; it is recorded when all that its handler emitted is acknowledged. */
void flow_emit(struct flow *f, struct event *ev)
{
	ev->f.hand_over = false;
	ev->f.emitting = true;
	send_record(f, ev, DLQ_N_REASONS, FLOW_SETTLE_DONE);
}

static void send_record(struct flow *f, struct event *ev, enum dlq_reason reason, enum flow_settle settle)
{
	event_list_del(ev);
	ev->f.state = FLOW_LETTER;
	ev->f.reason = (uint8_t)reason;
	ev->f.settle = (uint8_t)settle;
	ev->f.letter_failed = false;
	ev->f.delay_ms = LETTER_RETRY_MS;
	if (reason == DLQ_UNROUTED)
		f->out.note(f->out.arg, FLOW_UNROUTED, ev);
	f->out.letter(f->out.arg, ev);
	if (ev->f.lane != NULL && ev->f.lane->head == ev && ev->f.lane->blocked)
		flow_lane_look(f, ev->f.lane); /* it no longer waits for another's claim */
}

/* The partition goes before the letter could be written.  The run counts as failed, so that the next one is
 * marked, wherever it is. */
void flow_give_up_letter(struct flow *f, struct event *ev)
{
	ev->f.wait_failed = true;
	ev->f.wait_until_ms = 0;
	ev->f.delay_ms = 0;
	ev->f.due = f->now;
	flow_write(f, ev, FLOW_SETTLE_WAIT);
}

void flow_letter_done(struct flow *f, struct event *ev, bool ok, struct mono now)
{
	assert(ev->f.state == FLOW_LETTER);
	f->now = now;
	if (ok) {
		f->out.note(f->out.arg,
		    ev->f.emitting    ? FLOW_EMITTED
		    : ev->f.hand_over ? FLOW_HANDED_OVER
				      : FLOW_DEAD_LETTER,
		    ev);
		ev->f.ended = true;
		if (ev->f.settle == FLOW_SETTLE_NONE) {
			flow_finish(f, ev, true);
			return;
		}
		flow_write(f, ev, (enum flow_settle)ev->f.settle);
		flow_leave_lane(f, ev);
		return;
	}
	f->out.note(f->out.arg, FLOW_LETTER_FAILED, ev);
	if (ev->f.emitting && ev->f.oversize) {
		ev->f.oversize = false; /* not this event is, but what it emitted */
		flow_send_letter(f, ev, DLQ_REJECTED, FLOW_SETTLE_DEAD);
		return;
	}
	if (ev->f.hand_over && ev->f.oversize) {
		flow_send_letter(f, ev, DLQ_EXHAUSTED, FLOW_SETTLE_DEAD); /* it will never fit */
		return;
	}
	if (ev->f.revoked && ev->f.held) {
		flow_give_up_letter(f, ev);
		return;
	}
	if (ev->f.revoked) {
		flow_finish(f, ev, false);
		return;
	}
	ev->f.letter_failed = true;
	flow_set_timer(f, ev, mono_add_ms(now, ev->f.delay_ms));
	ev->f.delay_ms = 2 * ev->f.delay_ms > LETTER_RETRY_MAX_MS ? LETTER_RETRY_MAX_MS : 2 * ev->f.delay_ms;
	if (ev->f.lane != NULL && ev->f.lane->head == ev)
		flow_lane_look(f, ev->f.lane);
}

/* Handled: the next of the lane may start at once; the record follows with the next call. */
static void ended(struct flow *f, struct event *ev, enum flow_settle settle)
{
	ev->f.ended = true;
	flow_write(f, ev, settle);
	flow_leave_lane(f, ev);
}

static void back_off(struct flow *f, struct event *ev, int64_t delay_ms, bool failed, int64_t wall_now_ms)
{
	if (delay_ms > RETRY_MAX_MS)
		delay_ms = RETRY_MAX_MS;
	ev->f.delay_ms = delay_ms;
	ev->f.wait_failed = failed;
	ev->f.wait_until_ms = wall_now_ms + delay_ms;
	ev->f.due = mono_add_ms(f->now, delay_ms);
	flow_write(f, ev, FLOW_SETTLE_WAIT);
	flow_lane_look(f, ev->f.lane);
}

void flow_exhausted(struct flow *f, struct event *ev)
{
	if (f->conf->retry.on_exhausted == EXHAUSTED_DROP) {
		f->out.note(f->out.arg, FLOW_DROPPED, ev);
		ended(f, ev, FLOW_SETTLE_DEAD);
	} else if (f->conf->retry.on_exhausted == EXHAUSTED_PAUSE) {
		/* Recorded as a back-off without end; what failed was counted when it did. */
		back_off(f, ev, RETRY_MAX_MS, ev->f.state == FLOW_RUNNING, f->wall_ms);
		ev->f.due = MONO_NEVER;
		ev->f.once_more = false;
		flow_stand(f, ev, true);
	} else {
		flow_send_letter(f, ev, DLQ_EXHAUSTED, FLOW_SETTLE_DEAD);
	}
}

static int64_t held_ms(const struct flow *f, const struct event *ev)
{
	return mono_diff_us(f->now, ev->polled) / 1000;
}

/* Its key waits; past max_hold its partition stands still, so that no more is held up behind it. */
static void hold(struct flow *f, struct event *ev, int64_t delay_ms, int64_t wall_now_ms)
{
	back_off(f, ev, delay_ms, true, wall_now_ms);
	if (held_ms(f, ev) > f->conf->max_hold_ms)
		flow_stand(f, ev, true);
}

/* Does the event go to the retry topic instead of holding its key?  In mode hold only past max_hold. */
static bool to_topic(const struct flow *f, const struct event *ev, int64_t delay_ms)
{
	if (f->conf->retry.mode == RETRY_TOPIC)
		return true;
	return f->has_retry_topic && held_ms(f, ev) + delay_ms > f->conf->max_hold_ms;
}

static void failed(struct flow *f, struct event *ev, int64_t wall_now_ms)
{
	int64_t delay_ms = ev->run.retry_ms;

	ev->run.failed++;
	if (ev->run.failed < f->conf->retry.attempts) {
		if (delay_ms < 0)
			delay_ms = backoff_ms(f->conf->retry.backoff_ms, f->conf->retry.max_backoff_ms,
			    ev->run.failed, backoff_random(&f->random));
		if (to_topic(f, ev, delay_ms))
			flow_hand_over(f, ev, wall_now_ms + delay_ms);
		else
			hold(f, ev, delay_ms, wall_now_ms);
	} else {
		flow_exhausted(f, ev);
	}
}

static void cancelled(struct flow *f, struct event *ev, int64_t wall_now_ms)
{
	bool told = atomic_load_explicit(&ev->run.cancelled, memory_order_relaxed);

	if (!told)
		f->out.note(f->out.arg, FLOW_FALSE_CANCEL, ev);
	if (!told || ev->run.timed_out)
		failed(f, ev, wall_now_ms);
	else
		back_off(f, ev, CANCELLED_MS, false, wall_now_ms);
}

void flow_outcome(struct flow *f, struct event *ev, struct mono now, int64_t wall_now_ms)
{
	assert(ev->f.state == FLOW_RUNNING);
	f->now = now;
	f->wall_ms = wall_now_ms;
	f->n_running--;
	if (f->alone == ev)
		f->alone = NULL;
	if (ev->f.lost && (ev->run.outcome == RUN_NOT_STARTED || ev->run.outcome == SEMEL_RETRY ||
			      ev->run.outcome == SEMEL_CANCELLED)) {
		/* There is no claim left to write this under; whoever has it now counts by itself. */
		ev->f.lost = false;
		ev->f.rerun = FLOW_RERUN_LOSS;
		f->out.recorded(f->out.arg, ev);
		if (ev->f.revoked)
			flow_finish(f, ev, false);
		else
			flow_queue(f, ev);
		return;
	}
	if (ev->f.aside != NULL && ev->run.outcome != RUN_NOT_STARTED && ev->run.outcome != SEMEL_OK &&
	    ev->run.outcome != SEMEL_SKIP) {
		flow_send_aside(f, ev);
		return;
	}
	switch (ev->run.outcome) {
	case RUN_NOT_STARTED:
		f->out.recorded(f->out.arg, ev);
		flow_claimed(f, ev);
		break;
	case SEMEL_OK:
	case SEMEL_SKIP:
		if (ev->run.emitted != NULL)
			flow_emit(f, ev);
		else
			ended(f, ev, FLOW_SETTLE_DONE);
		break;
	case SEMEL_REJECT: flow_send_letter(f, ev, DLQ_REJECTED, FLOW_SETTLE_DEAD); break;
	case SEMEL_CANCELLED: cancelled(f, ev, wall_now_ms); break;
	default: failed(f, ev, wall_now_ms); break;
	}
}
