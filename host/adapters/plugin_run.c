/* Running: one event, a batch, and runs that end later (SEMEL_ASYNC).
 *
 * A run has a slot, named by its token: the slot's number and a generation that
 * counts its runs, so that a second or late complete() finds that its run is over.
 * Its state and generation are one atomic word: whoever moves it from RUNNING or
 * ASYNC owns the end of the run.  A worker keeps one slot for all its runs; only a
 * run that stays open takes it away.
 */
#include "adapters/plugin_private.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum run_state { RUN_FREE, RUN_INSIDE, RUN_COMPLETING, RUN_EARLY, RUN_OPEN };
#define STATE(word) ((enum run_state)((word)&7))
#define GENERATION(word) ((word) >> 3)
#define WORD(generation, state) ((generation) << 3 | (uint64_t)(state))

/* ---- Slots */

int plugin_prepare(struct plugin *p, size_t max_runs, plugin_done_fn done, void *arg)
{
	struct plugin_runs *r = &p->runs;

	r->done = done;
	r->arg = arg;
	r->cap = max_runs;
	r->slots = calloc(max_runs, sizeof(*r->slots));
	return r->slots == NULL ? -ENOMEM : 0;
}

void plugin_runs_free(struct plugin *p)
{
	struct plugin_runs *r = &p->runs;

	for (size_t i = 0; r->slots != NULL && i < atomic_load(&r->n); i++)
		free(r->slots[i]);
	free(r->slots);
	pthread_mutex_destroy(&r->lock);
}

/* The lock is taken once for a run that stays open, never for one that ends in handle. */
static struct run_slot *take_slot(struct plugin *p)
{
	struct plugin_runs *r = &p->runs;
	struct run_slot *slot;

	pthread_mutex_lock(&r->lock);
	slot = r->free;
	if (slot != NULL) {
		r->free = slot->next_free;
	} else {
		size_t n = atomic_load(&r->n);

		slot = n == r->cap ? NULL : calloc(1, sizeof(*slot));
		/* As many as can be in flight: there is one, or no memory for what was promised. */
		if (slot == NULL)
			abort();
		slot->index = (uint32_t)n;
		r->slots[n] = slot;
		atomic_store_explicit(&r->n, n + 1, memory_order_release);
	}
	pthread_mutex_unlock(&r->lock);
	return slot;
}

static void give_slot(struct plugin *p, struct run_slot *slot)
{
	pthread_mutex_lock(&p->runs.lock);
	slot->next_free = p->runs.free;
	p->runs.free = slot;
	pthread_mutex_unlock(&p->runs.lock);
}

/* ---- Outcomes */

static int judge_outcome(struct plugin *p, struct event *ev, int outcome)
{
	if (outcome >= SEMEL_OK && outcome <= SEMEL_CANCELLED && outcome != SEMEL_ASYNC)
		return outcome;
	plugin_fault(p, outcome == SEMEL_ASYNC ? "async" : "outcome");
	free(ev->run.why);
	ev->run.why = NULL;
	if (asprintf(&ev->run.why,
		outcome == SEMEL_ASYNC ? "SEMEL_ASYNC (%d) is no outcome of a batch, nor of complete()"
				       : "the handler returned %d, which is no outcome",
		outcome) < 0)
		ev->run.why = NULL;
	return SEMEL_RETRY;
}

static void end_run(struct plugin *p, struct run_slot *slot, struct event *ev, int outcome)
{
	ev->run.outcome = judge_outcome(p, ev, outcome);
	ev->run.handler_us = mono_diff_us(mono_now(), slot->since);
	if (ev->run.outcome == SEMEL_OK)
		ev->run.emitted = slot->pe.emitted;
	else
		emitted_free(slot->pe.emitted);
	slot->pe.emitted = NULL;
}

/* What complete() said beside the outcome; what it leaves open is as explain() said. */
static void take_words(struct event *ev, int64_t retry_ms, char *why)
{
	if (retry_ms >= 0)
		ev->run.retry_ms = retry_ms;
	if (why == NULL)
		return;
	free(ev->run.why);
	ev->run.why = why;
}

/* ---- A run in its slot */

static void begin(struct plugin *p, struct run_slot *slot, struct event *ev, const struct plugin_run *run)
{
	uint64_t generation = GENERATION(atomic_load_explicit(&slot->word, memory_order_relaxed)) + 1;

	ev->run.retry_ms = -1;
	free(ev->run.why);
	ev->run.why = NULL;
	emitted_free(ev->run.emitted);
	ev->run.emitted = NULL;
	slot->run = *run;
	slot->since = mono_now();
	slot->why = NULL;
	slot->pe = (struct plugin_event){ .event = { .host = &p->host,
					      .token = (uint64_t)slot->index << 32 | (uint32_t)generation,
					      .id = { ev->id.data, ev->id.len },
					      .key = { ev->msg.key.data, ev->msg.key.len },
					      .payload = { ev->msg.payload.data, ev->msg.payload.len },
					      .subscription = run->subscription,
					      .route = run->route,
					      .topic = ev->origin.topic,
					      .offset = ev->origin.offset,
					      .timestamp_ms = ev->origin.timestamp_ms,
					      .fence = ev->run.fence,
					      .partition = ev->origin.partition,
					      .attempt = ev->run.attempt,
					      .redelivered = ev->run.redelivered },
		.ev = ev,
		.run = &slot->run };
	atomic_store_explicit(&slot->word, WORD(generation, RUN_INSIDE), memory_order_release);
}

/* From RUN_INSIDE to `to`; false: complete() was called meanwhile, and slot->outcome is what it said. */
static bool move_on(struct run_slot *slot, enum run_state to)
{
	uint64_t word = atomic_load(&slot->word), generation = GENERATION(word);
	uint64_t inside = WORD(generation, RUN_INSIDE);

	if (atomic_compare_exchange_strong(&slot->word, &inside, WORD(generation, to)))
		return true;
	while (STATE(atomic_load(&slot->word)) != RUN_EARLY)
		sched_yield(); /* it is writing these words */
	atomic_store(&slot->word, WORD(generation, RUN_FREE));
	return false;
}

/* complete() was called, and then the handler returned something else than SEMEL_ASYNC: that counts. */
static void end_inside(struct plugin *p, struct run_slot *slot)
{
	if (move_on(slot, RUN_FREE))
		return;
	plugin_fault(p, "complete");
	free(slot->why);
}

bool plugin_handle(struct plugin_worker *w, struct event *ev, const struct plugin_run *run)
{
	struct plugin *p = w->plugin;
	struct run_slot *slot = w->slots[0];
	int outcome;

	if (p->handler.handle == NULL) {
		plugin_handle_batch(w, &ev, run, 1);
		return true;
	}
	begin(p, slot, ev, run);
	outcome = p->handler.handle(p->self, w->state, &slot->pe.event);
	if (outcome != SEMEL_ASYNC) {
		end_inside(p, slot);
		end_run(p, slot, ev, outcome);
		return true;
	}
	atomic_fetch_add(&p->runs.open, 1);
	atomic_store(&p->runs.flush_wanted, true);
	if (move_on(slot, RUN_OPEN)) {
		/* It may be over by now: neither event nor slot are ours. */
		w->slots[0] = take_slot(p);
		return false;
	}
	atomic_fetch_sub(&p->runs.open, 1);
	take_words(ev, slot->retry_ms, slot->why);
	end_run(p, slot, ev, slot->outcome);
	return true;
}

void plugin_handle_batch(
    struct plugin_worker *w, struct event *const *evs, const struct plugin_run *runs, size_t n)
{
	struct plugin *p = w->plugin;

	for (size_t i = 0; i < n; i++) {
		begin(p, w->slots[i], evs[i], &runs[i]);
		w->events[i] = &w->slots[i]->pe.event;
		w->outcomes[i] = SEMEL_RETRY;
	}
	p->handler.handle_batch(p->self, w->state, w->events, w->outcomes, n);
	for (size_t i = 0; i < n; i++) {
		end_inside(p, w->slots[i]);
		end_run(p, w->slots[i], evs[i], w->outcomes[i]);
	}
}

bool plugin_takes_batches(const struct plugin *p)
{
	return p->handler.handle_batch != NULL;
}

/* ---- Ends from elsewhere */

static void end_open(struct plugin *p, struct run_slot *slot, uint64_t generation, int outcome,
    int64_t retry_ms, const char *why)
{
	struct event *ev = slot->pe.ev;

	take_words(ev, retry_ms, why == NULL ? NULL : strndup(why, WHY_MAX));
	end_run(p, slot, ev, outcome);
	atomic_store_explicit(&slot->word, WORD(generation, RUN_FREE), memory_order_release);
	give_slot(p, slot);
	p->runs.done(p->runs.arg, ev);
	atomic_fetch_sub(&p->runs.open, 1);
}

int plugin_complete(struct plugin *p, uint64_t token, int outcome, int64_t retry_ms, const char *why)
{
	struct plugin_runs *r = &p->runs;
	size_t index = (size_t)(token >> 32);
	struct run_slot *slot = index < atomic_load_explicit(&r->n, memory_order_acquire) ? r->slots[index]
											  : NULL;
	uint64_t word = slot == NULL ? 0 : atomic_load(&slot->word);

	while (slot != NULL && (uint32_t)GENERATION(word) == (uint32_t)token) {
		enum run_state state = STATE(word);

		if (state != RUN_INSIDE && state != RUN_OPEN)
			return -ESTALE;
		if (!atomic_compare_exchange_weak(&slot->word, &word, WORD(GENERATION(word), RUN_COMPLETING)))
			continue;
		if (state == RUN_OPEN) {
			end_open(p, slot, GENERATION(word), outcome, retry_ms, why);
			return 0;
		}
		slot->outcome = outcome;
		slot->retry_ms = retry_ms;
		slot->why = why == NULL ? NULL : strndup(why, WHY_MAX);
		atomic_store(&slot->word, WORD(GENERATION(word), RUN_EARLY));
		return 0;
	}
	return -ESTALE;
}

size_t plugin_open_runs(const struct plugin *p)
{
	return atomic_load(&p->runs.open);
}

void plugin_each_open(
    struct plugin *p, void (*visit)(void *arg, struct event *ev, unsigned sub, struct mono since), void *arg)
{
	size_t n = plugin_open_runs(p) == 0 ? 0 : atomic_load_explicit(&p->runs.n, memory_order_acquire);

	for (size_t i = 0; i < n; i++) {
		struct run_slot *slot = p->runs.slots[i];
		uint64_t word = atomic_load(&slot->word);
		struct event *ev = slot->pe.ev;
		unsigned sub = slot->run.sub;
		struct mono since = slot->since;

		/* Read while it was open: else they may be another run's. */
		atomic_thread_fence(memory_order_acquire);
		if (STATE(word) == RUN_OPEN && atomic_load(&slot->word) == word)
			visit(arg, ev, sub, since);
	}
}

bool plugin_flush(struct plugin *p)
{
	if (!p->opened || p->handler.flush == NULL || plugin_open_runs(p) == 0 ||
	    !atomic_exchange(&p->runs.flush_wanted, false))
		return false;
	p->handler.flush(p->self);
	return true;
}

/* ---- Workers */

int plugin_worker_open(
    struct plugin *p, unsigned index, struct plugin_worker **ret_worker, char *why, size_t size)
{
	size_t n = p->conf->batch > 0 ? p->conf->batch : 1;
	struct plugin_worker *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	w->plugin = p;
	r = p->handler.worker_open == NULL ? 0 : p->handler.worker_open(p->self, index, &w->state);
	if (r != 0) {
		snprintf(why, size, "worker_open: %s", strerror(r < 0 ? -r : EIO));
		free(w);
		return r < 0 ? r : -EIO;
	}
	w->opened = true;
	w->slots = calloc(n, sizeof(*w->slots));
	w->events = calloc(n, sizeof(*w->events));
	w->outcomes = calloc(n, sizeof(*w->outcomes));
	if (w->slots == NULL || w->events == NULL || w->outcomes == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		w->slots[i] = take_slot(p);
	*ret_worker = w;
	return 0;
}

void plugin_worker_close(struct plugin_worker *w)
{
	if (w == NULL)
		return;
	if (w->opened && w->plugin->handler.worker_close != NULL)
		w->plugin->handler.worker_close(w->state);
	free(w->slots);
	free((void *)(uintptr_t)w->events);
	free(w->outcomes);
	free(w);
}
