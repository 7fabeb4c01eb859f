#include "cli/opening.h"

#include "adapters/plugin.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_MS 60000

int opening_try(const struct config_handler *h, bool lenient, struct metrics *metrics,
    struct config_problems *problems, bool *ret_later)
{
	struct plugin *plugin = NULL;
	char why[1024] = "";
	size_t before = problems->errors;
	int r = plugin_load(h, lenient, metrics, problems, &plugin, why, sizeof(why));

	*ret_later = false;
	if (r == 0) {
		r = plugin_open(plugin, why, sizeof(why));
		*ret_later = r < 0 && r != -EINVAL;
	}
	/* Settings that are wrong have been told where they are. */
	if (r < 0 && problems->errors == before)
		config_problem_add(
		    problems, true, h->place.file, h->place.line, "handler %s: %s", h->name, why);
	plugin_close(plugin);
	return r;
}

/* ---- The child */

/* The daemon's user, as far as the machine tells. */
static int become_the_daemon(const char *state_dir)
{
	struct stat st;
	struct passwd *pw;

	if (geteuid() != 0 || state_dir == NULL || stat(state_dir, &st) < 0 || st.st_uid == 0)
		return 0;
	pw = getpwuid(st.st_uid);
	if ((pw != NULL ? initgroups(pw->pw_name, st.st_gid) : setgroups(0, NULL)) < 0 ||
	    setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0)
		return -errno;
	return 0;
}

/* Problems on their way through a pipe: four texts each, every one ended by a NUL; an empty one before all, so that a
 * plugin that calls exit(0) is not taken for one that opened. */
static void put_problems(const struct config_problems *p, struct buf *out)
{
	buf_char(out, '\0');
	for (size_t i = 0; i < p->n; i++) {
		const struct config_problem *x = &p->list[i];

		buf_printf(out, "%d%c%u%c%s%c%s%c", x->error, 0, x->line, 0, x->file, 0, x->text, 0);
	}
}

static const char *next_text(const char **at, const char *end)
{
	const char *text = *at, *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;

	*at = nul == NULL ? end : nul + 1;
	return nul == NULL ? NULL : text;
}

static void take_problems(const struct buf *in, struct config_problems *problems)
{
	const char *at = in->data, *end = in->data + in->len;

	next_text(&at, end);
	while (at < end) {
		const char *error = next_text(&at, end), *line = next_text(&at, end),
			   *file = next_text(&at, end), *text = next_text(&at, end);

		if (text != NULL)
			config_problem_add(
			    problems, *error == '1', file, (unsigned)strtoul(line, NULL, 10), "%s", text);
	}
}

static void open_in_child(const struct config *c, const struct config_handler *h, int fd)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct metrics *metrics = metrics_new();
	struct buf out = { NULL, 0, 0 };
	bool later;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* What a plugin prints is not our answer. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	r = metrics == NULL ? -ENOMEM : become_the_daemon(c->state_dir);
	if (r < 0)
		config_problem_add(&problems, true, h->place.file, h->place.line, "handler %s: not tried: %s",
		    h->name, strerror(-r));
	else
		opening_try(h, false, metrics, &problems, &later);
	put_problems(&problems, &out);
	(void)!write(fd, out.data, out.len);
	_exit(0);
}

/* ---- The parent */

/* All that the child says; -ETIMEDOUT: it says nothing to the end. */
static int read_to_the_end(int fd, struct buf *in)
{
	struct mono until = mono_add_ms(mono_now(), OPEN_MS);
	char text[4096];
	ssize_t n = 1;

	while (n != 0) {
		struct pollfd p = { fd, POLLIN, 0 };
		int64_t left_us = mono_diff_us(until, mono_now());

		if (left_us <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(left_us / 1000) + 1) <= 0)
			continue;
		n = read(fd, text, sizeof(text));
		if (n > 0)
			buf_add(in, text, (size_t)n);
	}
	return 0;
}

/* It did not come to its end. */
static void add_end(const struct config_handler *h, int status, bool late, struct config_problems *problems)
{
	char how[80];

	if (late)
		snprintf(how, sizeof(how), "took longer than %d s to open: what does it wait for?",
		    OPEN_MS / 1000);
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "ended its process in load or open: SIG%s",
		    sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(
		    how, sizeof(how), "ended its process in load or open: exit(%d)", WEXITSTATUS(status));
	config_problem_add(
	    problems, true, h->place.file, h->place.line, "handler %s: %s %s", h->name, h->plugin_file, how);
}

static void check_one(
    const struct config *c, const struct config_handler *h, struct config_problems *problems)
{
	struct buf in = { NULL, 0, 0 };
	int fds[2], status = 0;
	bool late = false;
	pid_t pid = -1;

	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) == 0 && (pid = fork()) == 0) {
		close(fds[0]);
		open_in_child(c, h, fds[1]);
	}
	if (pid < 0) {
		config_problem_add(problems, true, h->place.file, h->place.line, "handler %s: not tried: %s",
		    h->name, strerror(errno));
		return;
	}
	close(fds[1]);
	late = read_to_the_end(fds[0], &in) < 0;
	if (late)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(fds[0]);
	if (in.len > 0)
		take_problems(&in, problems);
	else
		add_end(h, status, late, problems);
	buf_free(&in);
}

void opening_check(const struct config *c, struct config_problems *problems)
{
	for (size_t i = 0; i < c->n_handlers; i++)
		check_one(c, &c->handlers[i], problems);
}
