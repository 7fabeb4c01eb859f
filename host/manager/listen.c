#include "manager/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

int listen_tcp(const char *host, unsigned port, unsigned *ret_port, char *why, size_t size)
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
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0 ||
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

int listen_unix(const char *path, unsigned mode, const char *group, char *why, size_t size)
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
	    listen(fd, BACKLOG) < 0) {
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
