/* web.h - the HTTP routes: read-only on TCP, all of them on the admin socket.
 *
 * Owns:    both servers.
 * Threads: start and stop: main; handlers run on the servers' threads and read snapshots.
 * Uses:    adapters/http_server, engine/status.
 */
#ifndef ENGINE_WEB_H
#define ENGINE_WEB_H

#include "engine/status.h"

struct web;

/* On listening sockets, which it takes; tcp -1: none. */
int web_start(const struct status_source *source, int tcp, int admin, struct web **ret_web, char *why, size_t size);
void web_tick(struct web *w);			/* once a second or so; NULL is allowed */
void web_stop(struct web *w);			/* NULL is allowed */

#endif
