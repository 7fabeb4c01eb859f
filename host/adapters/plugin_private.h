/* plugin_private.h - what the files of plugin share; nobody else includes it.
 *
 * plugin.c          judging, loading, opening, running
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
#include "adapters/plugin.h"

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
};

struct plugin_worker {
	struct plugin *plugin;
	void *state;
	bool opened;
};

/* The event as the plugin sees it, and what we need when it asks; on the worker's stack. */
struct plugin_event {
	struct semel_event event;	/* first */
	struct event *ev;
	const struct plugin_run *run;
};

void plugin_host_fill(struct plugin *p);
void plugin_fault(struct plugin *p, const char *kind);

/* Every configured setting against the table; problems are added with file and line.  0 or -EINVAL. */
int plugin_settings_judge(struct semel_settings *s, bool lenient, struct config_problems *problems);
void plugin_settings_free(struct semel_settings *s);
const char *plugin_setting_text(const struct semel_settings *s, const char *name);
int64_t plugin_setting_number(const struct semel_settings *s, const char *name);
bool plugin_setting_at(
    const struct semel_settings *s, const char *name, size_t i, const char **ret_name, const char **ret_text);

#endif
