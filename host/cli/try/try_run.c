/* One loop: calls of the ledger, notes of the engines, hosts that begin and end. */
#include "cli/try/try_run.h"

#include "adapters/http_client.h"
#include "cli/cli.h"
#include "cli/try/try_engine.h"
#include "cli/try/try_store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FDS 80
#define ROUND_MS 50
/* Who is to stop before everything is finished is told so twice: the second time nothing is waited for. */
#define HURRY_MS 1000
#define BAR_US 100000
#define BAR_WIDTH 30
/* Deaths in a row without an event that was finished: a suspect is put aside after three. */
#define DEATHS_MAX 12
/* Notes taken before the ledger is served again. */
#define NOTES_A_ROUND 256

struct host {
	pid_t manager; /* 0: none */
	int32_t engine; /* its last one; 0: none yet */
	bool asked; /* to stop; a second time it would not wait */
	struct try_engine child;
};

struct trying {
	const struct try_options *options;
	struct try_config *config;
	struct seen *seen;
	struct try_result *result;
	struct try_shared *shared;
	struct try_ledger *ledger;
	int notes[2]; /* ours, the engines' */
	struct host hosts[2];
	uint32_t paused_record;
	bool resumed, stopping;
	struct mono started, bar_at, hurry_at;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* ---- Hosts */

/* In the child: a host as the daemon is one, which ends with us. */
static void become_host(struct trying *t, unsigned i, pid_t parent)
{
	struct host *h = &t->hosts[i];

	setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_INTERNAL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	unsetenv("NOTIFY_SOCKET");
	try_ledger_forget(t->ledger);
	close(t->notes[0]);
	exit(cli_run_host(i == 0 ? t->config->config : &t->config->other, &h->child.setup));
}

static int start_host(struct trying *t, unsigned i)
{
	struct host *h = &t->hosts[i];
	pid_t self = getpid();

	h->child = (struct try_engine){ .options = t->options,
		.events = t->seen->events,
		.shared = t->shared,
		.notes = t->notes[1],
		.host = i };
	try_engine_init(&h->child);
	fflush(NULL);
	h->manager = fork();
	if (h->manager == 0)
		become_host(t, i, self);
	return h->manager < 0 ? -errno : 0;
}

static void stop_host(struct host *h, bool at_once)
{
	if (h->manager > 0 && (!h->asked || at_once))
		kill(h->manager, SIGTERM);
	h->asked = true;
}

static void resume_engine(struct trying *t)
{
	if (t->shared->paused && !t->resumed && t->hosts[0].engine > 0)
		kill(t->hosts[0].engine, SIGCONT);
	t->resumed = true;
}

static void stop_all(struct trying *t)
{
	if (t->stopping)
		return;
	t->stopping = true;
	resume_engine(t);
	stop_host(&t->hosts[0], false);
	stop_host(&t->hosts[1], false);
	if (t->seen->finished < t->seen->events->n_records)
		t->hurry_at = mono_add_ms(mono_now(), HURRY_MS);
}

static void hurry(struct trying *t)
{
	if (mono_before(mono_now(), t->hurry_at))
		return;
	t->hurry_at = MONO_NEVER;
	stop_host(&t->hosts[0], true);
	stop_host(&t->hosts[1], true);
}

static void put_how(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

static void reap(struct trying *t)
{
	for (unsigned i = 0; i < 2; i++) {
		struct host *h = &t->hosts[i];
		char how[64];
		int status;

		if (h->manager <= 0 || waitpid(h->manager, &status, WNOHANG) != h->manager)
			continue;
		h->manager = 0;
		put_how(status, how, sizeof(how));
		seen_death(t->seen, i, h->engine, "its host ended");
		if (t->stopping || (i == 0 && t->resumed))
			continue;
		t->result->host_status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
		fprintf(stderr, "semel try: the host ended by itself: %s\n", how);
		stop_all(t);
	}
}

/* ---- Notes */

/* How the engine before ended: its manager knows. */
static void last_exit(const struct trying *t, unsigned host, char *out, size_t size)
{
	const struct config *c = host == 0 ? t->config->config : &t->config->other;
	struct buf body = { NULL, 0, 0 }, by = { NULL, 0, 0 }, cause = { NULL, 0, 0 };
	struct json_doc *doc = NULL;
	char why[256];

	snprintf(out, size, "the process died");
	if (http_client_call(c->admin_socket, "GET", "/status", &body, why, sizeof(why)) == 200 &&
	    json_parse((struct bytes){ body.data, body.len }, &doc, why, sizeof(why)) == 0 &&
	    json_pointer(doc, "/engine/last_exit/by", &by, NULL) == 1 &&
	    json_pointer(doc, "/engine/last_exit/cause", &cause, NULL) == 1)
		snprintf(out, size, "%s",
		    strcmp(cause.data, "timeout") == 0 ? "past max_run, the process was given up" : by.data);
	json_free(doc);
	buf_free(&body);
	buf_free(&by);
	buf_free(&cause);
}

static void engine_started(struct trying *t, const struct try_note *n)
{
	struct host *h = &t->hosts[n->host];
	char how[128];

	t->result->engines++;
	if (h->engine != 0) {
		last_exit(t, n->host, how, sizeof(how));
		seen_death(t->seen, n->host, h->engine, how);
	}
	h->engine = n->pid;
	if (t->seen->died[n->host] < DEATHS_MAX)
		return;
	t->result->given_up = true;
	stop_all(t);
}

/* The first host stands still: another takes over once its lease has run out. */
static void engine_paused(struct trying *t, const struct try_note *n)
{
	if (t->stopping) {
		kill(n->pid, SIGCONT);
		return;
	}
	t->paused_record = n->record;
	atomic_store(&t->shared->owner, 1);
	if (start_host(t, 1) < 0)
		stop_all(t);
}

static void take_note(struct trying *t, const struct try_note *n, int fd)
{
	seen_take(t->seen, n);
	switch ((enum try_note_kind)n->kind) {
	case TRY_STARTED: engine_started(t, n); break;
	case TRY_STORE:
		if (fd >= 0)
			try_ledger_connect(t->ledger, fd);
		break;
	case TRY_PAUSED: engine_paused(t, n); break;
	case TRY_FINISHED:
		/* The event has been handled elsewhere: the first host wakes up, and is too late. */
		if (n->host == 1 && n->record == t->paused_record && !t->resumed) {
			resume_engine(t);
			stop_host(&t->hosts[0], false);
		}
		break;
	default: break;
	}
	if (t->seen->finished == t->seen->events->n_records)
		stop_all(t);
}

/* False: there is none now. */
static bool read_note(struct trying *t)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct try_note n;
	struct iovec data = { &n, sizeof(n) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t len = recvmsg(t->notes[0], &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd = -1;

	if (len <= 0)
		return false;
	if (CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	if (len >= (ssize_t)offsetof(struct try_note, text) && len == (ssize_t)TRY_NOTE_SIZE(&n))
		take_note(t, &n, fd);
	else if (fd >= 0)
		close(fd);
	return true;
}

/* ---- The loop */

static void draw_bar(struct trying *t, bool last)
{
	size_t n = t->seen->finished, all = t->seen->events->n_records;
	struct mono now = mono_now();
	int width = (int)(n * BAR_WIDTH / all);

	if (t->options->json || !isatty(STDERR_FILENO) || (!last && mono_diff_us(now, t->bar_at) < BAR_US))
		return;
	t->bar_at = now;
	if (last)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 60, "");
	else
		fprintf(stderr, "\r[%.*s%*s] %zu of %zu records, %zu in the handler ", width,
		    "##############################", BAR_WIDTH - width, "", n, all, t->seen->n_open);
	fflush(stderr);
}

static void go_round(struct trying *t)
{
	struct pollfd fds[MAX_FDS];
	size_t n;

	fds[0] = (struct pollfd){ .fd = t->notes[0], .events = POLLIN };
	n = try_ledger_poll(t->ledger, fds + 1, MAX_FDS - 1);
	(void)poll(fds, n + 1, ROUND_MS);
	try_ledger_serve(t->ledger, fds + 1, n);
	for (unsigned i = 0; i < NOTES_A_ROUND && read_note(t); i++)
		;
	reap(t);
	draw_bar(t, false);
	if (interrupted)
		t->result->interrupted = true;
	if (mono_diff_us(mono_now(), t->started) > t->options->within_ms * 1000)
		t->result->late = true;
	if (t->result->interrupted || t->result->late)
		stop_all(t);
	hurry(t);
}

static bool hosts_live(const struct trying *t)
{
	return t->hosts[0].manager > 0 || t->hosts[1].manager > 0;
}

static int serve(struct trying *t)
{
	int r = start_host(t, 0);

	if (r < 0) {
		fprintf(stderr, "semel try: fork: %s\n", strerror(-r));
		return EXIT_INTERNAL;
	}
	while (hosts_live(t))
		go_round(t);
	while (read_note(t))
		;
	draw_bar(t, true);
	return EXIT_YES;
}

static int set_up(struct trying *t)
{
	struct sigaction sa = { .sa_handler = on_signal };

	t->shared = mmap(NULL, sizeof(*t->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	t->ledger = try_ledger_new(t->options->slow_ms);
	if (t->shared == MAP_FAILED || t->ledger == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, t->notes) < 0) {
		fprintf(stderr, "semel try: %s\n", strerror(errno));
		return EXIT_INTERNAL;
	}
	for (size_t i = 0; i < TRY_MAX_TOPICS; i++)
		atomic_store(&t->shared->committed[i], -1);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	return EXIT_YES;
}

int try_run(const struct try_options *o, struct try_config *c, struct seen *s, struct try_result *ret_result)
{
	struct trying t = { .options = o,
		.config = c,
		.seen = s,
		.result = ret_result,
		.started = mono_now(),
		.hurry_at = MONO_NEVER };
	int status = set_up(&t);

	*ret_result = (struct try_result){ .interrupted = false };
	if (status == EXIT_YES)
		status = serve(&t);
	if (t.shared != NULL && t.shared != MAP_FAILED) {
		ret_result->crashed = atomic_load(&t.shared->crashed);
		ret_result->paused = atomic_load(&t.shared->paused);
		munmap(t.shared, sizeof(*t.shared));
	}
	ret_result->us = mono_diff_us(mono_now(), t.started);
	try_ledger_free(t.ledger);
	return status;
}
