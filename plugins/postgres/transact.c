/* One transaction: two pipelines, each a round trip; see run.c. */
#include "run.h"

#include <errno.h>
#include <string.h>

/* The next result of a pipeline.  0: good, and *ret_touched says whether it touched a row; -EBADMSG: refused, and the
 * rest of the pipeline is passed over; as conn_connect. */
static int take(struct worker *w, bool *ret_touched)
{
	struct conn *c = &w->conn;
	PGresult *result;
	ExecStatusType status;
	int r = conn_next(c, patience_of(w), &result);

	if (r < 0)
		return r;
	status = PQresultStatus(result);
	*ret_touched = strcmp(PQcmdTuples(result), "1") == 0;
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC) {
		r = -EBADMSG;
		if (status != PGRES_PIPELINE_ABORTED)
			conn_note(c, result);
	}
	PQclear(result);
	return r < 0 && PQstatus(c->pg) == CONNECTION_BAD ? conn_lost(c) : r;
}

/* After an error: to the end of its pipeline. */
static int pass_over(struct worker *w)
{
	for (;;) {
		PGresult *result;
		int r = conn_next(&w->conn, patience_of(w), &result);
		bool end = r == 0 && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

		if (r < 0)
			return r;
		PQclear(result);
		if (end)
			return 0;
	}
}

static int send(struct worker *w, const char *text)
{
	return PQsendQueryParams(w->conn.pg, text, 0, NULL, NULL, NULL, NULL, 0) == 1 ? 0 : -ENOTCONN;
}

static int send_inbox(struct worker *w, const struct semel_event *e)
{
	const char *values[] = { e->subscription, e->id.data };
	const int lengths[] = { (int)strlen(e->subscription), (int)e->id.len }, binary[] = { 1, 1 };

	return PQsendQueryPrepared(w->conn.pg, "semel_inbox", 2, values, lengths, binary, 0) == 1 ? 0
												  : -ENOTCONN;
}

static int sync(struct worker *w)
{
	return PQpipelineSync(w->conn.pg) == 1 ? 0 : -ENOTCONN;
}

static int send_inboxes(struct worker *w, const struct item *items, size_t n)
{
	int r = send(w, "BEGIN");

	for (size_t i = 0; r == 0 && i < n; i++)
		r = send_inbox(w, items[i].e);
	return r == 0 ? sync(w) : r;
}

static int take_inboxes(struct worker *w, struct item *items, size_t n, size_t *ret_failed)
{
	bool touched;
	int r = take(w, &touched);

	*ret_failed = n;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = take(w, &items[i].fresh);
		if (r == -EBADMSG)
			*ret_failed = i;
	}
	return r == 0 ? take(w, &touched) : r;
}

static int send_effects(struct worker *w, const struct item *items, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; r == 0 && items[i].fresh && k < w->conn.p->sql.n; k++)
			r = params_send(&w->conn, k, items[i].e);
	if (r == 0)
		r = send(w, "COMMIT");
	return r == 0 ? sync(w) : r;
}

/* *ret_failed: n, if it was the COMMIT. */
static int take_effects(struct worker *w, const struct item *items, size_t n, size_t *ret_failed)
{
	bool touched;
	int r = 0;

	*ret_failed = n;
	for (size_t i = 0; r == 0 && i < n; i++) {
		for (size_t k = 0; r == 0 && items[i].fresh && k < w->conn.p->sql.n; k++) {
			r = take(w, &touched);
			if (r == -EBADMSG)
				*ret_failed = i;
		}
	}
	if (r == 0)
		r = take(w, &touched);
	return r == 0 ? take(w, &touched) : r;
}

static int roll_back(struct worker *w)
{
	char code[sizeof(w->conn.code)], why[sizeof(w->conn.why)];
	bool touched;
	int r;

	memcpy(code, w->conn.code, sizeof(code));
	memcpy(why, w->conn.why, sizeof(why));
	r = pass_over(w);
	if (r == 0 && (send(w, "ROLLBACK") < 0 || sync(w) < 0))
		r = conn_lost(&w->conn);
	for (int i = 0; r == 0 && i < 2; i++)
		r = take(w, &touched);
	memcpy(w->conn.code, code, sizeof(code));
	memcpy(w->conn.why, why, sizeof(why));
	return r;
}

int transact(struct worker *w, struct item *items, size_t n, size_t *ret_failed)
{
	int r = send_inboxes(w, items, n);

	if (r == 0)
		r = take_inboxes(w, items, n, ret_failed);
	if (r == 0) {
		r = send_effects(w, items, n);
		if (r == 0)
			r = take_effects(w, items, n, ret_failed);
	}
	if (r == -EBADMSG) {
		int back = roll_back(w);

		r = back == -ECANCELED ? back : r;
	} else if (w->conn.pg != NULL && r < 0) {
		snprintf(w->conn.why, sizeof(w->conn.why), "%s",
		    r == -ENOMEM ? "out of memory" : PQerrorMessage(w->conn.pg));
		r = conn_lost(&w->conn);
	}
	return r;
}
