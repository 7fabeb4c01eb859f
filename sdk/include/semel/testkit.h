/* <semel/testkit.h> - unit tests of a handler, with no host, no Kafka and no Redis.
 *
 * What:    takes the host's place for one plugin that is linked with the test:
 *
 *	extern const struct semel_handler semel_handler;	(handler.h says it)
 *
 *	struct semel_test *t = semel_test_new(&semel_handler);
 *	struct semel_test_event e = { .payload = semel_text("{}") };
 *	struct semel_test_run *run;
 *
 *	semel_test_set(t, "url", "http://127.0.0.1:8080");
 *	assert(semel_test_open(t) == 0);
 *	run = semel_test_handle(t, &e);
 *	assert(semel_test_outcome(run) == SEMEL_OK);
 *	assert(semel_test_end(t) == 0);
 *
 *          It judges as the host does: the plugin's table, its settings, its
 *          outcomes.  What a plugin must not do is told on stderr, kept as a
 *          sentence (semel_test_misuse) and counted by semel_test_end.
 * Threads: one thread calls the kit, except where it says "any"; the plugin's
 *          own threads may call the host's services as handler.h allows.
 * Owns:    what it returns belongs to the kit until semel_test_end, arguments
 *          are borrowed for the call.
 * Errors:  out of memory and wrong use of the kit itself end the test (abort).
 * Uses:    C11 or C++17, libc, pthread.
 */
#ifndef SEMEL_TESTKIT_H
#define SEMEL_TESTKIT_H

#include <semel/handler.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct semel_test;			/* a plugin under test */
struct semel_test_run;			/* what became of one event */

/* The bytes of a text, without its NUL; NULL: absent.  Borrows. */
static inline struct semel_bytes semel_text(const char *text)
{
	struct semel_bytes b = { text, text == NULL ? 0 : strlen(text) };

	return b;
}

/* ---- Setting up */

/* Takes the host's place; the plugin is judged by semel_test_open. */
struct semel_test *semel_test_new(const struct semel_handler *plugin);

/* Before semel_test_open, as in the configuration.  set: one value by its path: "url", "pool/size", "tags/0" of a
 * list, "labels/env" of a map; of a secret, named as in the table, its content.  emits: one more topic that it may
 * publish to.  name: handlers.NAME, default: the plugin's.  batch: 1 to 10000, default 1. */
void semel_test_set(struct semel_test *t, const char *name, const char *text);
void semel_test_emits(struct semel_test *t, const char *topic);
void semel_test_name(struct semel_test *t, const char *name);
void semel_test_batch(struct semel_test *t, unsigned n);

/* Judge plugin and settings, then call its open and worker_open.  0; -ENOEXEC: no host would load it; -EINVAL:
 * settings are wrong; or what open or worker_open returned.  It may be called again, with other settings. */
int semel_test_open(struct semel_test *t);
/* The i-th thing that was wrong at the last semel_test_open, such as "settings.url: must be given"; NULL past the
 * end. */
const char *semel_test_fault(const struct semel_test *t, size_t i);

/* ---- Running */

/* One event.  What is left 0 has the value in brackets. */
struct semel_test_event {
	struct semel_bytes id;			/* 1 to 1024 bytes ["event-N", N: the number of the run, from 1] */
	struct semel_bytes key, payload;	/* [absent] */
	const struct semel_header *headers;	/* [none] */
	size_t n_headers;
	const char *subscription, *route, *topic;	/* ["test"] */
	int64_t offset;				/* [0] */
	int64_t timestamp_ms;			/* Unix time [-1, unknown] */
	uint64_t fence;				/* [the number of the run: it grows] */
	int32_t partition;			/* [0] */
	uint32_t attempt;			/* [1] */
	bool redelivered;			/* [false] */
	/* cancelled() turns true so many milliseconds after the start; below 0: it is true from the start [never] */
	int64_t cancel_after_ms;
	/* What lease_ms() says at the start, in milliseconds; it runs down; below 0: it is over [10000] */
	int64_t lease_ms;
};

/* One run, by the plugin's handle, or by its handle_batch with one event if there is no handle.  The event's bytes are
 * copied, without a NUL behind them, and freed when the run ends: a sanitizer sees a plugin that reads too far or
 * too late. */
struct semel_test_run *semel_test_handle(struct semel_test *t, const struct semel_test_event *e);
/* n events, 1 to `batch`, in one call of handle_batch; ret_runs has room for n. */
void semel_test_handle_batch(
    struct semel_test *t, const struct semel_test_event *e, size_t n, struct semel_test_run **ret_runs);
/* n events by 1 to 15 threads at once, each a worker with worker_open and worker_close of its own; returns when all
 * have returned from handle.  ret_runs (may be NULL) has room for n, in the order of e. */
void semel_test_handle_parallel(struct semel_test *t, unsigned threads, const struct semel_test_event *e, size_t n,
    struct semel_test_run **ret_runs);

/* Call the plugin's flush, as the host does when nothing waits. */
void semel_test_flush(struct semel_test *t);
/* Wait for a run that is open (SEMEL_ASYNC) to be completed, at most so many milliseconds; true: it has ended.
 * Threads: any. */
bool semel_test_wait(struct semel_test_run *run, int64_t ms);
/* cancelled() of this run is true from now on.  Threads: any. */
void semel_test_cancel(struct semel_test_run *run);
/* Its lease_ms() starts anew from ms; <= 0: it is over.  Threads: any. */
void semel_test_lease(struct semel_test_run *run, int64_t ms);

/* ---- What came of it.  Threads: any. */

/* enum semel_outcome as the host takes it: SEMEL_ASYNC while it is open, SEMEL_RETRY for a value that is none. */
int semel_test_outcome(const struct semel_test_run *run);
/* What explain() or complete() said; NULL: nothing.  Of a run that is open it may change. */
const char *semel_test_why(const struct semel_test_run *run);
int64_t semel_test_retry_ms(const struct semel_test_run *run);	/* -1: the configured back-off */
/* The i-th record that would be published: none unless the outcome is SEMEL_OK.  Headers are those that consumers see:
 * the handler's, `event-id` with the same derived id as from a host, traceparent and tracestate of the event.  False
 * past the end. */
bool semel_test_emitted(struct semel_test_run *run, size_t i, struct semel_record *ret_record);

/* The i-th line that was logged: "warning: TEXT NAME=VALUE ..."; NULL past the end. */
const char *semel_test_log(const struct semel_test *t, size_t i);
/* True if a line holds that part. */
bool semel_test_logged(const struct semel_test *t, const char *part);
/* Of the plugin's metric NAME: a counter's sum, a gauge's last value, the sum of what a histogram observed; NAN: there
 * is no such metric.  count: how often it was recorded. */
double semel_test_metric(const struct semel_test *t, const char *name);
size_t semel_test_metric_count(const struct semel_test *t, const char *name);

/* The i-th thing that the plugin did and must not do, as a sentence; NULL past the end. */
const char *semel_test_misuse(const struct semel_test *t, size_t i);

/* ---- The end */

/* flush, wait up to 2 s for open runs, worker_close, close, and free all; returns how many misuses there were
 * (0: the plugin behaved).  NULL is allowed. */
size_t semel_test_end(struct semel_test *t);

#ifdef __cplusplus
}
#endif
#endif	/* SEMEL_TESTKIT_H */
