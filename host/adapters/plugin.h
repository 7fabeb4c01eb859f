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

struct plugin;

/* Inspect and load `handler->plugin_file`; check the configured settings against the plugin's table.  Problems
 * of settings are added with file and line.  0 or -errno with `why`. */
struct config_problems;
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
	const _Atomic int64_t *lease_until_us;	/* the flow's deadline (struct mono), for lease_ms and cancelled */
};

/* Run one event; fills ev->run.outcome, .retry_ms, .why, .handler_us.  Any value that is no outcome, SEMEL_ASYNC
 * and CANCELLED without a reason are turned into SEMEL_RETRY here and counted as faults, as the SDK says. */
void plugin_handle(struct plugin_worker *w, struct event *ev, const struct plugin_run *run);
void plugin_flush(struct plugin *p);

#endif
