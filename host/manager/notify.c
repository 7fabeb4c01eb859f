#include "manager/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd;

	/* "@..." is an abstract name: a NUL byte, and none at its end. */
	if ((name[0] != '/' && name[0] != '@') || len >= sizeof(un.sun_path))
		return -1;
	memcpy(un.sun_path, name, len);
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&un,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'))) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET"), *us = getenv("WATCHDOG_USEC"),
		   *pid = getenv("WATCHDOG_PID");

	n->fd = name == NULL ? -1 : connect_to(name);
	n->watchdog_us = 0;
	if (n->fd >= 0 && us != NULL && (pid == NULL || strtol(pid, NULL, 10) == (long)getpid()))
		n->watchdog_us = strtoll(us, NULL, 10);
	if (n->watchdog_us < 0)
		n->watchdog_us = 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

void notify_send(struct notify *n, const char *format, ...)
{
	char text[1024];
	va_list ap;

	if (n->fd < 0)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	/* One that does not read must not stop us. */
	(void)send(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}
