/* plugin_private.h - what the files of plugin share; nobody else includes it.
 *
 * plugin.c          judging, loading, opening
 * plugin_run.c      running
 * plugin_host.c     the services a handler gets
 * plugin_settings.c its settings, judged against its table
 *
 * Owns:    -
 * Threads: as adapters/plugin.h.
 * Uses:    semel/handler.h.
 */
#ifndef ADAPTERS_PLUGIN_PRIVATE_H
#define ADAPTERS_PLUGIN_PRIVATE_H

#include "adapters/config_file.h"
#include "core/emitted.h"
#include "adapters/plugin.h"

#include <pthread.h>

struct semel_settings {			/* given to open; lives as long as the plugin */
	struct plugin *plugin;
	const struct config_handler *conf;
	const struct semel_setting *table;	/* the plugin's; NULL: takes none */
	char **secrets;			/* by row of the table: the file's content */
	size_t n_rows;
	struct config_problems faults;	/* what open complained about */
};

/* What struct semel_metric is behind its name. */
struct plugin_metric {
	struct plugin_metric *next;
	struct series *series;
	enum metric_type type;
};

/* The event as the plugin sees it, and what we need when it asks. */
struct plugin_event {
	struct semel_event event;	/* first */
	struct event *ev;
	const struct plugin_run *run;
	struct emitted *emitted;	/* so far */
};

/* What is kept of a text that a plugin gives. */
#define WHY_MAX 4096

struct run_slot {
	struct plugin_event pe;
	struct plugin_run run;
	_Atomic uint64_t word;		/* generation and state */
	struct mono since;
	uint32_t index;
	/* What complete() said before handle returned. */
	int outcome;
	int64_t retry_ms;
	char *why;
	struct run_slot *next_free;	/* under the lock */
};

struct plugin_runs {
	pthread_mutex_t lock;		/* of making, taking and giving back slots */
	struct run_slot **slots, *free;
	_Atomic size_t n;		/* slots that were made */
	size_t cap;
	_Atomic size_t open;		/* runs that returned SEMEL_ASYNC */
	_Atomic bool flush_wanted;
	plugin_done_fn done;
	void *arg;
};

struct plugin {
	struct semel_host host;		/* first: services find the plugin by it */
	const struct config_handler *conf;
	struct plugin_facts facts;
	struct semel_handler handler;	/* our copy: members the plugin lacks are zero */
	struct semel_settings settings;
	struct metrics *metrics;
	struct plugin_metric *own_metrics;
	void *self;
	bool opened;
	struct plugin_runs runs;
};

struct plugin_worker {
	struct plugin *plugin;
	void *state;
	bool opened;
	/* As many as a batch has. */
	struct run_slot **slots;
	const struct semel_event **events;
	int *outcomes;
};

int plugin_complete(struct plugin *p, uint64_t token, int outcome, int64_t retry_ms, const char *why);
void plugin_runs_free(struct plugin *p);
void plugin_host_fill(struct plugin *p);
/* All that are counted; "cancelled" by the engine, which knows whether it had told the handler to. */
#define PLUGIN_FAULTS "outcome", "async", "complete", "cancelled"
void plugin_fault(struct plugin *p, const char *kind);

/* Every configured setting against the table; problems are added with file and line.  0 or -EINVAL. */
int plugin_settings_judge(struct semel_settings *s, bool lenient, struct config_problems *problems);
void plugin_settings_free(struct semel_settings *s);
const char *plugin_setting_text(const struct semel_settings *s, const char *name);
int64_t plugin_setting_number(const struct semel_settings *s, const char *name);
bool plugin_setting_at(
    const struct semel_settings *s, const char *name, size_t i, const char **ret_name, const char **ret_text);

#endif
