#include "adapters/redis_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(struct redis_socket *s, int r)
{
	snprintf(
	    s->text, sizeof(s->text), "%s", r == -EPROTO && s->tls != NULL ? tls_text(s->tls) : strerror(-r));
	return r;
}

static int wait_for(struct redis_socket *s, short events, struct mono deadline)
{
	struct pollfd pfd = { .fd = s->fd, .events = events };
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

/* ---- Connecting */

static int connect_one(struct redis_socket *s, const struct sockaddr *addr, socklen_t len, int64_t timeout_ms,
    struct mono deadline)
{
	int r, error = 0, one = 1, user_timeout = (int)timeout_ms;
	socklen_t size = sizeof(error);

	s->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	if (addr->sa_family != AF_UNIX) {
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout));
	}
	r = connect(s->fd, addr, len) == 0 ? 0 : -errno;
	if (r == -EINPROGRESS) {
		r = wait_for(s, POLLOUT, deadline);
		if (r == 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
			r = -error;
	}
	if (r < 0) {
		close(s->fd);
		s->fd = -1;
	}
	return r;
}

static int connect_path(struct redis_socket *s, const char *path, int64_t timeout_ms, struct mono deadline)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, len + 1);
	return connect_one(s, (const struct sockaddr *)&un, sizeof(un), timeout_ms, deadline);
}

static int connect_host(
    struct redis_socket *s, const struct redis_place *p, int64_t timeout_ms, struct mono deadline)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list, *a;
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", p->port);
	if (getaddrinfo(p->host, port, &hints, &list) != 0)
		return -EHOSTUNREACH;
	r = -EHOSTUNREACH;
	/* One that does not answer must not take the time of the others. */
	for (a = list; a != NULL && r < 0; a = a->ai_next) {
		struct mono until = deadline;

		if (a->ai_next != NULL)
			until = mono_add_us(mono_now(), mono_diff_us(deadline, mono_now()) / 2);
		r = connect_one(s, a->ai_addr, a->ai_addrlen, timeout_ms, until);
	}
	freeaddrinfo(list);
	return r;
}

static int handshake(struct redis_socket *s, const struct redis_place *p, struct mono deadline)
{
	short events = 0;
	ssize_t n;

	s->tls = tls_new(p->tls, p->host, s->fd, s->text, sizeof(s->text));
	if (s->tls == NULL)
		return -EINVAL;
	while ((n = tls_handshake(s->tls, &events)) == -EAGAIN) {
		int r = wait_for(s, events, deadline);

		if (r < 0)
			return fail(s, r);
	}
	return n > 0 ? 0 : fail(s, n == 0 ? -ECONNRESET : (int)n);
}

int redis_socket_open(
    struct redis_socket *s, const struct redis_place *p, int64_t timeout_ms, struct mono deadline)
{
	int r = p->host == NULL ? connect_path(s, p->path, timeout_ms, deadline)
				: connect_host(s, p, timeout_ms, deadline);

	if (r < 0)
		return fail(s, r);
	if (p->tls != NULL)
		r = handshake(s, p, deadline);
	if (r < 0)
		redis_socket_close(s);
	return r;
}

void redis_socket_close(struct redis_socket *s)
{
	tls_free(s->tls);
	s->tls = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- Bytes */

int redis_socket_send(struct redis_socket *s, const void *data, size_t len, struct mono deadline)
{
	const char *p = data;

	while (len > 0) {
		short events = POLLOUT;
		ssize_t n = s->tls != NULL ? tls_send(s->tls, p, len, &events)
					   : send(s->fd, p, len, MSG_NOSIGNAL);
		int r = n < 0 && s->tls == NULL ? -errno : n < 0 ? (int)n : 0;

		if (r == -EAGAIN)
			r = wait_for(s, events, deadline);
		if (r < 0 && r != -EINTR)
			return fail(s, r);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

ssize_t redis_socket_receive(struct redis_socket *s, void *data, size_t len, struct mono deadline)
{
	for (;;) {
		short events = POLLIN;
		ssize_t n = s->tls != NULL ? tls_receive(s->tls, data, len, &events)
					   : recv(s->fd, data, len, 0);
		int r = n < 0 && s->tls == NULL ? -errno : n < 0 ? (int)n : 0;

		if (n > 0)
			return n;
		if (n == 0)
			return fail(s, -ECONNRESET);
		if (r == -EAGAIN)
			r = wait_for(s, events, deadline);
		if (r < 0 && r != -EINTR)
			return fail(s, r);
	}
}
