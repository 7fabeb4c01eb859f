/* listen.h - the listening sockets, which outlive engines.
 *
 * Owns:    nothing; descriptors and the socket's file are the caller's.
 * Threads: setup.
 * Uses:    base.
 */
#ifndef MANAGER_LISTEN_H
#define MANAGER_LISTEN_H

#include "base/bytes.h"

/* Both return a descriptor, close-on-exec and non-blocking, or -errno with `why`. */
/* host: a numeric address.  *ret_port: what port 0 became. */
int listen_tcp(const char *host, unsigned port, unsigned *ret_port, char *why, size_t size);
/* A socket that is left over is replaced, one that somebody answers on is not.  With `mode` and, if it exists, the group. */
int listen_unix(const char *path, unsigned mode, const char *group, char *why, size_t size);

#endif
