#include "adapters/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32
#define TIMEOUT_S 5

struct http_server {
	struct MHD_Daemon *daemon;
	http_handler_fn handler;
	void *arg;
	char *path; /* of the Unix socket, to be removed */
	unsigned port;
};

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
	struct http_answer a = { 500, "text/plain; charset=utf-8", { NULL, 0, 0 } };
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
	s->handler(s->arg, &r, &a);
	response = MHD_create_response_from_buffer(a.body.len, a.body.len == 0 ? "" : a.body.data,
	    a.body.len == 0 ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		buf_free(&a.body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", a.type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (a.status == 405)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, a.status, response);
	MHD_destroy_response(response);
	return result;
}

static int listen_tcp(const char *host, unsigned port, unsigned *ret_port, char *why, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV },
			*list;
	struct sockaddr_storage got;
	socklen_t len = sizeof(got);
	char service[8];
	int fd, one = 1, r;

	snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(host, service, &hints, &list);
	if (r != 0) {
		snprintf(why, size, "http.listen %s:%u: %s", host, port, gai_strerror(r));
		return -EINVAL;
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&got, &len) < 0) {
		r = -errno;
		snprintf(why, size, "http.listen %s:%u: %s", host, port, strerror(-r));
		if (fd >= 0)
			close(fd);
		freeaddrinfo(list);
		return r;
	}
	freeaddrinfo(list);
	*ret_port = ntohs(got.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&got)->sin6_port
						    : ((struct sockaddr_in *)&got)->sin_port);
	return fd;
}

/* True if somebody answers on the socket: another daemon. */
static bool is_alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

static int listen_unix(const char *path, unsigned mode, const char *group, char *why, size_t size)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct group *gr = group == NULL ? NULL : getgrnam(group);
	int fd, r;

	if (strlen(path) >= sizeof(un.sun_path)) {
		snprintf(
		    why, size, "admin.socket %s: longer than %zu characters", path, sizeof(un.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (is_alive(&un)) {
		snprintf(why, size, "admin.socket %s: another daemon answers on it", path);
		return -EADDRINUSE;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0 || chmod(path, mode) < 0 ||
	    listen(fd, 64) < 0) {
		r = -errno;
		snprintf(why, size, "admin.socket %s: %s", path, strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (gr != NULL && chown(path, (uid_t)-1, gr->gr_gid) < 0)
		snprintf(why, size, "admin.socket %s: group %s: %s", path, group, strerror(errno));
	return fd;
}

int http_server_start(const char *host, unsigned port, const char *path, unsigned mode, const char *group,
    http_handler_fn handler, void *arg, struct http_server **ret_server, char *why, size_t size)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int fd;

	if (s == NULL)
		return -ENOMEM;
	s->handler = handler;
	s->arg = arg;
	fd = host == NULL ? listen_unix(path, mode, group, why, size)
			  : listen_tcp(host, port, &s->port, why, size);
	if (fd < 0) {
		free(s);
		return fd;
	}
	s->path = host == NULL ? strdup(path) : NULL;
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, s,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
	if (s->daemon == NULL) {
		snprintf(why, size, "HTTP on %s: the server cannot be started", host == NULL ? path : host);
		close(fd);
		free(s->path);
		free(s);
		return -EIO;
	}
	*ret_server = s;
	return 0;
}

unsigned http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_stop(struct http_server *s)
{
	if (s == NULL)
		return;
	MHD_stop_daemon(s->daemon);
	if (s->path != NULL)
		unlink(s->path);
	free(s->path);
	free(s);
}
