/* The minder of a child: logs what it writes to its standard error, and reaps it. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_LOGGED 2000

struct lines {
	struct child *child;
	char text[LINE_MAX_LOGGED + 8];
	size_t len;
	bool cut; /* the rest of the line is dropped */
};

static void log_line(struct lines *l)
{
	const struct semel_host *h = l->child->exec->host;
	char pid[24];
	struct semel_header fields[] = { { "child",
	    { pid, (size_t)snprintf(pid, sizeof(pid), "%d", (int)l->child->pid) } } };

	if (l->len == 0)
		return;
	memcpy(l->text + l->len, l->cut ? " ..." : "", l->cut ? 5 : 1);
	h->log(h, NULL, SEMEL_INFO, l->text, fields, 1);
	l->len = 0;
	l->cut = false;
}

static void take(struct lines *l, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n')
			log_line(l);
		else if (l->len == LINE_MAX_LOGGED)
			l->cut = true;
		else
			l->text[l->len++] = data[i] == '\0' ? '?' : data[i];
	}
}

/* What is there, at most what a pipe holds, so that the child's death is seen behind any flood; false at the end. */
static bool drain(struct lines *l)
{
	char data[4096];
	ssize_t n = 0;

	for (size_t all = 0; all < 65536; all += (size_t)n) {
		n = read(l->child->err, data, sizeof(data));
		if (n <= 0)
			break;
		take(l, data, (size_t)n);
	}
	if (n > 0)
		return true;
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* What a dead child leaves in its group is killed first: while its leader is not reaped, the group's number is its own. */
static void reap(struct child *c)
{
	pthread_mutex_lock(&c->lock);
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	c->reaped = true;
	pthread_mutex_unlock(&c->lock);
}

void *minder_run(void *arg)
{
	struct child *c = arg;
	struct lines lines = { .child = c };
	struct pollfd fds[2] = { { .fd = c->pidfd, .events = POLLIN }, { .fd = c->err, .events = POLLIN } };

	while (fds[0].revents == 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0 && !drain(&lines))
			fds[1].fd = -1; /* poll leaves it out */
	}
	drain(&lines);
	log_line(&lines);
	reap(c);
	return NULL;
}
