/* http_server.h - HTTP on a listening socket.
 *
 * At most 64 connections; each is bounded in memory and in time, a stream in memory alone, for as long as it is read.
 *
 * Owns:    the listening socket it was given, and its thread.
 * Threads: http_server_*: setup; http_server_tick: any; handlers: the server's own thread.
 * Uses:    libmicrohttpd.
 */
#ifndef ADAPTERS_HTTP_SERVER_H
#define ADAPTERS_HTTP_SERVER_H

#include "base/buf.h"
#include "base/clock.h"

struct http_request {
	const char *method, *path;
	/* A query parameter, NULL if absent. */
	const char *(*query)(const struct http_request *r, const char *name);
	void *native;
};

/* An answer that goes on until one of the two sides has enough. */
struct http_stream {
	void *arg;
	/* Appends what there is by now, up to about cap bytes; nothing: it is asked again after a tenth of a second. */
	void (*read)(void *arg, struct buf *out, size_t cap);
	void (*close)(void *arg);
};

struct http_answer {
	unsigned status;
	const char *type;		/* content type, a constant */
	const char *policy;		/* Content-Security-Policy of a page; NULL: it is none */
	struct buf body;		/* freed by the server */
	struct http_stream stream;	/* instead of a body, if its read is set; closed by the server */
};

typedef void (*http_handler_fn)(void *arg, const struct http_request *r, struct http_answer *a);

struct http_server;
/* fd: a listening socket, non-blocking; taken when this succeeds.  name: for messages. */
int http_server_start(int fd, const char *name, http_handler_fn handler, void *arg, struct http_server **ret_server,
    char *why, size_t size);
/* Now and then: ends connections that take too long for a request or its answer.  NULL is allowed. */
void http_server_tick(struct http_server *s, struct mono now);
void http_server_stop(struct http_server *s);		/* NULL is allowed */

#endif
