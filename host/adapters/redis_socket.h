/* redis_socket.h - a stream to a server, with real deadlines: TCP, Unix, TLS.
 *
 * Non-blocking; names are resolved anew for each connection; a dead peer is
 * found by TCP_USER_TIMEOUT, or by the deadline of the call.
 *
 * Owns:    the socket and its TLS session.
 * Threads: one at a time.
 * Uses:    adapters/tls.
 */
#ifndef ADAPTERS_REDIS_SOCKET_H
#define ADAPTERS_REDIS_SOCKET_H

#include "adapters/tls.h"
#include "base/bytes.h"
#include "base/clock.h"

struct redis_place {
	const char *host;		/* or NULL: `path` is a Unix socket */
	unsigned port;
	const char *path;
	const struct tls_files *tls;	/* NULL: none */
};

struct redis_socket {
	int fd;				/* -1: none */
	struct tls *tls;
	char text[256];			/* of the last failure */
};

/* 0 or -errno with text set. */
int redis_socket_open(struct redis_socket *s, const struct redis_place *p, int64_t timeout_ms, struct mono deadline);
void redis_socket_close(struct redis_socket *s);
int redis_socket_send(struct redis_socket *s, const void *data, size_t len, struct mono deadline);	/* all of it */
/* What is there, at least a byte; its length.  -ECONNRESET: closed by the peer. */
ssize_t redis_socket_receive(struct redis_socket *s, void *data, size_t len, struct mono deadline);

#endif
