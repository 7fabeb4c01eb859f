/* redis_conn.h - one connection to a Redis server, with real deadlines.
 *
 * RESP2, formatted here and parsed by hiredis.  A call that does not end in
 * time closes the connection, so that a late reply is never taken for another
 * call's.  Where the server is is asked anew for each connection.  After one
 * broke, the next is made with a jittered, doubling back-off; a call
 * meanwhile fails at once.
 *
 * Owns:    the socket, the replies of the last call.
 * Threads: one at a time.
 * Uses:    hiredis (parsing only), adapters/redis_socket.
 */
#ifndef ADAPTERS_REDIS_CONN_H
#define ADAPTERS_REDIS_CONN_H

#include "adapters/redis_socket.h"
#include "base/buf.h"

enum redis_kind { REDIS_STRING, REDIS_ARRAY, REDIS_INTEGER, REDIS_NIL, REDIS_STATUS, REDIS_ERROR };

/* A reply, or an element of one; lives until the next call. */
struct redis_value;
enum redis_kind redis_value_kind(const struct redis_value *v);
struct bytes redis_value_text(const struct redis_value *v);	/* strings, statuses, errors; else absent */
int64_t redis_value_integer(const struct redis_value *v);
size_t redis_value_count(const struct redis_value *v);		/* of an array */
const struct redis_value *redis_value_at(const struct redis_value *v, size_t i);

struct redis_command {
	size_t argc;
	const struct bytes *argv;
};

struct redis_login {			/* NULL: none */
	const char *user, *password;
	unsigned database;
	const char *name;		/* CLIENT SETNAME */
};

struct redis_conn;

struct redis_conn_hooks {
	void *arg;
	/* Where to connect now; -errno with `why`. */
	int (*where)(void *arg, struct redis_place *ret_place, char *why, size_t size);
	/* Called on each new connection, after AUTH and SELECT; may refuse it (-errno, by redis_conn_fail). */
	int (*greet)(void *arg, struct redis_conn *c);
};

/* Borrows all strings.  NULL when out of memory. */
struct redis_conn *redis_conn_new(const struct redis_login *login, int64_t timeout_ms, const struct redis_conn_hooks *hooks);
void redis_conn_free(struct redis_conn *c);	/* NULL is allowed */

/* Commands with one round trip.  0: *ret_values are their replies, some maybe errors.  -errno (-ETIMEDOUT,
 * -ECONNREFUSED, -EPROTO ...): the connection is closed, whether the commands had an effect is unknown;
 * redis_conn_text says what happened.  -ENOTCONN: it waits before it connects again. */
int redis_conn_run(struct redis_conn *c, const struct redis_command *commands, size_t n,
    const struct redis_value *const **ret_values);
/* Connect if there is no connection and the back-off is over; 0 or as redis_conn_run. */
int redis_conn_ready(struct redis_conn *c);
/* One command. */
int redis_conn_call(struct redis_conn *c, size_t argc, const struct bytes *argv, const struct redis_value **ret_value);
/* The same within `greet`. */
int redis_conn_ask(struct redis_conn *c, size_t argc, const struct bytes *argv, const struct redis_value **ret_value);
const char *redis_conn_text(const struct redis_conn *c);
/* For `greet` and for callers that found a reply which is none: closes. */
void redis_conn_fail(struct redis_conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Close; the next call connects at once. */
void redis_conn_reset(struct redis_conn *c);
uint64_t redis_conn_count(const struct redis_conn *c);	/* connections made so far */
int64_t redis_conn_certificate_expiry(const struct redis_conn *c);	/* Unix time; 0: no TLS */

#endif
