/* Events into the plugin, outcomes out of it. */
#include "kit_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LEASE_MS 10000
#define ID_MAX 1024

/* ---- An event of its own memory */

/* Exactly as long, so that a sanitizer sees who reads behind it. */
static struct semel_bytes copy_bytes(struct semel_bytes b)
{
	void *p;

	if (b.data == NULL)
		return (struct semel_bytes){ NULL, 0 };
	p = malloc(b.len > 0 ? b.len : 1);
	if (p == NULL)
		semel_kit_die("out of memory");
	memcpy(p, b.data, b.len);
	return (struct semel_bytes){ p, b.len };
}

static void free_bytes(struct semel_bytes *b)
{
	free((void *)(uintptr_t)b->data);
	*b = (struct semel_bytes){ NULL, 0 };
}

static const char *copy_name(const char *name)
{
	return name == NULL ? semel_kit_copy("test", 4) : semel_kit_copy(name, strlen(name));
}

static void copy_headers(struct semel_test_run *run, const struct semel_test_event *e)
{
	run->n_headers = e->n_headers;
	for (size_t i = 0; i < e->n_headers; i++) {
		run->headers = semel_kit_grow(run->headers, i, sizeof(*run->headers));
		run->headers[i] = (struct semel_header){ copy_name(e->headers[i].name),
			copy_bytes(e->headers[i].value) };
	}
}

static void set_times(struct semel_test_run *run, const struct semel_test_event *e)
{
	int64_t now = semel_kit_now_ms();

	run->cancel_at_ms = e->cancel_after_ms == 0 ? INT64_MAX : now + e->cancel_after_ms;
	run->lease_until_ms = now + (e->lease_ms == 0 ? LEASE_MS : e->lease_ms);
}

static struct semel_test_run *begin(struct semel_test *t, const struct semel_test_event *e, bool in_batch)
{
	struct semel_test_run *run = semel_kit_grow(NULL, 0, sizeof(*run));
	char id[32];
	size_t n;

	if (!t->opened)
		semel_kit_die("no event without a semel_test_open that returned 0");
	if (e->id.len > ID_MAX)
		semel_kit_die("an id has at most %d bytes, this one %zu", ID_MAX, e->id.len);
	*run = (struct semel_test_run){
		.t = t, .in_batch = in_batch, .thread = pthread_self(), .retry_ms = -1
	};
	pthread_mutex_lock(&t->lock);
	t->runs = semel_kit_grow(t->runs, t->n_runs, sizeof(struct semel_test_run *));
	t->runs[t->n_runs] = run;
	n = ++t->n_runs;
	pthread_mutex_unlock(&t->lock);
	snprintf(id, sizeof(id), "event-%zu", n);
	run->event = (struct semel_event){ .host = &t->host,
		.token = n,
		.id = copy_bytes(e->id.len == 0 ? semel_text(id) : e->id),
		.key = copy_bytes(e->key),
		.payload = copy_bytes(e->payload),
		.subscription = copy_name(e->subscription),
		.route = copy_name(e->route),
		.topic = copy_name(e->topic),
		.offset = e->offset,
		.timestamp_ms = e->timestamp_ms == 0 ? -1 : e->timestamp_ms,
		.fence = e->fence == 0 ? n : e->fence,
		.partition = e->partition,
		.attempt = e->attempt == 0 ? 1 : e->attempt,
		.redelivered = e->redelivered };
	run->label = semel_kit_copy(run->event.id.data, run->event.id.len);
	copy_headers(run, e);
	set_times(run, e);
	return run;
}

/* What handle must not touch any more. */
static void free_event(struct semel_test_run *run)
{
	free_bytes(&run->event.id);
	free_bytes(&run->event.key);
	free_bytes(&run->event.payload);
	for (size_t i = 0; i < run->n_headers; i++) {
		free((void *)(uintptr_t)run->headers[i].name);
		free_bytes(&run->headers[i].value);
	}
	free(run->headers);
	run->headers = NULL;
	run->n_headers = 0;
}

/* ---- Ends */

/* The outcome is known; the lock is held. */
static void end(struct semel_test_run *run, int outcome)
{
	run->outcome = outcome;
	if (outcome == SEMEL_OK) {
		semel_kit_show_emitted(run);
	} else {
		emitted_free(run->emitted);
		run->emitted = NULL;
	}
	run->state = KIT_ENDED;
	free_event(run);
	pthread_cond_broadcast(&run->t->ended);
}

/* As the host takes it; what is none is told, and explained as the host explains it. */
static int judge(struct semel_test_run *run, int outcome)
{
	char *why;

	if (outcome >= SEMEL_OK && outcome <= SEMEL_CANCELLED && outcome != SEMEL_ASYNC)
		return outcome;
	why = outcome == SEMEL_ASYNC
		  ? semel_kit_format("SEMEL_ASYNC (%d) is no outcome of a batch, nor of complete()", outcome)
		  : semel_kit_format("the handler returned %d, which is no outcome", outcome);
	semel_kit_misuse(run->t, "event %s: %s", run->label, why);
	pthread_mutex_lock(&run->t->lock);
	free(run->why);
	run->why = why;
	pthread_mutex_unlock(&run->t->lock);
	return SEMEL_RETRY;
}

static void take_words(struct semel_test_run *run, int64_t retry_ms, char *why)
{
	if (retry_ms >= 0)
		run->retry_ms = retry_ms;
	if (why == NULL)
		return;
	free(run->why);
	run->why = why;
}

/* handle returned `outcome`. */
static void returned(struct semel_test_run *run, int outcome)
{
	bool early, async = outcome == SEMEL_ASYNC && !run->in_batch;

	pthread_mutex_lock(&run->t->lock);
	early = run->state == KIT_EARLY;
	if (async && early)
		take_words(run, run->early_retry_ms, run->early_why);
	else if (async)
		run->state = KIT_OPEN;
	else
		free(run->early_why);
	run->early_why = NULL;
	if (async && !early)
		run->outcome = SEMEL_ASYNC;
	pthread_mutex_unlock(&run->t->lock);
	if (async && !early)
		return;
	if (early && !async)
		semel_kit_misuse(run->t,
		    "event %s: complete() was called, and then %d returned instead of SEMEL_ASYNC; that counts",
		    run->label, outcome);
	outcome = judge(run, async ? run->early_outcome : outcome);
	pthread_mutex_lock(&run->t->lock);
	end(run, outcome);
	pthread_mutex_unlock(&run->t->lock);
}

static struct semel_test_run *find(struct semel_test *t, uint64_t token)
{
	return token == 0 || token > t->n_runs ? NULL : t->runs[token - 1];
}

int semel_kit_complete(struct semel_test *t, uint64_t token, int outcome, int64_t retry_ms, const char *why)
{
	char *words = why == NULL ? NULL : semel_kit_copy(why, strlen(why));
	struct semel_test_run *run;
	enum kit_state state;

	pthread_mutex_lock(&t->lock);
	run = find(t, token);
	state = run == NULL ? KIT_ENDED : run->state;
	if (state == KIT_INSIDE) {
		run->state = KIT_EARLY;
		run->early_outcome = outcome;
		run->early_retry_ms = retry_ms;
		run->early_why = words;
	} else if (state == KIT_OPEN) {
		take_words(run, retry_ms, words);
		run->state = KIT_EARLY; /* whoever moved it from OPEN ends it */
	}
	pthread_mutex_unlock(&t->lock);
	if (state == KIT_EARLY || state == KIT_ENDED) {
		free(words);
		semel_kit_misuse(t, "complete() was called for %s %s%s (-ESTALE)",
		    run == NULL ? "a token" : "event", run == NULL ? "that is none" : run->label,
		    run == NULL ? "" : ", which was completed before");
		return -ESTALE;
	}
	if (state == KIT_OPEN) {
		outcome = judge(run, outcome);
		pthread_mutex_lock(&t->lock);
		end(run, outcome);
		pthread_mutex_unlock(&t->lock);
	}
	return 0;
}

/* ---- Running */

static void run_batch(struct semel_test *t, void *worker, const struct semel_test_event *e, size_t n,
    struct semel_test_run **runs)
{
	const struct semel_event **events = calloc(n, sizeof(*events));
	int *outcomes = calloc(n, sizeof(*outcomes));

	if (events == NULL || outcomes == NULL)
		semel_kit_die("out of memory");
	for (size_t i = 0; i < n; i++) {
		runs[i] = begin(t, &e[i], true);
		events[i] = &runs[i]->event;
		outcomes[i] = SEMEL_RETRY;
	}
	t->handler.handle_batch(t->self, worker, events, outcomes, n);
	for (size_t i = 0; i < n; i++)
		returned(runs[i], outcomes[i]);
	free((void *)(uintptr_t)events);
	free(outcomes);
}

static struct semel_test_run *run_one(struct semel_test *t, void *worker, const struct semel_test_event *e)
{
	struct semel_test_run *run;

	if (t->handler.handle == NULL) {
		run_batch(t, worker, e, 1, &run);
		return run;
	}
	run = begin(t, e, false);
	returned(run, t->handler.handle(t->self, worker, &run->event));
	return run;
}

struct semel_test_run *semel_test_handle(struct semel_test *t, const struct semel_test_event *e)
{
	return run_one(t, t->worker, e);
}

void semel_test_handle_batch(
    struct semel_test *t, const struct semel_test_event *e, size_t n, struct semel_test_run **ret_runs)
{
	if (t->handler.handle_batch == NULL || n == 0 || n > t->host.batch)
		semel_kit_die("a batch of %zu: the plugin has %s handle_batch, and semel_test_batch said %u",
		    n, t->handler.handle_batch == NULL ? "no" : "a", t->host.batch);
	run_batch(t, t->worker, e, n, ret_runs);
}

struct share { /* of one thread */
	struct semel_test *t;
	const struct semel_test_event *e;
	size_t first, step, n;
	struct semel_test_run **runs;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct share *s = arg;
	struct semel_test *t = s->t;
	void *worker = NULL;
	int r = t->handler.worker_open == NULL
		    ? 0
		    : t->handler.worker_open(t->self, (unsigned)s->first + 1, &worker);

	if (r != 0)
		semel_kit_die("worker_open(%zu) returned %d", s->first + 1, r);
	for (size_t i = s->first; i < s->n; i += s->step)
		s->runs[i] = run_one(t, worker, &s->e[i]);
	if (t->handler.worker_close != NULL)
		t->handler.worker_close(worker);
	return NULL;
}

void semel_test_handle_parallel(struct semel_test *t, unsigned threads, const struct semel_test_event *e,
    size_t n, struct semel_test_run **ret_runs)
{
	struct semel_test_run **runs = ret_runs != NULL ? ret_runs
							: calloc(n + 1, sizeof(struct semel_test_run *));
	struct share shares[KIT_WORKERS];

	if (threads == 0 || threads >= KIT_WORKERS)
		semel_kit_die("1 to %d threads, not %u", KIT_WORKERS - 1, threads);
	if (runs == NULL)
		semel_kit_die("out of memory");
	for (unsigned i = 0; i < threads; i++) {
		shares[i] = (struct share){ t, e, i, threads, n, runs, 0 };
		if (pthread_create(&shares[i].thread, NULL, work, &shares[i]) != 0)
			semel_kit_die("no thread can be made");
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(shares[i].thread, NULL);
	if (ret_runs == NULL)
		free(runs);
}

void semel_kit_run_free(struct semel_test_run *run)
{
	free_event(run);
	free((void *)(uintptr_t)run->event.subscription);
	free((void *)(uintptr_t)run->event.route);
	free((void *)(uintptr_t)run->event.topic);
	for (size_t i = 0; run->shown != NULL && run->emitted != NULL && i < run->emitted->n; i++) {
		for (struct semel_header *h = run->shown[i]; h->name != NULL; h++) {
			free((void *)(uintptr_t)h->name);
			free_bytes(&h->value);
		}
		free(run->shown[i]);
	}
	free(run->shown);
	emitted_free(run->emitted);
	free(run->why);
	free(run->early_why);
	free(run->label);
	free(run);
}
