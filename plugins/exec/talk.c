#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 50 /* how soon it is seen that the host cancels */
#define CHUNK ((size_t)65536) /* a pipe holds no more */
#define KEPT_MAX ((size_t)1 << 20) /* what one unusual event needed is not kept */

/* ---- What it writes */

enum taken { TAKEN_LINE, TAKEN_ALL, TAKEN_EOF, TAKEN_TOO_LONG, TAKEN_NO_MEMORY };

static bool make_room(struct inbox *in)
{
	size_t cap = in->cap == 0 ? CHUNK : in->cap * 2;
	char *grown;

	if (in->cap - in->len >= CHUNK)
		return true;
	grown = realloc(in->data, cap);
	if (grown == NULL)
		return false;
	in->data = grown;
	in->cap = cap;
	return true;
}

/* Reads until a line is whole, or nothing is left for now. */
static enum taken take(const struct child *c, struct inbox *in)
{
	for (;;) {
		const char *newline;
		ssize_t n;

		if (!make_room(in))
			return TAKEN_NO_MEMORY;
		n = read(c->out, in->data + in->len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? TAKEN_ALL : TAKEN_EOF;
		newline = memchr(in->data + in->len, '\n', (size_t)n);
		in->len += (size_t)n;
		in->line = newline == NULL ? in->len : (size_t)(newline - in->data);
		if (in->line > c->exec->max_line)
			return TAKEN_TOO_LONG;
		if (newline != NULL)
			return TAKEN_LINE;
	}
}

bool talk_has_stray(const struct child *c, struct inbox *in)
{
	enum taken taken = take(c, in);

	in->eof = taken == TAKEN_EOF;
	return taken != TAKEN_ALL || in->len > 0;
}

void inbox_clear(struct inbox *in)
{
	if (in->cap > KEPT_MAX)
		inbox_free(in);
	in->len = in->line = 0;
	in->eof = false;
}

void inbox_free(struct inbox *in)
{
	free(in->data);
	*in = (struct inbox){ .data = NULL };
}

/* ---- Both ways */

/* How much of the line the child has; false: it takes no more.  SIGPIPE is ignored by the host. */
static bool give(const struct child *c, const char *line, size_t len, size_t *given)
{
	while (*given < len) {
		ssize_t n = write(c->in, line + *given, len - *given);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		*given += (size_t)n;
	}
	return true;
}

/* A closed pipe mostly is the first sign of its end. */
static enum talk_end closed(const struct child *c, const char *what, const char **ret_why)
{
	*ret_why = what;
	return child_wait(c, 1000) ? TALK_DEAD : TALK_BROKEN;
}

static enum talk_end judge(const struct child *c, enum taken taken, bool given, const char **ret_why)
{
	switch (taken) {
	case TAKEN_LINE:
		*ret_why = "wrote a line before it had read the event";
		return given ? TALK_ANSWERED : TALK_BROKEN;
	case TAKEN_EOF: return closed(c, "closed its standard output without an answer", ret_why);
	case TAKEN_TOO_LONG: *ret_why = "wrote a line longer than max_line"; return TALK_BROKEN;
	case TAKEN_NO_MEMORY: *ret_why = "out of memory for its answer"; return TALK_BROKEN;
	case TAKEN_ALL: break;
	}
	return TALK_DEAD; /* and a child of its own still has the pipe */
}

enum talk_end talk(struct child *c, struct inbox *in, const struct semel_event *e, const char *line,
    size_t len, const char **ret_why)
{
	size_t given = 0;

	inbox_clear(in);
	for (;;) {
		bool open = give(c, line, len, &given);
		struct pollfd fds[3] = { { .fd = c->out, .events = POLLIN },
			{ .fd = c->pidfd, .events = POLLIN },
			{ .fd = given < len ? c->in : -1, .events = POLLOUT } };
		enum taken taken = TAKEN_ALL;

		if (!open)
			return closed(c, "closed its standard input before it had read the event", ret_why);
		if (e->host->cancelled(e))
			return TALK_CANCELLED;
		if (poll(fds, 3, LOOK_MS) <= 0)
			continue;
		if (fds[0].revents != 0 || fds[1].revents != 0)
			taken = take(c, in);
		if (taken != TAKEN_ALL || fds[1].revents != 0)
			return judge(c, taken, given == len, ret_why);
	}
}
