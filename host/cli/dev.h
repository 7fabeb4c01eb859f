/* dev.h - the processes of `semel dev`: broker, Redis, host.
 *
 * Owns:    struct dev: the children, the folder's files.
 * Threads: main only.
 * Uses:    adapters/kafka (embedded broker), adapters/http_client.
 */
#ifndef CLI_DEV_H
#define CLI_DEV_H

#include "cli/options.h"

#include <signal.h>
#include <sys/types.h>

struct dev {
	char folder[64];
	char brokers[128], redis[96], socket[96], config[96], topic[256];
	bool builtin;			/* no -c: its own configuration, with the event lines of `log` shown */
	pid_t broker, store, host;	/* 0: not running */
};

/* Starts all three.  file NULL: the built-in configuration; else that file, with broker, Redis, sockets and group
 * membership replaced.  An exit status; on failure the reason was printed. */
int dev_start(struct dev *d, const char *file);
void dev_stop(struct dev *d);			/* host first, gracefully; whatever was started */

int dev_ask(const struct dev *d, const char *path, struct buf *ret_body);	/* HTTP status or -errno */
bool dev_ready(const struct dev *d);
bool dev_child_ended(struct dev *d);
/* The sum over the series of a metric in /metrics' text. */
double dev_sum(const char *metrics, const char *name);

/* Publishes the events of a file, `rate` a second; an exit status. */
int dev_produce(struct dev *d, const char *file, long rate, const volatile sig_atomic_t *stop);

#endif
