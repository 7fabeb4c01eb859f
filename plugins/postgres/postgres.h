/* postgres.h - what the parts of the handler share.
 *
 * One struct postgres a handler, made by open and then only read, but for
 * its atomics.  One struct conn a worker, and one for the cleaner while it
 * works.  Nothing here blocks past what give_up() says: libpq is used
 * without blocking, and a connection that is given up is closed.
 *
 * Owns:    its copies of the settings.
 * Threads: as each part says.
 * Uses:    libpq.
 */
#ifndef POSTGRES_H
#define POSTGRES_H

#include <semel/handler.h>

#include "sql.h"
#include "sqlstate.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

struct cleaner {
	pthread_t		thread;
	pthread_mutex_t		lock;
	pthread_cond_t		wake;
	bool			started;
	atomic_bool		stopping;	/* written under lock */
};

struct postgres {
	const struct semel_host	*host;
	struct sql		sql;
	struct sqlstate_changes	changes;
	char			**keywords, **values;	/* of the connection, NULL behind the last */
	size_t			n_keywords;
	char			inbox[160], inbox_index[80];	/* quoted */
	bool			create_inbox;
	int64_t			connect_ms, statement_ms, wait_ms, retention_ms;
	struct semel_metric	*transactions, *already_done, *errors, *reconnects, *connections, *cleaned, *seconds;
	atomic_int		n_connected;
	pthread_mutex_t		away_lock;
	char			away[512];		/* why the server cannot be used, as logged last; "": it can */
	struct cleaner		cleaner;
};

/* ---- settings.c.  Threads: setup. */
extern const struct semel_setting postgres_settings[];
/* 0, or -errno with the faults told to the host; postgres_free() in any case. */
int postgres_read(struct postgres *p, const struct semel_settings *s);
void postgres_free(struct postgres *p);

/* ---- connection.c.  Threads: one at a time for one connection. */

/* True: stop waiting; asked at least every 100 ms. */
struct patience { bool (*give_up)(void *arg); void *arg; };

struct conn {
	struct postgres		*p;
	PGconn			*pg;			/* NULL: not connected */
	Oid			**types;		/* of each statement's parameters */
	void			*values;		/* see params.c */
	char			*text;
	size_t			text_cap;
	bool			counted, connected_before;
	char			code[6], why[480];	/* of the last error; code "": none of the server's */
};

/* 0; -ECANCELED: given up; -ENOTCONN: why says it. */
int conn_connect(struct conn *c, struct patience patience);
void conn_close(struct conn *c);	/* a run that is under way ends there within a second */
int conn_lost(struct conn *c);		/* the same; returns -ENOTCONN */
void conn_free(struct conn *c);

/* The next result; the caller knows how many there are.  As conn_connect; if not 0 it is closed. */
int conn_next(struct conn *c, struct patience patience, PGresult **ret_result);
/* All results of what was sent, not in pipeline mode; the last, or as conn_run. */
int conn_collect(struct conn *c, struct patience patience, PGresult **ret_last);
/* Send text without parameters, not in pipeline mode; -EBADMSG: the server refused it, code and why say it.
 * *ret_rows, which may be NULL: rows that it touched or returned. */
int conn_run(struct conn *c, struct patience patience, const char *text, long *ret_rows);
/* Keep what a failed result says. */
void conn_note(struct conn *c, const PGresult *result);
/* Put before it where that was. */
void conn_note_where(struct conn *c, const char *where);

/* Log that the server cannot be used, or (why NULL) can be again: once for each reason.  Threads: any. */
void conn_note_away(struct postgres *p, const char *why);

int64_t now_us(void), now_ms(void);	/* monotonic */
/* False: given up. */
bool pause_ms(int64_t ms, struct patience patience);

/* ---- setup.c.  Threads: one at a time for one connection. */

/* Connected, statements prepared, in pipeline mode.  As conn_connect. */
int conn_open(struct conn *c, struct patience patience);
/* Without the statements, not in pipeline mode. */
int conn_open_plain(struct conn *c, struct patience patience);

/* ---- params.c.  Threads: one at a time for one connection. */

/* What is declared; 0: PostgreSQL says. */
Oid param_type(enum sql_source source);
/* Room for the values of any statement; -ENOMEM. */
int params_room(struct conn *c);
/* False: a text of this event has a NUL byte, where its type cannot hold one; why says where. */
bool params_fit(const struct conn *c, const struct semel_event *e, char *why, size_t size);
/* 0, -ENOMEM, -ENOTCONN. */
int params_send(struct conn *c, size_t statement, const struct semel_event *e);

/* ---- run.c.  Threads: worker. */
int postgres_worker_open(void *self, unsigned index, void **ret_worker);
void postgres_handle_batch(
    void *self, void *worker, const struct semel_event *const *e, int *outcomes, size_t n);
void postgres_worker_close(void *worker);

/* ---- cleaner.c.  Threads: setup. */
int cleaner_start(struct postgres *p);
void cleaner_stop(struct postgres *p);

#endif
