/* pool_private.h - what the files of the pool share; nobody else includes it.
 *
 * pool.c       the workers
 * pool_watch.c runs that take too long
 *
 * Owns:    -
 * Threads: as engine/pool.h.
 * Uses:    engine/pool.
 */
#ifndef ENGINE_POOL_PRIVATE_H
#define ENGINE_POOL_PRIVATE_H

#include "base/ring.h"
#include "engine/pool.h"

/* What a worker runs, for pool_watch: `sub` and `since_us` are written before `ev`. */
struct current {
	_Atomic(struct event *) ev;
	_Atomic unsigned sub;
	_Atomic int64_t since_us;
};

struct worker {
	struct pool *pool;
	unsigned index;
	pthread_t thread;
	struct plugin_worker *plugin;
	/* As many as a batch has. */
	struct current *current;
	struct event **events;
	struct plugin_run *runs;
};

struct pool {
	struct plugin *plugin;
	const struct config_handler *conf;
	struct status_handler *status;
	struct subscription *const *subs;
	struct ring *ring;
	struct series *busy, *handler_seconds, *stuck;
	/* The lock is taken to sleep and to wake, never to hand over an event. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	_Atomic unsigned sleepers, submitted;
	_Atomic bool stopping;
	unsigned batch; /* most events a call */
	unsigned n, ended; /* threads made; ended, under `lock` */
	struct worker workers[];
};

#endif
