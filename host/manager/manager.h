/* manager.h - the process that keeps an engine running.
 *
 * It has no threads, no client libraries, and nothing a plugin can break.  It
 * holds the listening sockets and the black box, forks the engine, forwards
 * signals, kills and reaps all that a dead engine leaves behind, says what
 * happened, and forks the next one: at once where the death is explained by an
 * event inside a handler, else with a back-off.  A reload is judged in a child
 * first; only then the engine drains and the next one starts.
 *
 * The engine is forked and not executed anew, so it is the build, the
 * libraries and the configuration that were checked, whatever has been put on
 * the disk since.
 *
 * Owns:    the sockets, the box, the engine's process.
 * Threads: main; there are no others in this process.
 * Uses:    base.
 */
#ifndef MANAGER_MANAGER_H
#define MANAGER_MANAGER_H

#include "base/box.h"
#include "base/buf.h"

/* What the manager must know of a configuration; borrowed until the next one is loaded. */
struct manager_plan {
	const char *node, *state_dir;
	const char *http_host;		/* NULL: off */
	unsigned http_port;
	const char *admin_socket;
	int64_t stop_timeout_ms;
	size_t n_sections, n_slots;	/* of the black box */
	const char *idle;		/* "subscriptions" and "handlers" of /status while no engine runs, as JSON members */
};

/* What the engine gets. */
struct manager_links {
	int channel, http, admin;	/* http -1: none */
	int crash;			/* a file for its last words */
	struct box *box;
};

struct manager_ops {
	void *arg;
	/* The engine, in a process of its own; returns the exit status. */
	int (*engine)(void *arg, const struct manager_links *links);
	/* In a process of its own: is what lies on the disk now fit to be run?  Writes what is wrong to fd; 0, or an exit
	 * status. */
	int (*judge)(void *arg, int fd);
	/* Load it; 0 or -errno.  Then take it for the next engine, or drop it; without one loaded, nothing is done. */
	int (*load)(void *arg, struct manager_plan *ret_plan);
	void (*take)(void *arg, bool accepted);
};

/* Until it is told to stop, or the first engine cannot start; the exit status. */
int manager_run(const struct manager_ops *ops, const struct manager_plan *plan);

#endif
