/* web_tap.h - GET /v1/tap/SUBSCRIPTION: what a request asks of a tap.
 *
 * Owns:    nothing.
 * Threads: http.
 * Uses:    engine/tap, engine/status.
 */
#ifndef ENGINE_WEB_TAP_H
#define ENGINE_WEB_TAP_H

#include "adapters/http_server.h"
#include "engine/status.h"

/* Opens a tap for the query (route, handler, outcome, dead, payload, id and key in base64url) and makes it the answer's
 * stream.  0; else an HTTP status with `error` and `remedy`. */
unsigned web_tap(const struct status_source *source, const char *sub, const struct http_request *r,
    struct http_answer *a, const char **ret_error, const char **ret_remedy);

#endif
