/* front.h - HTTP while no engine answers it: alive, not ready, and why.
 *
 * So little of HTTP/1 that it needs no library, and none of its threads: one
 * request a connection, its first line, an answer, the end.  At most 16
 * connections and two seconds each; more wait in the backlog.
 *
 * Owns:    its connections.
 * Threads: main.
 * Uses:    base.
 */
#ifndef MANAGER_FRONT_H
#define MANAGER_FRONT_H

#include "base/buf.h"
#include "base/clock.h"

#include <poll.h>

#define FRONT_MAX 16

struct front_answer {
	unsigned status;
	const char *type;
	const char *policy;		/* Content-Security-Policy of a page; NULL: it is none */
	struct buf body;
};

/* method and path as sent, the query still behind the path. */
typedef void (*front_handler_fn)(void *arg, const char *method, const char *path, bool admin, struct front_answer *a);

struct front {
	int listeners[2];		/* TCP, admin; -1: none; borrowed */
	front_handler_fn handler;
	void *arg;
	struct front_connection {
		int fd;			/* -1: free */
		bool admin;
		struct mono until;
		size_t len;
		char text[2048];
	} list[FRONT_MAX];
};

void front_init(struct front *f, int tcp, int admin, front_handler_fn handler, void *arg);
/* What to poll for; `accepting`: new connections, too.  Returns how many were written to fds, at most FRONT_MAX + 2. */
size_t front_poll(const struct front *f, bool accepting, struct pollfd *fds);
/* After the poll, whatever came. */
void front_serve(struct front *f, bool accepting, struct mono now);
void front_close(struct front *f);

#endif
