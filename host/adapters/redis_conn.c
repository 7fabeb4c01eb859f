#include "adapters/redis_conn.h"

#include "adapters/keyed_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000
#define READ_SIZE (256 * 1024)
/* A reply larger than this is no reply of ours: a page of the log is far below it. */
#define REPLY_MAX (512u * 1024 * 1024)
#define ARGS_MAX 32

struct redis_conn {
	struct redis_address address;
	int64_t timeout_ms;
	int (*greet)(void *arg, struct redis_conn *c);
	void *arg;
	int fd; /* -1: none */
	redisReader *reader;
	redisReply *reply;
	char *read_buffer;
	struct buf command;
	struct mono retry_at;
	int64_t backoff_ms;
	uint64_t count;
	char text[256];
};

/* ---- The socket */

struct redis_conn *redis_conn_new(const struct redis_address *a, int64_t timeout_ms,
    int (*greet)(void *arg, struct redis_conn *c), void *arg)
{
	struct redis_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->address = *a;
	c->timeout_ms = timeout_ms;
	c->greet = greet;
	c->arg = arg;
	c->fd = -1;
	c->read_buffer = malloc(READ_SIZE);
	if (c->read_buffer == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

static void drop_reply(struct redis_conn *c)
{
	if (c->reply != NULL)
		freeReplyObject(c->reply);
	c->reply = NULL;
}

static void disconnect(struct redis_conn *c)
{
	drop_reply(c);
	if (c->reader != NULL)
		redisReaderFree(c->reader);
	c->reader = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void redis_conn_free(struct redis_conn *c)
{
	if (c == NULL)
		return;
	disconnect(c);
	buf_free(&c->command);
	free(c->read_buffer);
	free(c);
}

const char *redis_conn_text(const struct redis_conn *c)
{
	return c->text;
}

uint64_t redis_conn_count(const struct redis_conn *c)
{
	return c->count;
}

static void back_off(struct redis_conn *c)
{
	uint32_t jitter;

	random_bytes(&jitter, sizeof(jitter));
	c->backoff_ms = c->backoff_ms == 0                    ? BACKOFF_FIRST_MS
			: 2 * c->backoff_ms > BACKOFF_LAST_MS ? BACKOFF_LAST_MS
							      : 2 * c->backoff_ms;
	c->retry_at = mono_add_ms(
	    mono_now(), c->backoff_ms / 2 + (int64_t)(jitter % (uint32_t)c->backoff_ms) / 2);
}

void redis_conn_fail(struct redis_conn *c, const char *format, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	if (c->address.host != NULL)
		snprintf(
		    c->text, sizeof(c->text), "redis %.40s:%u: %s", c->address.host, c->address.port, what);
	else
		snprintf(c->text, sizeof(c->text), "redis %.60s: %s", c->address.path, what);
	disconnect(c);
	back_off(c);
}

static int wait_for(struct redis_conn *c, short events, struct mono deadline)
{
	struct pollfd pfd = { .fd = c->fd, .events = events };
	int64_t us;
	int n;

	do {
		us = mono_diff_us(deadline, mono_now());
		if (us <= 0)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, (int)((us + 999) / 1000));
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int connect_one(struct redis_conn *c, const struct sockaddr *addr, socklen_t len, struct mono deadline)
{
	int r, error = 0, one = 1, user_timeout = (int)c->timeout_ms;
	socklen_t size = sizeof(error);

	c->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (addr->sa_family != AF_UNIX) {
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
	}
	r = connect(c->fd, addr, len) == 0 ? 0 : -errno;
	if (r == -EINPROGRESS) {
		r = wait_for(c, POLLOUT, deadline);
		if (r == 0 && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
			r = -error;
	}
	if (r < 0) {
		close(c->fd);
		c->fd = -1;
	}
	return r;
}

static int connect_path(struct redis_conn *c, struct mono deadline)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(c->address.path);

	if (len >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, c->address.path, len + 1);
	return connect_one(c, (const struct sockaddr *)&un, sizeof(un), deadline);
}

static int connect_host(struct redis_conn *c, struct mono deadline)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list, *a;
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", c->address.port);
	if (getaddrinfo(c->address.host, port, &hints, &list) != 0)
		return -EHOSTUNREACH;
	r = -EHOSTUNREACH;
	for (a = list; a != NULL && r < 0; a = a->ai_next)
		r = connect_one(c, a->ai_addr, a->ai_addrlen, deadline);
	freeaddrinfo(list);
	return r;
}

/* ---- Commands */

static int send_all(struct redis_conn *c, const char *data, size_t len, struct mono deadline)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			int r = wait_for(c, POLLOUT, deadline);

			if (r < 0)
				return r;
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		} else if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int receive(struct redis_conn *c, struct mono deadline)
{
	size_t total = 0;

	for (;;) {
		ssize_t n;
		void *reply = NULL;

		if (redisReaderGetReply(c->reader, &reply) != REDIS_OK)
			return -EPROTO;
		if (reply != NULL) {
			c->reply = reply;
			return 0;
		}
		n = recv(c->fd, c->read_buffer, READ_SIZE, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno == EAGAIN) {
			int r = wait_for(c, POLLIN, deadline);

			if (r < 0)
				return r;
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		} else if (n > 0) {
			total += (size_t)n;
			if (total > REPLY_MAX ||
			    redisReaderFeed(c->reader, c->read_buffer, (size_t)n) != REDIS_OK)
				return -EPROTO;
		}
	}
}

static int exchange(struct redis_conn *c, int argc, const struct bytes *argv, struct mono deadline)
{
	int r;

	drop_reply(c);
	buf_clear(&c->command);
	buf_printf(&c->command, "*%d\r\n", argc);
	for (int i = 0; i < argc; i++) {
		buf_printf(&c->command, "$%zu\r\n", argv[i].len);
		buf_add(&c->command, argv[i].data, argv[i].len);
		buf_add(&c->command, "\r\n", 2);
	}
	r = send_all(c, c->command.data, c->command.len, deadline);
	if (r == 0)
		r = receive(c, deadline);
	if (r == -EPROTO)
		redis_conn_fail(c, "the reply is not RESP: %s",
		    c->reader->errstr[0] == '\0' ? "too large" : c->reader->errstr);
	else if (r < 0)
		redis_conn_fail(c, "%.*s: %s", (int)argv[0].len, (const char *)argv[0].data, strerror(-r));
	return r;
}

/* A command of the greeting; anything but a good reply ends the connection. */
static int say(struct redis_conn *c, int argc, const struct bytes *argv, struct mono deadline)
{
	int r = exchange(c, argc, argv, deadline);

	if (r < 0)
		return r;
	if (c->reply->type != REDIS_REPLY_ERROR)
		return 0;
	redis_conn_fail(c, "%.*s refused: %s", (int)argv[0].len, (const char *)argv[0].data, c->reply->str);
	return -EACCES;
}

static int introduce(struct redis_conn *c, struct mono deadline)
{
	const struct redis_address *a = &c->address;
	char database[12];
	int r = 0;

	if (a->password != NULL && a->user != NULL)
		r = say(c, 3,
		    (struct bytes[]){
			bytes_of_text("AUTH"), bytes_of_text(a->user), bytes_of_text(a->password) },
		    deadline);
	else if (a->password != NULL)
		r = say(
		    c, 2, (struct bytes[]){ bytes_of_text("AUTH"), bytes_of_text(a->password) }, deadline);
	if (r == 0 && a->database != 0) {
		snprintf(database, sizeof(database), "%u", a->database);
		r = say(c, 2, (struct bytes[]){ bytes_of_text("SELECT"), bytes_of_text(database) }, deadline);
	}
	/* The name is for CLIENT LIST; an ACL may deny it. */
	if (r == 0)
		r = exchange(c, 3,
		    (struct bytes[]){
			bytes_of_text("CLIENT"), bytes_of_text("SETNAME"), bytes_of_text(a->name) },
		    deadline);
	return r;
}

static int make(struct redis_conn *c, struct mono deadline)
{
	int r = c->address.host == NULL ? connect_path(c, deadline) : connect_host(c, deadline);

	if (r < 0) {
		redis_conn_fail(c, "%s", strerror(-r));
		return r;
	}
	c->reader = redisReaderCreate();
	if (c->reader == NULL) {
		redis_conn_fail(c, "out of memory");
		return -ENOMEM;
	}
	/* Keep large buffers: replies are read every millisecond. */
	c->reader->maxbuf = 4 * READ_SIZE;
	c->count++;
	r = introduce(c, deadline);
	if (r == 0 && c->greet != NULL)
		r = c->greet(c->arg, c);
	if (r == 0)
		c->backoff_ms = 0;
	return r;
}

int redis_conn_ask(
    struct redis_conn *c, int argc, const struct bytes *argv, const struct redis_value **ret_value)
{
	int r = exchange(c, argc, argv, mono_add_ms(mono_now(), c->timeout_ms));

	if (r == 0)
		*ret_value = (const struct redis_value *)(const void *)c->reply;
	return r;
}

int redis_conn_call(
    struct redis_conn *c, int argc, const struct bytes *argv, const struct redis_value **ret_value)
{
	struct mono now = mono_now(), deadline = mono_add_ms(now, c->timeout_ms);
	int r;

	if (c->fd < 0) {
		if (mono_before(now, c->retry_at))
			return -ENOTCONN;
		r = make(c, deadline);
		if (r < 0)
			return r;
	}
	r = exchange(c, argc, argv, deadline);
	if (r < 0)
		return r;
	*ret_value = (const struct redis_value *)(const void *)c->reply;
	return 0;
}
