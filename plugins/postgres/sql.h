/* sql.h - the team's SQL: statements with named parameters become statements with $1, $2, ...
 *
 * Values never become part of the text.  Names are found as PostgreSQL's
 * own scanner would find them: not in quotes, comments or casts.  Each place
 * is a parameter of its own, so that each takes the type of its place.
 *
 * Owns:    the texts it makes.
 * Threads: any, after sql_parse().
 * Uses:    libc.
 */
#ifndef POSTGRES_SQL_H
#define POSTGRES_SQL_H

#include <stdbool.h>
#include <stddef.h>

enum sql_source {
	SQL_ID, SQL_KEY, SQL_PAYLOAD, SQL_HEADER,	/* bytes; PostgreSQL says of which type */
	SQL_SUBSCRIPTION, SQL_ROUTE, SQL_HANDLER, SQL_TOPIC,
	SQL_PARTITION, SQL_ATTEMPT, SQL_OFFSET, SQL_FENCE, SQL_TIMESTAMP, SQL_TIMESTAMP_MS, SQL_REDELIVERED
};

struct sql_param	{ enum sql_source source; char *header; /* of SQL_HEADER */ };
struct sql_statement	{ char *text; struct sql_param *params; size_t n_params; bool is_call; };
struct sql		{ struct sql_statement *statements; size_t n; };

/* Statements are separated by `;`, at least one.  -EINVAL with the reason, and the line within
 * `text`, in why; -ENOMEM.  *ret is freed by sql_free() only after 0. */
int sql_parse(const char *text, struct sql *ret, char *why, size_t size);
void sql_free(struct sql *s);

/* ":payload", as it stands in the text. */
const char *sql_source_name(enum sql_source source);

#endif
