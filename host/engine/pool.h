/* pool.h - the workers of one handler.
 *
 * Events come from the flows of all subscriptions that route here, one at a
 * time, so that nobody stands behind a slow one; outcomes go back to the flow
 * they came from.
 *
 * Owns:    the threads and each worker's half of the plugin; borrows the plugin.
 * Threads: pool_submit, pool_kick, pool_watch: ledger threads; the rest: setup.
 * Uses:    adapters/plugin, base/ring.
 */
#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include "adapters/plugin.h"
#include "engine/status.h"
#include "engine/subscription.h"

struct pool;

/* `room`: the most events that can be in it at once.  Starts the threads; worker_open that fails is tried again
 * by its thread, and `status` says so. */
int pool_start(struct plugin *plugin, const struct config_handler *conf, size_t room, struct metrics *metrics,
    struct status_handler *status, struct subscription *const *subs, struct pool **ret_pool);
/* Takes the event for a run; the outcome comes to the flow_box of subs[sub] as MAIL_OUTCOME. */
void pool_submit(struct pool *p, struct event *ev, unsigned sub);
/* Wake workers for what was submitted since; once for many. */
void pool_kick(struct pool *p);
/* Runs of this subscription that are past the handler's timeout: sets their cancel flag and calls `late` the first
 * time for each, and again, with ev->run.overran set, when they are past max_run.  Threads: the ledger thread of
 * `sub`, whose events they are: only it can recycle them. */
void pool_watch(struct pool *p, unsigned sub, struct mono now, void (*late)(void *arg, struct event *ev), void *arg);
/* No more events; waits until the threads ended, at most until `until`; false: some are still inside the handler. */
bool pool_stop(struct pool *p, struct mono until);
void pool_free(struct pool *p);			/* NULL is allowed; only after pool_stop said true */

#endif
