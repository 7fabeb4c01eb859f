/* child.h - one running program: its three pipes, its process group, its end.
 *
 * The child leads a process group of its own, and is killed by the kernel when
 * the thread that started it ends, so also when the host is killed.  A thread,
 * the minder, logs its standard error and reaps it, even while no event runs.
 *
 * Owns:    the process, the pipes, the minder.
 * Threads: the worker that started it; the minder only what minder.c says.
 * Uses:    libc, pthread, Linux >= 5.3 (pidfd).
 */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include "settings.h"

#include <pthread.h>
#include <sys/types.h>

struct child {
	const struct exec *exec;
	pid_t pid;
	int in, out, err; /* our ends, non-blocking; -1: closed */
	int pidfd; /* readable when it is dead */
	pthread_t minder;
	pthread_mutex_t lock; /* a pid is signalled under it, and never after it was reaped */
	bool reaped; /* under lock */
	int status; /* of waitpid; the minder's until it is joined */
};

/* 0, or -errno: it could not be started, why then says what failed. */
int child_start(const struct exec *x, struct child **ret_child, char *why, size_t size);
bool child_is_dead(const struct child *c);
/* Until it is dead, at most ms. */
bool child_wait(const struct child *c, int ms);
void child_signal(struct child *c, int number); /* the group; nothing once it is dead */
void child_close_in(struct child *c);
/* SIGTERM, SIGKILL after the grace, if it is not dead yet.  Frees it; ret_how, which may be NULL, is how it ended. */
void child_end(struct child *c, char *ret_how, size_t size);

/* Of minder.c: the minder's body; c->err and c->pidfd are its. */
void *minder_run(void *child);

#endif
