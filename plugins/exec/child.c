#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- Start */

/* What the child needs between vfork and exec, where it shares our memory and may allocate nothing. */
struct launch {
	const char *path, *directory;
	char **argv, **env;
	int fds[3]; /* the child's ends */
	pid_t parent;
	const char *failed; /* what did not work, and errno: written by the child */
	int error;
};

static _Noreturn void fail(struct launch *l, const char *what)
{
	l->error = errno;
	l->failed = what;
	_exit(127);
}

/* In the child.  All signals are blocked until their handlers, which belong to the host, are gone. */
static _Noreturn void become(struct launch *l)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &action, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		fail(l, "prctl");
	if (getppid() != l->parent)
		_exit(127); /* the host died before that */
	if (setpgid(0, 0) < 0)
		fail(l, "setpgid");
	for (int i = 0; i < 3; i++)
		if (dup2(l->fds[i], i) < 0)
			fail(l, "dup2");
	if (l->directory[0] != '\0' && chdir(l->directory) < 0)
		fail(l, l->directory);
	closefrom(3);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(l->path, l->argv, l->env);
	fail(l, l->path);
}

static pid_t launch(struct launch *l)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* fork would copy the page tables of a large process; posix_spawn knows no PR_SET_PDEATHSIG. */
	pid = vfork();
	if (pid == 0)
		become(l);
	if (pid < 0) {
		l->error = errno;
		l->failed = "vfork";
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* Above the three that the child's ends are moved to. */
static int pipe_above(int fds[2])
{
	int low[2], r = 0;

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
		if (fds[i] < 0)
			r = -errno;
		close(low[i]);
	}
	return r;
}

/* theirs and ours: the ends.  The child's stays blocking: programs expect that of it. */
static int make_pipe(bool we_write, int *theirs, int *ours)
{
	int fds[2] = { -1, -1 }, r = pipe_above(fds);

	*theirs = fds[we_write ? 0 : 1];
	*ours = fds[we_write ? 1 : 0];
	if (r == 0 && fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	return r;
}

static int make_pipes(struct child *c, struct launch *l)
{
	int r = make_pipe(true, &l->fds[0], &c->in);

	if (r == 0)
		r = make_pipe(false, &l->fds[1], &c->out);
	if (r == 0)
		r = make_pipe(false, &l->fds[2], &c->err);
	if (r < 0)
		l->failed = "pipe";
	return r;
}

static int start_minder(struct child *c)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&c->minder, NULL, minder_run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void reap_unminded(struct child *c)
{
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void free_child(struct child *c)
{
	int *fds[] = { &c->in, &c->out, &c->err, &c->pidfd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close_fd(fds[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int run(struct child *c, struct launch *l)
{
	int r;

	c->pid = launch(l);
	if (c->pid < 0)
		return -l->error;
	if (l->failed != NULL) {
		reap_unminded(c);
		return -l->error;
	}
	c->pidfd = pidfd_open(c->pid, 0);
	r = c->pidfd < 0 ? -errno : start_minder(c);
	if (r < 0) {
		l->failed = c->pidfd < 0 ? "pidfd_open" : "pthread_create";
		reap_unminded(c);
	}
	return r;
}

int child_start(const struct exec *x, struct child **ret_child, char *why, size_t size)
{
	char path[4096];
	struct launch l = { .path = path,
		.directory = x->directory,
		.argv = x->argv,
		.env = x->env,
		.fds = { -1, -1, -1 },
		.parent = getpid(),
		.failed = NULL };
	struct child *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	*c = (struct child){ .exec = x, .in = -1, .out = -1, .err = -1, .pidfd = -1 };
	pthread_mutex_init(&c->lock, NULL);
	r = settings_find(x, path, sizeof(path));
	if (r < 0)
		l.failed = x->argv[0];
	if (r == 0)
		r = make_pipes(c, &l);
	if (r == 0)
		r = run(c, &l);
	for (size_t i = 0; i < 3; i++)
		close_fd(&l.fds[i]);
	if (r < 0) {
		snprintf(why, size, "%s: %s", l.failed == NULL ? "start" : l.failed, strerror(-r));
		free_child(c);
		return r;
	}
	*ret_child = c;
	return 0;
}

/* ---- End */

bool child_wait(const struct child *c, int ms)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };
	int n;

	while ((n = poll(&p, 1, ms)) < 0 && errno == EINTR)
		;
	return n > 0;
}

bool child_is_dead(const struct child *c)
{
	return child_wait(c, 0);
}

void child_signal(struct child *c, int number)
{
	pthread_mutex_lock(&c->lock);
	if (!c->reaped)
		kill(-c->pid, number);
	pthread_mutex_unlock(&c->lock);
}

void child_close_in(struct child *c)
{
	close_fd(&c->in);
}

static void describe(int status, char *ret_how, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(ret_how, size, "killed by signal %d (SIG%s)", WTERMSIG(status),
		    sigabbrev_np(WTERMSIG(status)) == NULL ? "?" : sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(ret_how, size, "exited with status %d", WEXITSTATUS(status));
}

void child_end(struct child *c, char *ret_how, size_t size)
{
	if (!child_is_dead(c)) {
		child_signal(c, SIGTERM);
		child_signal(c, SIGCONT); /* a stopped one does not hear SIGTERM */
		if (!child_wait(c, c->exec->grace_ms))
			child_signal(c, SIGKILL);
	}
	pthread_join(c->minder, NULL);
	if (ret_how != NULL)
		describe(c->status, ret_how, size);
	free_child(c);
}
