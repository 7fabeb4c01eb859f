/* http_client.h - requests to the admin socket.
 *
 * Owns:    a request that is under way, until http_ask_free.
 * Threads: any; one struct http_ask has one.
 * Uses:    libcurl.
 */
#ifndef ADAPTERS_HTTP_CLIENT_H
#define ADAPTERS_HTTP_CLIENT_H

#include "base/buf.h"

/* The status code, or -errno (-ECONNREFUSED, -ENOENT, -EACCES, -ETIMEDOUT) with `why`. */
int http_client_call(const char *socket, const char *method, const char *path, struct buf *ret_body, char *why,
    size_t size);

/* An answer that goes on, as it comes, until `taker` returns false, *stop is set or the other side ends it.  The status code:
 * then it ended; what came with another than 200 is in *ret_refusal; -errno as above, -EINTR: *stop was set. */
int http_client_stream(const char *socket, const char *path, bool (*taker)(void *arg, const char *data, size_t len),
    void *arg, const volatile int *stop, struct buf *ret_refusal, char *why, size_t size);

/* The same without waiting, for who has keys to listen to meanwhile: GET, one at a time. */
struct http_ask;
struct http_ask *http_ask_new(const char *socket);	/* NULL: out of memory */
void http_ask_free(struct http_ask *a);			/* NULL is allowed; also under way */
void http_ask_begin(struct http_ask *a, const char *path);
bool http_ask_busy(const struct http_ask *a);
/* Until one of the n <= 4 fds is readable, the answer came, or the time is over. */
void http_ask_wait(struct http_ask *a, const int *fds, unsigned n, int timeout_ms);
/* As http_client_call, once it is no longer busy. */
int http_ask_take(struct http_ask *a, struct buf *ret_body, char *why, size_t size);

#endif
