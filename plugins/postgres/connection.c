/* One connection: made, prepared and waited for without blocking.
 *
 * libpq's own PQcancel() blocks (it connects anew, and waits), so nothing is
 * cancelled: a connection that is given up is closed, and the server, which
 * looks at its clients once a second, ends the run.
 */
#include "postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks at whether to give up. */
#define LOOK_MS 100

int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t now_ms(void)
{
	return now_us() / 1000;
}

bool pause_ms(int64_t ms, struct patience patience)
{
	int64_t until = now_ms() + ms, left;

	while ((left = until - now_ms()) > 0) {
		if (patience.give_up(patience.arg))
			return false;
		poll(NULL, 0, (int)(left < LOOK_MS ? left : LOOK_MS));
	}
	return true;
}

/* ---- Words */

/* The first line: the others are the text of a function, a hint, a position. */
static void note_text(struct conn *c, const char *text)
{
	size_t n = strcspn(text, "\n");

	snprintf(c->why, sizeof(c->why), "%.*s", (int)(n < 400 ? n : 400), text);
}

/* What libpq says of a connection may be several lines, one an address: the last is of the last that was tried. */
static void note_pg(struct conn *c, const char *instead)
{
	char text[1024];
	const char *line = text;

	c->code[0] = '\0';
	snprintf(text, sizeof(text), "%s", c->pg == NULL ? "" : PQerrorMessage(c->pg));
	for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	for (const char *p = text; *p != '\0'; p++)
		if (*p == '\n' && p[1] != '\t' && p[1] != ' ')
			line = p + 1;
	note_text(c, *line == '\0' ? instead : line);
}

void conn_note(struct conn *c, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (text == NULL) {
		note_pg(c, "the connection was lost");
		return;
	}
	snprintf(c->code, sizeof(c->code), "%s", code == NULL ? "" : code);
	note_text(c, text);
}

void conn_note_where(struct conn *c, const char *where)
{
	char why[sizeof(c->why)];

	memcpy(why, c->why, sizeof(why));
	snprintf(c->why, sizeof(c->why), "%s: %.400s", where, why);
}

void conn_note_away(struct postgres *p, const char *why)
{
	struct semel_header field = { "why", { why, why == NULL ? 0 : strlen(why) } };
	bool was_away;

	pthread_mutex_lock(&p->away_lock);
	was_away = p->away[0] != '\0';
	if (why == NULL && was_away)
		p->host->log(p->host, NULL, SEMEL_INFO, "PostgreSQL can be used again", NULL, 0);
	else if (why != NULL && strncmp(p->away, why, sizeof(p->away) - 1) != 0)
		p->host->log(p->host, NULL, SEMEL_ERROR, "PostgreSQL cannot be used; events wait", &field, 1);
	snprintf(p->away, sizeof(p->away), "%s", why == NULL ? "" : why);
	pthread_mutex_unlock(&p->away_lock);
}

/* The gauge; two that change it at once may set it in the wrong order, which the next change mends. */
static void count(struct conn *c, int by)
{
	int n = atomic_fetch_add(&c->p->n_connected, by) + by;

	c->p->host->record(c->p->connections, n);
}

/* ---- Waiting */

int conn_lost(struct conn *c)
{
	conn_close(c);
	return -ENOTCONN;
}

/* Until the socket is readable, or writable where that is asked for; -ETIMEDOUT past until_ms. */
static int wait_socket(struct conn *c, short events, int64_t until_ms, struct patience patience)
{
	for (;;) {
		struct pollfd fd = { PQsocket(c->pg), events, 0 };
		int64_t left = until_ms - now_ms();
		int n = poll(&fd, 1, (int)(left < 0 ? 0 : left < LOOK_MS ? left : LOOK_MS));

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (patience.give_up(patience.arg))
			return -ECANCELED;
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

/* What PQgetResult() says, when it can say it. */
static int get(struct conn *c, struct patience patience, PGresult **ret_result)
{
	for (;;) {
		int unsent = PQflush(c->pg), r;

		if (unsent == 0 && !PQisBusy(c->pg)) {
			*ret_result = PQgetResult(c->pg);
			return 0;
		}
		r = unsent < 0 ? -EIO
			       : wait_socket(c, unsent ? POLLIN | POLLOUT : POLLIN, INT64_MAX, patience);
		if (r == 0 && PQconsumeInput(c->pg) == 1)
			continue;
		if (r != -ECANCELED)
			note_pg(c, "the connection was lost");
		conn_close(c);
		return r == -ECANCELED ? r : -ENOTCONN;
	}
}

int conn_next(struct conn *c, struct patience patience, PGresult **ret_result)
{
	PGresult *result = NULL;
	int r = 0;

	/* A NULL ends each query of a pipeline; two together: there is nothing more, the connection is gone. */
	for (int i = 0; i < 2 && r == 0 && result == NULL; i++)
		r = get(c, patience, &result);
	if (r == 0 && result == NULL) {
		note_pg(c, "the connection was lost");
		r = conn_lost(c);
	}
	if (r == 0)
		*ret_result = result;
	return r;
}

static bool is_good(const PGresult *result)
{
	ExecStatusType s = PQresultStatus(result);

	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
}

int conn_collect(struct conn *c, struct patience patience, PGresult **ret_last)
{
	PGresult *last = NULL, *result;
	int r;

	while ((r = get(c, patience, &result)) == 0 && result != NULL) {
		if (last == NULL || is_good(last)) {
			PQclear(last);
			last = result;
		} else {
			PQclear(result);
		}
	}
	if (r == 0 && (last == NULL || !is_good(last))) {
		conn_note(c, last);
		r = PQstatus(c->pg) == CONNECTION_OK ? -EBADMSG : conn_lost(c);
	}
	if (r == 0)
		*ret_last = last;
	else
		PQclear(last);
	return r;
}

int conn_run(struct conn *c, struct patience patience, const char *text, long *ret_rows)
{
	PGresult *last;
	int r;

	if (PQsendQuery(c->pg, text) != 1) {
		note_pg(c, "the connection was lost");
		return conn_lost(c);
	}
	r = conn_collect(c, patience, &last);
	if (r < 0)
		return r;
	if (ret_rows != NULL) {
		const char *touched = PQcmdTuples(last);

		*ret_rows = *touched == '\0' ? PQntuples(last) : strtol(touched, NULL, 10);
	}
	PQclear(last);
	return 0;
}

/* ---- Connecting */

/* NOTICE, WARNING and the like, from the server or the team's SQL. */
static void notice(void *arg, const PGresult *result)
{
	struct postgres *p = arg;
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	struct semel_header field = { "notice", { text, text == NULL ? 0 : strlen(text) } };

	p->host->log(p->host, NULL, SEMEL_DEBUG, "PostgreSQL says", &field, text == NULL ? 0 : 1);
}

/* Names are looked up in here, which waits for the resolver. */
int conn_connect(struct conn *c, struct patience patience)
{
	struct postgres *p = c->p;
	int64_t until = now_ms() + p->connect_ms;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	int r = 0;

	c->pg = PQconnectStartParams((const char *const *)p->keywords, (const char *const *)p->values, 0);
	if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD) {
		note_pg(c, "out of memory");
		return conn_lost(c);
	}
	PQsetNoticeReceiver(c->pg, notice, p);
	while (r == 0 && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
		r = wait_socket(c, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, patience);
		if (r == 0)
			state = PQconnectPoll(c->pg);
	}
	if (r == 0 && state == PGRES_POLLING_OK) {
		c->counted = true;
		count(c, 1);
		return PQsetnonblocking(c->pg, 1) == 0 ? 0 : conn_lost(c);
	}
	if (r == -ETIMEDOUT)
		snprintf(c->why, sizeof(c->why), "no connection within %lld ms", (long long)p->connect_ms);
	else
		note_pg(c, strerror(-r));
	conn_lost(c);
	return r == -ECANCELED ? r : -ENOTCONN;
}

void conn_close(struct conn *c)
{
	if (c->pg == NULL)
		return;
	PQfinish(c->pg);
	c->pg = NULL;
	if (c->counted)
		count(c, -1);
	c->counted = false;
}

void conn_free(struct conn *c)
{
	conn_close(c);
	for (size_t i = 0; c->types != NULL && i < c->p->sql.n; i++)
		free(c->types[i]);
	free(c->types);
	free(c->values);
	free(c->text);
}
