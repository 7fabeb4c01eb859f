/* manager_private.h - what the files of the manager share; nobody else includes it.
 *
 * manager.c        the loop: signals, messages, timers
 * manager_engine.c an engine's beginning and end
 * manager_judge.c  reloads
 * manager_show.c   what is said of a death, HTTP while no engine answers
 *
 * Owns:    -
 * Threads: main.
 * Uses:    manager/.
 */
#ifndef MANAGER_MANAGER_PRIVATE_H
#define MANAGER_MANAGER_PRIVATE_H

#include "manager/front.h"
#include "manager/manager.h"
#include "manager/notify.h"

#include <sys/types.h>

enum { STATUS_YES = 0, STATUS_UNREACHABLE = 69, STATUS_INTERNAL = 70, STATUS_CONFIGURATION = 78 };

/* Beyond stop_timeout, for what follows the drain. */
#define STOP_MORE_MS 5000

struct manager {
	const struct manager_ops *ops;
	struct manager_plan plan;
	struct box *box;
	struct notify notify;
	struct front front;
	int signals, http, admin, crash;
	unsigned http_port;

	/* The engine. */
	pid_t engine;			/* 0: none */
	int channel;			/* -1: none */
	bool serving;			/* it answers HTTP */
	bool ready;			/* it was, at least once, since it was forked */
	bool ever_ready;
	bool progresses;
	bool overran, hung;		/* it ends, or was killed, for that */
	bool asked;			/* it was asked to stop, for a reload or for good */
	bool killed;			/* we sent SIGKILL */
	uint64_t oom_kills;		/* of our control group, when it was forked */
	struct mono born_at, alive_at;
	struct mono start_at;		/* of the next one; MONO_NEVER: one runs */
	struct mono kill_at;		/* MONO_NEVER: it need not end */
	unsigned in_row;		/* deaths without an explanation, one after the other */

	bool stopping;
	int status;			/* our exit status */
	struct mono watchdog_at;

	/* A reload that is being judged. */
	pid_t judge;			/* 0: none */
	int judge_fd;
	struct mono judge_until;
	struct buf judged;
	bool tell_engine;		/* it asked, and is told how it went */
};

/* How an engine ended. */
struct manager_death {
	enum box_cause cause;
	int status;			/* of waitpid */
	bool oom;
	int64_t lived_ms;
	int64_t at_ms;			/* Unix time */
};

/* manager_engine.c */
void manager_start_engine(struct manager *m);
void manager_stop_engine(struct manager *m);	/* ask it to drain */
void manager_kill_engine(struct manager *m);
void manager_engine_ended(struct manager *m, int status);
void manager_read_channel(struct manager *m);

/* manager_judge.c */
void manager_reload(struct manager *m);
void manager_read_judge(struct manager *m);
void manager_judge_ended(struct manager *m, int status);

/* manager_show.c */
void manager_report(struct manager *m, const struct manager_death *d);
void manager_answer(void *arg, const char *method, const char *path, bool admin, struct front_answer *a);

#endif
