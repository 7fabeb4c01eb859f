/* What a new connection needs before events: the session's settings, the inbox, the statements. */
#include "postgres.h"

#include <errno.h>
#include <stdlib.h>

/* A text for conn_run() that may be refused only for a reason that ends the attempt. */
static int must_run(struct conn *c, struct patience patience, const char *text, long *ret_rows)
{
	int r = conn_run(c, patience, text, ret_rows);

	return r == -EBADMSG ? conn_lost(c) : r;
}

/* synchronous_commit off would acknowledge effects that a crash of the server takes back. */
static int set_up_session(struct conn *c, struct patience patience)
{
	struct postgres *p = c->p;
	char text[512];
	int r;

	snprintf(text, sizeof(text),
	    "SELECT set_config('standard_conforming_strings', 'on', false), "
	    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
	    "ELSE current_setting('synchronous_commit') END, false)");
	r = must_run(c, patience, text, NULL);
	if (r == 0 && p->statement_ms > 0) {
		snprintf(text, sizeof(text),
		    "SELECT set_config('statement_timeout', '%lld', false), "
		    "set_config('idle_in_transaction_session_timeout', '%lld', false)",
		    (long long)p->statement_ms, (long long)p->statement_ms);
		r = must_run(c, patience, text, NULL);
	}
	/* So that what a closed connection ran ends soon; not on every system: then statement_timeout ends it. */
	if (r == 0 && PQserverVersion(c->pg) >= 140000) {
		r = conn_run(c, patience, "SET client_connection_check_interval = '1s'", NULL);
		r = r == -EBADMSG ? 0 : r;
	}
	return r;
}

int conn_open_plain(struct conn *c, struct patience patience)
{
	int r = conn_connect(c, patience);

	return r == 0 ? set_up_session(c, patience) : r;
}

/* ---- The inbox */

/* Under a lock: IF NOT EXISTS alone lets two sessions make it at once, and one of them fail. */
static int create_inbox(struct conn *c, struct patience patience)
{
	char text[1024];

	snprintf(text, sizeof(text),
	    "BEGIN; SELECT pg_advisory_xact_lock(hashtext('semel inbox')); "
	    "CREATE TABLE IF NOT EXISTS %s (subscription text NOT NULL, id bytea NOT NULL, "
	    "handled_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (subscription, id)); "
	    "CREATE INDEX IF NOT EXISTS %s ON %s (handled_at); COMMIT",
	    c->p->inbox, c->p->inbox_index, c->p->inbox);
	return must_run(c, patience, text, NULL);
}

/* Plans the insert, which needs the table, its unique key, and the right to write to it. */
static int check_inbox(struct conn *c, struct patience patience)
{
	char text[512];
	long missing = 0;
	int r;

	snprintf(text, sizeof(text), "SELECT 1 WHERE to_regclass('%s') IS NULL", c->p->inbox);
	r = must_run(c, patience, text, &missing);
	if (r == 0 && missing > 0 && c->p->create_inbox)
		r = create_inbox(c, patience);
	snprintf(text, sizeof(text),
	    "EXPLAIN INSERT INTO %s (subscription, id) VALUES ('', '') ON CONFLICT (subscription, id) DO NOTHING",
	    c->p->inbox);
	if (r == 0)
		r = must_run(c, patience, text, NULL);
	if (r == -ENOTCONN && c->code[0] != '\0')
		conn_note_where(c, missing > 0 && !c->p->create_inbox
				       ? "the inbox (create_inbox = true makes it)"
				       : "the inbox");
	return r;
}

/* ---- Statements */

static int prepare(
    struct conn *c, struct patience patience, const char *name, const char *text, const Oid *types, size_t n)
{
	PGresult *result;
	int r;

	if (PQsendPrepare(c->pg, name, text, (int)n, types) != 1)
		return conn_lost(c);
	r = conn_collect(c, patience, &result);
	if (r == 0)
		PQclear(result);
	return r;
}

static int describe(struct conn *c, struct patience patience, const char *name, Oid *types, size_t n)
{
	PGresult *result;
	int r;

	if (PQsendDescribePrepared(c->pg, name) != 1)
		return conn_lost(c);
	r = conn_collect(c, patience, &result);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && i < (size_t)PQnparams(result); i++)
		types[i] = PQparamtype(result, (int)i);
	PQclear(result);
	return 0;
}

/* Plans it as if it were run, which needs the rights; CALL cannot be planned. */
static int check_rights(
    struct conn *c, struct patience patience, const char *name, const struct sql_statement *st)
{
	char *text = NULL;
	size_t size;
	FILE *f = st->is_call ? NULL : open_memstream(&text, &size);
	int r;

	if (f == NULL)
		return 0;
	fprintf(f, "EXPLAIN EXECUTE %s", name);
	for (size_t i = 0; i < st->n_params; i++)
		fputs(i == 0 ? "(NULL" : ", NULL", f);
	fputs(st->n_params > 0 ? ")" : "", f);
	r = fclose(f) == 0 ? conn_run(c, patience, text, NULL) : 0;
	free(text);
	return r;
}

static int prepare_statement(struct conn *c, struct patience patience, size_t i)
{
	const struct sql_statement *st = &c->p->sql.statements[i];
	char name[32], where[48];
	int r;

	if (c->types[i] == NULL)
		c->types[i] = calloc(st->n_params + 1, sizeof(Oid));
	if (c->types[i] == NULL)
		return conn_lost(c);
	for (size_t j = 0; j < st->n_params; j++)
		c->types[i][j] = param_type(st->params[j].source);
	snprintf(name, sizeof(name), "semel_%zu", i);
	r = prepare(c, patience, name, st->text, c->types[i], st->n_params);
	if (r == 0)
		r = describe(c, patience, name, c->types[i], st->n_params);
	if (r == 0)
		r = check_rights(c, patience, name, st);
	if (r == -EBADMSG) {
		snprintf(where, sizeof(where), "sql, statement %zu", i + 1);
		conn_note_where(c, where);
		return conn_lost(c);
	}
	return r;
}

static int prepare_all(struct conn *c, struct patience patience)
{
	char text[512];
	int r;

	snprintf(text, sizeof(text),
	    "INSERT INTO %s (subscription, id) VALUES ($1::text, $2::bytea) ON CONFLICT (subscription, id) DO NOTHING",
	    c->p->inbox);
	r = prepare(c, patience, "semel_inbox", text, NULL, 0);
	for (size_t i = 0; r == 0 && i < c->p->sql.n; i++)
		r = prepare_statement(c, patience, i);
	return r == -EBADMSG ? conn_lost(c) : r;
}

int conn_open(struct conn *c, struct patience patience)
{
	int r;

	if (c->types == NULL)
		c->types = calloc(c->p->sql.n, sizeof(*c->types));
	snprintf(c->why, sizeof(c->why), "out of memory");
	if (c->types == NULL || params_room(c) < 0)
		return -ENOTCONN;
	r = conn_open_plain(c, patience);
	if (r == 0)
		r = check_inbox(c, patience);
	if (r == 0)
		r = prepare_all(c, patience);
	if (r == 0 && PQenterPipelineMode(c->pg) != 1)
		r = conn_lost(c);
	if (r == 0) {
		if (c->connected_before)
			c->p->host->record(c->p->reconnects, 1);
		c->connected_before = true;
		conn_note_away(c->p, NULL);
	}
	return r;
}
