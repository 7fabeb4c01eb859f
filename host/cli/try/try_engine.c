/* The sink, the way to the ledger, and what is told of each run. */
#include "cli/try/try_engine.h"

#include "base/buf.h"
#include "cli/try/try_store.h"
#include "core/emitted.h"

#include <errno.h>
#include <semel/handler.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Notes */

static void put_text(struct try_note *n, struct bytes text)
{
	size_t len = text.len < sizeof(n->text) ? text.len : sizeof(n->text);

	if (len > 0)
		memcpy(n->text, text.data, len);
	n->text_len = (uint32_t)len;
}

/* With a descriptor, if it is not -1.  Blocks while the reader is behind. */
static int send_note(const struct try_engine *e, struct try_note *n, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = "" };
	struct iovec data = { n, TRY_NOTE_SIZE(n) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	n->host = (uint8_t)e->host;
	n->pid = getpid();
	if (fd >= 0) {
		m.msg_control = control.space;
		m.msg_controllen = sizeof(control.space);
		control.header = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))
		};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	while (sendmsg(e->notes, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void start_note(
    const struct try_engine *e, struct try_note *n, enum try_note_kind kind, const struct event *ev)
{
	/* Without its text, of which only what is filled is sent. */
	memset(n, 0, offsetof(struct try_note, text));
	n->kind = (uint8_t)kind;
	if (ev == NULL)
		return;
	n->record = try_events_find(e->events, ev->origin.topic, ev->origin.offset);
	n->attempt = ev->run.attempt;
	n->redelivered = ev->run.redelivered;
}

/* ---- The observer */

static void begins(void *arg, const struct event *ev)
{
	const struct try_engine *e = arg;
	uint32_t n = atomic_fetch_add(&e->shared->begun, 1) + 1;
	struct try_note note;

	start_note(e, &note, TRY_BEGUN, ev);
	(void)send_note(e, &note, -1);
	if (!e->options->lease_loss || n != 1)
		return;
	/* A host that stands still: its lease runs out, and another goes on. */
	atomic_store(&e->shared->paused, true);
	start_note(e, &note, TRY_PAUSED, ev);
	(void)send_note(e, &note, -1);
	raise(SIGSTOP);
	atomic_store(&e->shared->woken, true);
}

/* Another worker may be as far as its crash before the one that is to stand still does so: first things first. */
static void await_pause(const struct try_engine *e)
{
	while (e->options->lease_loss && e->host == 0 && !atomic_load(&e->shared->woken))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

static void ends(void *arg, const struct event *ev)
{
	const struct try_engine *e = arg;
	bool well = ev->run.outcome == SEMEL_OK || ev->run.outcome == SEMEL_SKIP;
	uint32_t n = well ? atomic_fetch_add(&e->shared->ended, 1) + 1 : 0;
	struct try_note note;

	start_note(e, &note, TRY_ENDED, ev);
	note.outcome = (int8_t)ev->run.outcome;
	note.us = ev->run.handler_us;
	note.retry_ms = ev->run.retry_ms;
	note.timed_out = ev->run.timed_out;
	note.killed = n > 0 && n == e->options->crash_after;
	put_text(&note, bytes_of_text(ev->run.why));
	(void)send_note(e, &note, -1);
	if (!note.killed)
		return;
	/* Between its effect and the record of it. */
	await_pause(e);
	atomic_store(&e->shared->crashed, true);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Its topic, a NUL, and the record as JSON, without what is too long for a note. */
static void put_emitted(struct buf *out, const struct emitted_record *r, bool key, bool payload)
{
	buf_clear(out);
	buf_add(out, r->topic, strlen(r->topic) + 1);
	buf_text(out, "{\"topic\":");
	buf_json_string(out, bytes_of_text(r->topic));
	buf_char(out, ',');
	if (key)
		buf_json_bytes(out, "key", r->key);
	buf_text(out, key ? "," : "");
	if (payload)
		buf_json_bytes(out, "payload", r->payload);
	buf_printf(out, "%s\"bytes\":%zu}", payload ? "," : "", r->payload.len);
}

static void tell_emitted(const struct try_engine *e, const struct event *ev)
{
	const struct emitted *m = ev->run.emitted;
	struct buf text = { NULL, 0, 0 };
	struct try_note note;

	for (size_t i = 0; m != NULL && i < m->n; i++) {
		put_emitted(&text, &m->list[i], true, true);
		if (text.len > sizeof(note.text))
			put_emitted(&text, &m->list[i], true, false);
		if (text.len > sizeof(note.text))
			put_emitted(&text, &m->list[i], false, false);
		start_note(e, &note, TRY_EMITTED, ev);
		put_text(&note, (struct bytes){ text.data, text.len });
		(void)send_note(e, &note, -1);
	}
	buf_free(&text);
}

static void noted(void *arg, enum flow_note what, const struct event *ev)
{
	const struct try_engine *e = arg;
	struct try_note note;

	if (what == FLOW_EMITTED)
		tell_emitted(e, ev);
	start_note(e, &note, TRY_NOTED, ev);
	note.note = (uint8_t)what;
	note.reason = ev->f.reason;
	put_text(&note, bytes_of_text(ev->run.why));
	(void)send_note(e, &note, -1);
}

static void finished(void *arg, const struct event *ev)
{
	const struct try_engine *e = arg;
	struct try_note note;

	start_note(e, &note, TRY_FINISHED, ev);
	(void)send_note(e, &note, -1);
}

/* ---- The sink */

struct try_sink {
	struct sink sink;
	const struct try_engine *engine;
	sink_ack_fn ack;
	void *arg;
};

/* Nothing is written: who wants to know is told by the observer, once the host acts on the acknowledgement. */
static int send_record(struct sink *s, const char *topic, struct bytes key, struct bytes value,
    const struct header *headers, size_t n, int64_t timestamp_ms, void *cookie)
{
	struct try_sink *t = (struct try_sink *)s;

	(void)topic;
	(void)key;
	(void)value;
	(void)headers;
	(void)n;
	(void)timestamp_ms;
	t->ack(t->arg, cookie, NULL, NULL);
	return 0;
}

static int cluster(struct sink *s, int timeout_ms, char *ret_id, size_t size)
{
	(void)s;
	(void)timeout_ms;
	snprintf(ret_id, size, "semel-try");
	return 0;
}

static int group_used(struct sink *s, const char *group, int timeout_ms, char *why, size_t size)
{
	const struct try_engine *e = ((struct try_sink *)s)->engine;
	int used = 0;

	(void)group;
	(void)timeout_ms;
	(void)why;
	(void)size;
	for (size_t i = 0; i < e->events->n_topics; i++)
		used |= atomic_load(&e->shared->committed[i]) >= 0;
	return used;
}

static void close_sink(struct sink *s, int timeout_ms)
{
	(void)timeout_ms;
	free(s);
}

static int sink_new(void *arg, const struct config *c, sink_ack_fn ack, void *ack_arg, struct sink **ret_sink,
    char *why, size_t size)
{
	static const struct sink_ops ops = { send_record, cluster, group_used, close_sink };
	struct try_sink *s = calloc(1, sizeof(*s));
	struct try_note note;
	int r;

	(void)c;
	if (s == NULL)
		return -ENOMEM;
	*s = (struct try_sink){ { &ops }, arg, ack, ack_arg };
	/* The first that an engine makes: it has begun. */
	start_note(arg, &note, TRY_STARTED, NULL);
	r = send_note(arg, &note, -1);
	if (r < 0) {
		snprintf(why, size, "semel try: %s", strerror(-r));
		free(s);
		return r;
	}
	*ret_sink = &s->sink;
	return 0;
}

/* ---- The ledger */

static struct store *store_new(void *arg, const struct config *c, const char *subscription)
{
	struct try_note note;
	int fds[2], r;

	(void)c;
	(void)subscription;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return NULL;
	start_note(arg, &note, TRY_STORE, NULL);
	r = send_note(arg, &note, fds[1]);
	close(fds[1]);
	if (r == 0)
		return try_store_new(fds[0]);
	close(fds[0]);
	return NULL;
}

void try_engine_init(struct try_engine *e)
{
	e->backend = (struct backend){ e, try_source_new, sink_new, store_new };
	e->observer = (struct observer){ e, begins, ends, noted, finished };
	e->setup = (struct engine_setup){ &e->backend, &e->observer, true };
}
