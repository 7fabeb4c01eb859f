/* try_config.h - the configuration that a try runs with: one subscription, one handler.
 *
 * Owns:    struct try_config: configurations, borrowed by whoever runs with them.
 * Threads: main, before anything is forked.
 * Uses:    adapters/config_file, adapters/plugin.
 */
#ifndef CLI_TRY_TRY_CONFIG_H
#define CLI_TRY_TRY_CONFIG_H

#include "adapters/plugin.h"
#include "cli/try/try.h"

struct try_config {
	struct config *config;
	struct config *from;		/* the file of -c; NULL: none */
	struct config other;		/* the same for the host that takes over */
	struct plugin_facts facts;
};

/* Writes folder/semel.conf.  An exit status; what is wrong was printed: 64 for options, 78 for the rest. */
int try_config_make(const struct try_options *o, const struct try_events *e, const char *folder,
    struct try_config *ret_config);
void try_config_free(struct try_config *c);
/* In a child: loads the plugin, judges its settings, opens and closes it.  An exit status; what is wrong was printed. */
int try_config_judge(const struct try_config *c);

#endif
