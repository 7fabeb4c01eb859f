/* redis_conn.h - one connection to a Redis server, with real deadlines.
 *
 * RESP2 over a non-blocking socket (TCP or Unix), formatted and parsed by
 * hiredis.  A call that does not end in time closes the connection, so that a
 * late reply is never taken for another call's.  Names are resolved anew for
 * each connection.  After one broke, the next is made with a jittered,
 * doubling back-off; a call meanwhile fails at once.
 *
 * Owns:    the socket.
 * Threads: one at a time.
 * Uses:    hiredis (formatting and parsing only).
 */
#ifndef ADAPTERS_REDIS_CONN_H
#define ADAPTERS_REDIS_CONN_H

#include "base/buf.h"
#include "base/clock.h"

enum redis_kind { REDIS_STRING, REDIS_ARRAY, REDIS_INTEGER, REDIS_NIL, REDIS_STATUS, REDIS_ERROR };

/* A reply, or an element of one; lives until the next call. */
struct redis_value;
enum redis_kind redis_value_kind(const struct redis_value *v);
struct bytes redis_value_text(const struct redis_value *v);	/* strings, statuses, errors; else absent */
int64_t redis_value_integer(const struct redis_value *v);
size_t redis_value_count(const struct redis_value *v);		/* of an array */
const struct redis_value *redis_value_at(const struct redis_value *v, size_t i);

struct redis_address {
	const char *host;		/* or NULL: `path` is a Unix socket */
	unsigned port;
	const char *path;
	const char *user, *password;	/* NULL: none */
	unsigned database;
	const char *name;		/* CLIENT SETNAME */
};

struct redis_conn;

/* Borrows the strings of the address.  NULL when out of memory.  `greet` is called on each new connection, after
 * AUTH and SELECT, and may refuse it (-errno, with `text`). */
struct redis_conn *redis_conn_new(const struct redis_address *a, int64_t timeout_ms,
    int (*greet)(void *arg, struct redis_conn *c), void *arg);
void redis_conn_free(struct redis_conn *c);	/* NULL is allowed */

/* One command.  0: *ret_value is set, maybe to an error reply.  -errno (-ETIMEDOUT, -ECONNREFUSED, -EPROTO ...):
 * the connection is closed, whether the command had an effect is unknown; redis_conn_text says what happened. */
int redis_conn_call(struct redis_conn *c, int argc, const struct bytes *argv, const struct redis_value **ret_value);
/* The same within `greet`. */
int redis_conn_ask(struct redis_conn *c, int argc, const struct bytes *argv, const struct redis_value **ret_value);
const char *redis_conn_text(const struct redis_conn *c);
/* For `greet` and for callers that found a reply which is none. */
void redis_conn_fail(struct redis_conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t redis_conn_count(const struct redis_conn *c);	/* connections made so far */

#endif
