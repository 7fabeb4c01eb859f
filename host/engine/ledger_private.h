/* ledger_private.h - what the files of the ledger thread share; nobody else includes it.
 *
 * ledger_io.c   the thread: mail, rounds, waiting, stopping
 * ledger_call.c talking to the store: the lease, sessions, calls
 * ledger_open.c opening: metadata, session, what this node remembers; accepting a loss
 * ledger_ask.c  what people ask
 * ledger_watch.c progress
 * ledger_show.c what the flow notes: metrics, logs, status
 *
 * Owns:    -
 * Threads: the ledger thread.
 * Uses:    engine/ledger_io.
 */
#ifndef ENGINE_LEDGER_PRIVATE_H
#define ENGINE_LEDGER_PRIVATE_H

#include "core/link.h"
#include "engine/keeper.h"
#include "engine/ledger_io.h"
#include "engine/poller.h"
#include "engine/recorder.h"
#include "engine/renewal.h"

#include <semaphore.h>

enum ledger_state { LEDGER_STARTING, LEDGER_OK, LEDGER_UNREACHABLE, LEDGER_REFUSED, LEDGER_LOST };
#define LEDGER_N_STATES 5

/* How many outcomes the SDK knows. */
#define OUTCOMES 6

/* A question about one id, answered by the ledger thread. */
struct query {
	struct mail mail;
	struct bytes id;
	struct event_here *here;
	struct entry entry;
	char owner[64];
	int result;
	sem_t done;
};

/* An operator puts the events of an id aside. */
struct aside {
	struct mail mail;
	struct bytes id;
	const char *why;
	size_t n;			/* of them */
	sem_t done;
};

/* An operator accepts that the ledger is lost. */
struct accept {
	struct mail mail;
	int result;
	char text[400];
	sem_t done;
};

struct ledger_io {
	struct ledger_io_deps deps;
	struct subscription *s;
	pthread_t thread;
	_Atomic bool stop, ended;

	struct store *store;
	struct client *client;
	struct flow *flow;
	struct renewal *renewal;
	struct poller *poller;
	struct link link;
	struct keeper *keeper;
	struct recorder *recorder;
	bool open;			/* metadata, session and log were read once */
	uint8_t remembered_key[16];	/* of the ids, from before this start; zero: none */
	uint32_t written_generation;	/* as this node remembers it on disk */

	enum ledger_state state;
	char reason[512];
	bool must_read;			/* the log is to be read to its end before anything starts */
	bool no_claims;			/* the server is out of memory: settles only */
	struct mono progress_at;	/* a run ended, or an event went back */
	uint32_t resumes;		/* as last seen */
	bool session_gone, paused;
	bool said_unfiltered, said_crowded, said_retention, said_volatile;
	uint64_t healed, rereads, epoch;	/* as last seen */
	int64_t server_ahead_us;	/* the server's clock against ours, Unix time */
	bool server_time_known;
	unsigned lapses, renewals;
	struct mono retry_at;		/* after a failed call */
	struct mono called_at, published_at, watched_at, claims_at, stats_at;
	int64_t wall_ms;		/* of this round */
	bool poller_stopping;
	struct mail *back_newest, *back_oldest;	/* events that go back with this round */

	/* Who owns the sessions that are known, for `semel event`. */
	struct owner { struct session_id session; char name[64]; } *owners;
	size_t n_owners;

	struct series **outcome_series;	/* handler * OUTCOMES + outcome */
	struct series *call_seconds, *read_seconds, *batch, *state_series[LEDGER_N_STATES];
};

/* ledger_open.c.  0; -errno: not now (state and reason say why). */
int ledger_open(struct ledger_io *io);
int ledger_open_session(struct ledger_io *io, struct session_id *ret_session, struct mono *ret_until);
void ledger_accept(struct ledger_io *io, struct accept *a);
/* What this node has read, for its next start. */
void ledger_remember(struct ledger_io *io);

/* ledger_ask.c */
void ledger_answer(struct ledger_io *io, struct query *q);

/* ledger_call.c */
void ledger_take_renewal(struct ledger_io *io, struct mono now);
/* False: nothing is to be sent (not open, lost, or waiting before the next try). */
bool ledger_usable(const struct ledger_io *io, struct mono now);
/* Everything that talks to the store, once. */
void ledger_talk(struct ledger_io *io, struct mono now);
/* Show the keeper what the ledger is now. */
void ledger_keep_up(struct ledger_io *io);

/* ledger_show.c */
void ledger_set_state(struct ledger_io *io, enum ledger_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A store call failed: state, reason, log, metric, when to try again. */
void ledger_trouble(struct ledger_io *io, const char *what, int error);
/* The same for whatever the link says. */
void ledger_fault(struct ledger_io *io, int error);
void ledger_note(void *arg, enum flow_note note, struct event *ev);
void ledger_late(void *arg, struct event *ev);
/* No progress for stall_timeout: says so, and when it is over. */
void ledger_watch_progress(struct ledger_io *io, struct mono now);
void ledger_publish(struct ledger_io *io, struct mono now);
void ledger_show_event(struct event_status *out, const struct event *ev);	/* NULL: none; under the status' lock */
void ledger_outcome_metrics(struct ledger_io *io, struct event *ev);
void ledger_keep_owners(struct ledger_io *io, const struct store_lease *leases, size_t n);
const char *ledger_owner(const struct ledger_io *io, const struct session_id *session);	/* "" if not known */
void ledger_setup_series(struct ledger_io *io);

#endif
