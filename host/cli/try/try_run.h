/* try_run.h - hosts, as processes, until everything is finished.
 *
 * Owns:    the processes, the ledger, the sockets.
 * Threads: main.
 * Uses:    cli/try/try_engine, cli/try/try_store.
 */
#ifndef CLI_TRY_TRY_RUN_H
#define CLI_TRY_TRY_RUN_H

#include "cli/try/try_config.h"
#include "cli/try/try_seen.h"

struct try_result {
	bool interrupted;		/* by a signal */
	bool late;			/* --within has passed */
	bool given_up;			/* engines died one after the other */
	bool crashed, paused;		/* what was asked for was done */
	int host_status;		/* of a host that ended by itself; 0: none did */
	unsigned engines;		/* that were started */
	int64_t us;
};

/* Until all records of `s` are finished, or that cannot be.  0, or an exit status after the reason was printed. */
int try_run(const struct try_options *o, struct try_config *c, struct seen *s, struct try_result *ret_result);

#endif
