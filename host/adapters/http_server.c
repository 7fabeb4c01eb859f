#include "adapters/http_server.h"

#include "base/page.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32
#define TIMEOUT_S 5

struct http_server {
	struct MHD_Daemon *daemon;
	http_handler_fn handler;
	void *arg;
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
	struct http_answer a = { 500, "text/plain; charset=utf-8", NULL, { NULL, 0, 0 } };
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
	MHD_add_response_header(
	    response, "Content-Security-Policy", a.policy == NULL ? page_policy_none : a.policy);
	for (size_t i = 0; i < PAGE_N_HEADERS; i++)
		MHD_add_response_header(response, page_headers[i].name, page_headers[i].value);
	if (a.status == 405)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, a.status, response);
	MHD_destroy_response(response);
	return result;
}

int http_server_start(int fd, const char *name, http_handler_fn handler, void *arg,
    struct http_server **ret_server, char *why, size_t size)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->handler = handler;
	s->arg = arg;
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, answer, s,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
	if (s->daemon == NULL) {
		snprintf(why, size, "HTTP on %s: the server cannot be started", name);
		free(s);
		return -EIO;
	}
	*ret_server = s;
	return 0;
}

void http_server_stop(struct http_server *s)
{
	MHD_socket fd;

	if (s == NULL)
		return;
	/* Stopping alone would shut the socket down, for all who have it.  It takes MHD_USE_ITC. */
	fd = MHD_quiesce_daemon(s->daemon);
	MHD_stop_daemon(s->daemon);
	if (fd != MHD_INVALID_SOCKET)
		close(fd);
	free(s);
}
