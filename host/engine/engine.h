/* engine.h - everything that runs, in one start list.
 *
 * Start: plugins and pools, producer, ledgers (each starts its poller), HTTP.
 * Stop, in reverse: pollers drain and leave their groups, ledgers settle and
 * end their sessions, pools and plugins close, the producer flushes.
 *
 * Owns:    all of it; borrows the configuration.
 * Threads: main.
 * Uses:    all of engine/.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "core/config.h"
#include "core/backend.h"
#include "engine/observer.h"
#include "engine/process.h"

struct engine;

/* What it works with: chosen by the program. */
struct engine_setup {
	const struct backend *backend;
	const struct observer *observer;	/* NULL: none */
	bool lenient;			/* plugins that others could change are loaded all the same */
};

/* What lies outside of it. */
struct engine_outside {
	const struct engine_setup *setup;
	const struct engine_links *links;
	/* Ask for a reload, and wait for the judgement: 0, or an exit status with `why`.  Threads: http. */
	int (*reload)(void *arg, char *why, size_t size);
	void *arg;
};

/* 0, or -errno with `why`.  A plugin that is not there blocks its subscriptions and is no failure. */
int engine_start(const struct config *c, const struct engine_outside *outside, struct engine **ret_engine, char *why,
    size_t size);
/* False while a subscription is stuck: events that were delivered, or the fetch, make no progress. */
bool engine_progresses(struct engine *e);
/* To be called every second or so: plugins whose open failed for now are opened again. */
void engine_tick(struct engine *e);
/* An event was past max_run, and what else ran has ended, or had its time: the process is to end at once. */
bool engine_must_end(struct engine *e);
/* The most events that can be inside handlers, or on their way there: all that are in flight. */
size_t engine_max_running(const struct config *c);
/* Drain within the configuration's stop_timeout.  False: handlers are still running; their claims are left to the
 * lease, nothing was freed, and the process should end. */
bool engine_stop(struct engine *e);

#endif
