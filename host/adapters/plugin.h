/* plugin.h - a handler plugin: judged in its file, then loaded, then opened.
 *
 * The judgement (plugin_inspect) reads the file with libelf and runs no code
 * of it.  Only a file that was accepted is given to dlopen.  Nothing is ever
 * dlclosed.  The table of services that handlers get (struct semel_host) is
 * made here; what it needs of the engine comes in as struct plugin_services.
 *
 * Owns:    struct plugin: one configured handler's instance of a plugin.
 * Threads: as in <semel/handler.h>; setup functions: one thread.
 * Uses:    libelf (plugin_elf.c), libdl (plugin.c).
 */
#ifndef ADAPTERS_PLUGIN_H
#define ADAPTERS_PLUGIN_H

#include "base/buf.h"
#include "core/config.h"
#include "core/event.h"
#include "core/metrics.h"

#include <semel/handler.h>

struct plugin_facts {			/* what the file says of itself */
	char name[64], version[32];
	unsigned abi_major, abi_minor;
};

/* 0, or -errno with `why` written: file, what was found, what was expected, what to do.  Runs no plugin code. */
int plugin_inspect(const char *file, bool lenient, struct plugin_facts *ret_facts, char *why, size_t size);

struct config_problems;
/* The configured settings against the table in the file, for `semel check`; problems are added with file and line, and
 * secrets are read.  0; -EINVAL: they are wrong; -ENOTSUP: the table is made by the plugin's code, and loading will judge;
 * else as plugin_inspect.  Runs no plugin code. */
int plugin_judge_settings(
    const struct config_handler *handler, bool lenient, struct config_problems *problems);

struct plugin;

/* Inspect and load `handler->plugin_file`; check the configured settings against the plugin's table.  Problems
 * of settings are added with file and line.  0 or -errno with `why`. */
int plugin_load(const struct config_handler *handler, bool lenient, struct metrics *metrics,
    struct config_problems *problems, struct plugin **ret_plugin, char *why, size_t size);
/* Call its open.  0; -EINVAL: refused for good; other -errno: not now, call again later. */
int plugin_open(struct plugin *p, char *why, size_t size);
void plugin_close(struct plugin *p);		/* close, and free what is ours; NULL is allowed */
const struct plugin_facts *plugin_facts(const struct plugin *p);

/* One worker's side.  Threads: that worker. */
struct plugin_worker;
int plugin_worker_open(struct plugin *p, unsigned index, struct plugin_worker **ret_worker, char *why, size_t size);
void plugin_worker_close(struct plugin_worker *w);	/* NULL is allowed */

/* What the run needs beside the event. */
struct plugin_run {
	const char *subscription, *route;
	unsigned sub;			/* the caller's number of the subscription */
	const _Atomic int64_t *lease_until_us;	/* the flow's deadline (struct mono), for lease_ms and cancelled */
};

/* An open run has ended: ev->run is filled.  Threads: any, the plugin's. */
typedef void (*plugin_done_fn)(void *arg, struct event *ev);
/* Before the first worker: the most runs that there can be at a time, those of batches included. */
int plugin_prepare(struct plugin *p, size_t max_runs, plugin_done_fn done, void *arg);

/* Run one event; true: it has ended, and ev->run.outcome, .retry_ms, .why, .handler_us are filled; false: SEMEL_ASYNC,
 * `done` is called, perhaps already.  Any value that is no outcome is turned into SEMEL_RETRY and counted as a fault. */
bool plugin_handle(struct plugin_worker *w, struct event *ev, const struct plugin_run *run);
/* The same with several at once, at most the configured batch; all have ended.  Only if the plugin takes batches. */
void plugin_handle_batch(struct plugin_worker *w, struct event *const *evs, const struct plugin_run *runs, size_t n);
bool plugin_takes_batches(const struct plugin *p);
size_t plugin_open_runs(const struct plugin *p);
/* Events that are still read may have ended meanwhile; who calls this must be the one that could recycle them. */
void plugin_each_open(
    struct plugin *p, void (*visit)(void *arg, struct event *ev, unsigned sub, struct mono since), void *arg);
/* Nothing comes for now: ask the plugin to complete what it holds, once for each time something was left open.  True if
 * it was asked.  Threads: any. */
bool plugin_flush(struct plugin *p);

#endif
