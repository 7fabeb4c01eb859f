#include "manager/front.h"

#include "base/page.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_US 2000000
/* What an answer may have; the page is the largest. */
#define SEND_BYTES (256 << 10)

void front_init(struct front *f, int tcp, int admin, front_handler_fn handler, void *arg)
{
	f->listeners[0] = tcp;
	f->listeners[1] = admin;
	f->handler = handler;
	f->arg = arg;
	for (size_t i = 0; i < FRONT_MAX; i++)
		f->list[i].fd = -1;
}

size_t front_poll(const struct front *f, bool accepting, struct pollfd *fds)
{
	bool room = false;
	size_t n = 0;

	for (size_t i = 0; i < FRONT_MAX; i++) {
		room = room || f->list[i].fd < 0;
		if (f->list[i].fd >= 0)
			fds[n++] = (struct pollfd){ .fd = f->list[i].fd, .events = POLLIN };
	}
	for (unsigned i = 0; i < 2 && accepting && room; i++)
		if (f->listeners[i] >= 0)
			fds[n++] = (struct pollfd){ .fd = f->listeners[i], .events = POLLIN };
	return n;
}

static void end(struct front_connection *c)
{
	close(c->fd);
	c->fd = -1;
}

static void accept_from(struct front *f, unsigned listener, struct mono now)
{
	for (size_t i = 0; i < FRONT_MAX; i++) {
		struct front_connection *c = &f->list[i];

		if (c->fd >= 0)
			continue;
		c->fd = accept4(f->listeners[listener], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (c->fd < 0)
			return;
		(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BYTES }, sizeof(int));
		c->admin = listener == 1;
		c->until = mono_add_us(now, CONNECTION_US);
		c->len = 0;
	}
}

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 202: return "Accepted";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 409: return "Conflict";
	default: return "Service Unavailable";
	}
}

/* The socket takes an answer at once (SEND_BYTES); what it does not take is lost with its connection. */
static void answer(struct front *f, struct front_connection *c)
{
	struct front_answer a = { 400, "text/plain; charset=utf-8", NULL, { NULL, 0, 0 } };
	struct buf out = { NULL, 0, 0 };
	char *method = c->text, *path = strchr(method, ' '), *end_of_path = NULL;

	if (path != NULL) {
		*path++ = '\0';
		end_of_path = strpbrk(path, " \r\n");
	}
	if (end_of_path != NULL) {
		*end_of_path = '\0';
		f->handler(f->arg, method, path, c->admin, &a);
	} else {
		buf_text(&a.body, "no request line\n");
	}
	buf_printf(&out,
	    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n",
	    a.status, reason_of(a.status), a.type, a.body.len);
	for (size_t i = 0; i < PAGE_N_HEADERS; i++)
		buf_printf(&out, "%s: %s\r\n", page_headers[i].name, page_headers[i].value);
	buf_printf(
	    &out, "Content-Security-Policy: %s\r\n\r\n", a.policy == NULL ? page_policy_none : a.policy);
	if (strcmp(method, "HEAD") != 0)
		buf_add(&out, a.body.data, a.body.len);
	(void)send(c->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(c->fd, SHUT_WR);
	buf_free(&a.body);
	buf_free(&out);
	end(c);
}

static void read_from(struct front *f, struct front_connection *c)
{
	ssize_t n = recv(c->fd, c->text + c->len, sizeof(c->text) - 1 - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(c);
		return;
	}
	c->len += (size_t)n;
	c->text[c->len] = '\0';
	/* The head to its end, so that nothing of it is unread at the close, which would reset the connection. */
	if (strstr(c->text, "\r\n\r\n") != NULL || strstr(c->text, "\n\n") != NULL ||
	    c->len == sizeof(c->text) - 1)
		answer(f, c);
}

void front_serve(struct front *f, bool accepting, struct mono now)
{
	for (unsigned i = 0; i < 2 && accepting; i++)
		if (f->listeners[i] >= 0)
			accept_from(f, i, now);
	for (size_t i = 0; i < FRONT_MAX; i++) {
		if (f->list[i].fd >= 0)
			read_from(f, &f->list[i]);
		if (f->list[i].fd >= 0 && !mono_before(now, f->list[i].until))
			end(&f->list[i]);
	}
}

void front_close(struct front *f)
{
	for (size_t i = 0; i < FRONT_MAX; i++)
		if (f->list[i].fd >= 0)
			end(&f->list[i]);
}
