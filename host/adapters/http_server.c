#include "adapters/http_server.h"

#include "base/page.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
/* Of each connection: a request's line and headers together. */
#define MEMORY_BYTES (32 << 10)
/* Nothing comes or goes. */
#define TIMEOUT_S 5
/* A request has to be complete, or its answer taken, within this, however busy the line: the timeout alone lets
 * somebody hold a connection for ever with a byte every four seconds.  The second is for when few are left. */
#define WHOLE_US 10000000
#define WHOLE_CROWDED_US 1000000
#define CROWDED (CONNECTIONS_MAX * 3 / 4)

struct connection {
	struct connection *next, **at;
	int fd;
	int64_t
	    since_us; /* struct mono: begun, or the last step that we know of; MONO_NEVER.us: we work for it */
};

/* An answer that goes on.  While there is nothing to say its connection is suspended, and a thread resumes it. */
struct stream {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_stream source;
	struct buf pending;
	size_t sent; /* of it */
	struct mono said_at;
	bool suspended;
	struct stream *next, **at;
};

struct http_server {
	struct MHD_Daemon *daemon;
	http_handler_fn handler;
	void *arg;
	pthread_mutex_t lock; /* of what follows */
	struct connection *connections;
	unsigned n;
	struct stream *streams;
	bool stopping, has_pacer;
	pthread_cond_t wake; /* the pacer: there is a stream, or it is to end */
	pthread_t pacer;
};

/* ---- Connections */

static void begin(struct http_server *s, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return;
	c->fd = info->connect_fd;
	c->since_us = mono_now().us;
	pthread_mutex_lock(&s->lock);
	c->next = s->connections;
	c->at = &s->connections;
	if (c->next != NULL)
		c->next->at = &c->next;
	s->connections = c;
	s->n++;
	pthread_mutex_unlock(&s->lock);
	*context = c;
}

static void end(struct http_server *s, struct connection *c)
{
	pthread_mutex_lock(&s->lock);
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	s->n--;
	pthread_mutex_unlock(&s->lock);
	free(c);
}

/* Before the descriptor is closed, so that it is the connection's own for as long as it is in the list. */
static void notify(
    void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		begin(cls, connection, context);
	else if (*context != NULL)
		end(cls, *context);
}

static void step(struct http_server *s, struct MHD_Connection *connection, struct mono now)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *c = info == NULL ? NULL : info->socket_context;

	if (c == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	c->since_us = now.us;
	pthread_mutex_unlock(&s->lock);
}

static void completed(
    void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
	(void)con_cls;
	(void)code;
	step(cls, connection, mono_now());
}

void http_server_tick(struct http_server *s, struct mono now)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	for (struct connection *c = s->connections; c != NULL; c = c->next) {
		int64_t most = s->n >= CROWDED ? WHOLE_CROWDED_US : WHOLE_US;

		/* The server's thread sees the end, and closes. */
		if (c->since_us != MONO_NEVER.us && now.us - c->since_us > most)
			shutdown(c->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- Streams */

#define PACE_MS 100
#define STREAM_BYTES (64 << 10)
/* An empty line after so long without another: that is how it shows that nobody reads any more. */
#define SILENCE_US 2000000

static void resume_all(struct http_server *s)
{
	for (struct stream *st = s->streams; st != NULL; st = st->next) {
		if (st->suspended)
			MHD_resume_connection(st->connection);
		st->suspended = false;
	}
}

static void *pace(void *arg)
{
	struct http_server *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		struct timespec until;

		if (s->streams == NULL) {
			pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += PACE_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&s->wake, &s->lock, &until);
		resume_all(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void fill(struct stream *st)
{
	struct mono now = mono_now();

	buf_clear(&st->pending);
	st->sent = 0;
	st->source.read(st->source.arg, &st->pending, STREAM_BYTES);
	if (st->pending.len == 0 && mono_diff_us(now, st->said_at) > SILENCE_US)
		buf_char(&st->pending, '\n');
	if (st->pending.len > 0)
		st->said_at = now;
}

static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t size)
{
	struct stream *st = cls;
	size_t n;

	(void)position;
	if (st->sent == st->pending.len)
		fill(st);
	n = st->pending.len - st->sent < size ? st->pending.len - st->sent : size;
	if (n > 0) {
		memcpy(out, st->pending.data + st->sent, n);
		st->sent += n;
		return (ssize_t)n;
	}
	pthread_mutex_lock(&st->server->lock);
	n = st->server->stopping;
	if (n == 0) {
		MHD_suspend_connection(st->connection);
		st->suspended = true;
	}
	pthread_mutex_unlock(&st->server->lock);
	return n == 0 ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_stream(void *cls)
{
	struct stream *st = cls;

	pthread_mutex_lock(&st->server->lock);
	*st->at = st->next;
	if (st->next != NULL)
		st->next->at = st->at;
	pthread_mutex_unlock(&st->server->lock);
	st->source.close(st->source.arg);
	buf_free(&st->pending);
	free(st);
}

/* NULL: it cannot be had, and the source is closed. */
static struct MHD_Response *stream(
    struct http_server *s, struct MHD_Connection *connection, const struct http_stream *source)
{
	struct stream *st = calloc(1, sizeof(*st));
	struct MHD_Response *response;

	if (st == NULL) {
		source->close(source->arg);
		return NULL;
	}
	/* The first thing said is that it is there. */
	*st = (struct stream){ .server = s, .connection = connection, .source = *source };
	pthread_mutex_lock(&s->lock);
	st->next = s->streams;
	st->at = &s->streams;
	if (st->next != NULL)
		st->next->at = &st->next;
	s->streams = st;
	if (!s->has_pacer)
		s->has_pacer = pthread_create(&s->pacer, NULL, pace, s) == 0;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	response = s->has_pacer ? MHD_create_response_from_callback(
				      MHD_SIZE_UNKNOWN, STREAM_BYTES, read_stream, st, free_stream)
				: NULL;
	if (response == NULL)
		free_stream(st);
	return response;
}

/* ---- Requests */

static const char *query(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->native, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
	static int seen;
	struct http_server *s = cls;
	struct http_request r = { method, url, query, connection };
	struct http_answer a = { .status = 500, .type = "text/plain; charset=utf-8" };
	struct MHD_Response *response;
	enum MHD_Result result;

	(void)version;
	(void)upload;
	/* The first call comes before the body; bodies are of no use here and are passed over. */
	if (*con_cls == NULL) {
		*con_cls = &seen;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	step(s, connection, MONO_NEVER);
	s->handler(s->arg, &r, &a);
	if (a.stream.read != NULL) {
		response = stream(s, connection, &a.stream);
	} else {
		step(s, connection, mono_now());
		response = MHD_create_response_from_buffer(a.body.len, a.body.len == 0 ? "" : a.body.data,
		    a.body.len == 0 ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
	}
	if (response == NULL) {
		buf_free(&a.body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", a.type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(
	    response, "Content-Security-Policy", a.policy == NULL ? page_policy_none : a.policy);
	for (size_t i = 0; i < PAGE_N_HEADERS; i++)
		MHD_add_response_header(response, page_headers[i].name, page_headers[i].value);
	if (a.status == 405)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, a.status, response);
	MHD_destroy_response(response);
	return result;
}

int http_server_start(int fd, const char *name, http_handler_fn handler, void *arg,
    struct http_server **ret_server, char *why, size_t size)
{
	struct http_server *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (s == NULL)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	s->handler = handler;
	s->arg = arg;
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, answer, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES, MHD_OPTION_NOTIFY_CONNECTION, notify, s,
	    MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_END);
	if (s->daemon == NULL) {
		snprintf(why, size, "HTTP on %s: the server cannot be started", name);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return -EIO;
	}
	*ret_server = s;
	return 0;
}

void http_server_stop(struct http_server *s)
{
	MHD_socket fd;

	if (s == NULL)
		return;
	/* Stopping alone would shut the socket down, for all who have it.  It takes MHD_USE_ITC. */
	fd = MHD_quiesce_daemon(s->daemon);
	/* None may be suspended when it stops, and from now on none is. */
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->wake);
	resume_all(s);
	pthread_mutex_unlock(&s->lock);
	if (s->has_pacer)
		pthread_join(s->pacer, NULL);
	MHD_stop_daemon(s->daemon);
	if (fd != MHD_INVALID_SOCKET)
		close(fd);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
