/* http_client.h - one request to the admin socket.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libcurl.
 */
#ifndef ADAPTERS_HTTP_CLIENT_H
#define ADAPTERS_HTTP_CLIENT_H

#include "base/buf.h"

/* The status code, or -errno (-ECONNREFUSED, -ENOENT, -EACCES, -ETIMEDOUT) with `why`. */
int http_client_call(const char *socket, const char *method, const char *path, struct buf *ret_body, char *why,
    size_t size);

#endif
