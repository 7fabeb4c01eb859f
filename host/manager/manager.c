#include "manager/manager_private.h"

#include "base/log.h"
#include "manager/listen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_MODE 0660
#define SOCKET_GROUP "semel"
/* An engine that died with its manager may need a moment to be gone. */
#define LOCK_WAIT_MS 5000
#define LOCK_TRY_MS 50
/* Its main thread says every second that it goes round. */
#define HUNG_US 30000000

/* ---- Set-up */

static int open_signals(struct manager *m)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals < 0 ? -errno : 0;
}

static void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Without a file that outlives us, a death of engine and manager together leaves its events to the lease. */
static int open_box(struct manager *m)
{
	struct buf path = { NULL, 0, 0 };
	int r;

	buf_printf(&path, "%s/box-%s", m->plan.state_dir, m->plan.node);
	for (int waited = 0; (r = box_open(path.data, &m->box)) == -EWOULDBLOCK && waited < LOCK_WAIT_MS;
	     waited += LOCK_TRY_MS)
		nap_ms(LOCK_TRY_MS);
	if (r == 0 && (r = box_reserve(m->box, m->plan.n_sections, m->plan.n_slots)) < 0) {
		box_close(m->box);
		m->box = NULL;
	}
	if (r == -EWOULDBLOCK) {
		log_at(LOG_ERROR,
		    "another semeld, or a child that one left behind, runs under this node's name: stop it, or give each its own "
		    "`node` (fuser names the process)",
		    LOG_TEXT("node", m->plan.node), LOG_TEXT("file", path.data));
	} else if (r < 0) {
		log_at(LOG_WARNING,
		    "the black box cannot be written to state_dir: after a death of the whole host its events wait for the lease, and may be "
		    "repeated",
		    LOG_TEXT("file", path.data), LOG_TEXT("why", strerror(-r)));
		r = box_open(NULL, &m->box);
	}
	buf_free(&path);
	return r;
}

static int open_sockets(struct manager *m)
{
	char why[512] = "";
	int r = 0;

	if (m->plan.http_host != NULL) {
		m->http = listen_tcp(m->plan.http_host, m->plan.http_port, &m->http_port, why, sizeof(why));
		r = m->http < 0 ? m->http : 0;
	}
	if (r == 0) {
		m->admin = listen_unix(m->plan.admin_socket, SOCKET_MODE, SOCKET_GROUP, why, sizeof(why));
		r = m->admin < 0 ? m->admin : 0;
	}
	if (r < 0)
		log_at(LOG_ERROR, "cannot start", LOG_TEXT("why", why));
	else if (m->http >= 0)
		log_at(
		    LOG_INFO, "http", LOG_TEXT("listen", m->plan.http_host), LOG_INT("port", m->http_port));
	return r;
}

static int set_up(struct manager *m)
{
	int r = open_signals(m);

	if (r < 0)
		return STATUS_INTERNAL;
	/* Whatever an engine's plugins fork becomes our child when its parent dies, and is reaped here. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	r = open_box(m);
	if (r < 0)
		return r == -EWOULDBLOCK ? STATUS_UNREACHABLE : STATUS_INTERNAL;
	if (open_sockets(m) < 0)
		return STATUS_INTERNAL;
	m->crash = memfd_create("semel-crash", MFD_CLOEXEC);
	if (m->crash < 0)
		return STATUS_INTERNAL;
	front_init(&m->front, m->http, m->admin, manager_answer, m);
	notify_open(&m->notify);
	return STATUS_YES;
}

static void tear_down(struct manager *m)
{
	if (m->admin >= 0) {
		close(m->admin);
		unlink(m->plan.admin_socket);
	}
	if (m->http >= 0)
		close(m->http);
	front_close(&m->front);
	notify_close(&m->notify);
	buf_free(&m->judged);
	box_close(m->box);
}

/* ---- Signals */

static void stop(struct manager *m, int sig)
{
	if (m->stopping) {
		/* The second: claims are left to the lease. */
		log_plain(LOG_WARNING, "stopping at once");
		manager_kill_engine(m);
		return;
	}
	m->stopping = true;
	log_at(LOG_INFO, "stopping", LOG_TEXT("signal", sig == SIGTERM ? "SIGTERM" : "SIGINT"));
	notify_send(&m->notify, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%lld",
	    (long long)(m->plan.stop_timeout_ms + 2 * STOP_MORE_MS) * 1000);
	manager_stop_engine(m);
}

static void reap(struct manager *m)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->engine)
			manager_engine_ended(m, status);
		else if (pid == m->judge)
			manager_judge_ended(m, status);
	}
}

static void read_signals(struct manager *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT: stop(m, (int)info.ssi_signo); break;
		case SIGHUP: manager_reload(m); break;
		default: break;
		}
	}
	/* Signals of one kind are merged: whoever has died is asked for each time. */
	reap(m);
}

/* ---- Timers */

static void see_to_engine(struct manager *m, struct mono now)
{
	if (m->engine == 0) {
		if (!m->stopping && !mono_before(now, m->start_at))
			manager_start_engine(m);
		return;
	}
	if (!mono_before(now, m->kill_at)) {
		log_plain(LOG_WARNING, "the engine does not end; it is killed");
		manager_kill_engine(m);
	} else if (!m->asked && mono_diff_us(now, m->alive_at) > HUNG_US) {
		log_plain(LOG_ERROR, "the engine's main thread has stood still for 30 s; it is killed");
		m->hung = true;
		manager_kill_engine(m);
	}
}

static void see_to_watchdog(struct manager *m, struct mono now)
{
	if (m->notify.watchdog_us == 0 || mono_before(now, m->watchdog_at))
		return;
	m->watchdog_at = mono_add_us(now, m->notify.watchdog_us / 3);
	/* A stuck engine is for the service manager to see, but an engine between two lives is not stuck. */
	if (m->engine == 0 || !m->ready || m->progresses)
		notify_send(&m->notify, "WATCHDOG=1");
}

static int wait_ms(const struct manager *m, struct mono now)
{
	struct mono until = mono_add_ms(now, 1000);

	if (m->engine == 0 && mono_before(m->start_at, until))
		until = m->start_at;
	if (m->engine != 0 && mono_before(m->kill_at, until))
		until = m->kill_at;
	if (m->notify.watchdog_us > 0 && mono_before(m->watchdog_at, until))
		until = m->watchdog_at;
	return mono_before(now, until) ? (int)((mono_diff_us(until, now) + 999) / 1000) : 0;
}

/* ---- The loop */

static void go_round(struct manager *m)
{
	struct pollfd fds[FRONT_MAX + 2 + 3];
	size_t n = front_poll(&m->front, !m->serving, fds);
	struct mono now;

	fds[n++] = (struct pollfd){ .fd = m->signals, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = m->channel, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = m->judge == 0 ? -1 : m->judge_fd, .events = POLLIN };
	(void)poll(fds, (nfds_t)n, wait_ms(m, mono_now()));
	now = mono_now();
	manager_read_channel(m);
	read_signals(m);
	manager_read_judge(m);
	front_serve(&m->front, !m->serving, now);
	see_to_engine(m, now);
	see_to_watchdog(m, now);
}

int manager_run(const struct manager_ops *ops, const struct manager_plan *plan)
{
	struct manager m = { .ops = ops,
		.plan = *plan,
		.signals = -1,
		.http = -1,
		.admin = -1,
		.channel = -1,
		.judge_fd = -1,
		.progresses = true,
		.kill_at = MONO_NEVER };

	front_init(&m.front, -1, -1, manager_answer, &m);
	m.status = set_up(&m);
	if (m.status == STATUS_YES) {
		/* Whoever ran here before is dead: the lock says so. */
		box_judge(m.box, BOX_LOST);
		while (!m.stopping || m.engine != 0)
			go_round(&m);
		log_plain(LOG_INFO, "stopped");
	}
	tear_down(&m);
	return m.status;
}
