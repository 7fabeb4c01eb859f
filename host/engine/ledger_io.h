/* ledger_io.h - the thread that owns one subscription's flow and its ledger connection.
 *
 * It opens or makes the ledger, opens a session, reads the log, starts the
 * poller, and then goes round: take mail, step the flow, send one call, take
 * its results.  Below saturation it lingers a moment before a call, so that
 * a round trip serves many events.  Whatever the store answers but OK stops
 * claims and starts (fail closed) and is tried again; the poller pauses.
 *
 * Owns:    store, client, flow, renewal, poller.
 * Threads: start and stop: the engine's main thread; ledger_io_find: http.
 * Uses:    core/link, core/flow, core/ledger, engine/poller, engine/renewal, engine/keeper.
 */
#ifndef ENGINE_LEDGER_IO_H
#define ENGINE_LEDGER_IO_H

#include "core/ledger/table.h"
#include "engine/gate.h"
#include "engine/letters.h"
#include "engine/pool.h"
#include "engine/subscription.h"

struct ledger_io;

struct ledger_io_deps {
	struct subscription *s;
	struct pool *const *pools;	/* by handler index; NULL entries while a plugin is not there */
	struct plugin *const *plugins;
	struct letters *letters;
	struct gate *gate;
};

int ledger_io_start(const struct ledger_io_deps *deps, struct ledger_io **ret_io);
/* Ask it to drain; returns at once. */
void ledger_io_stop(struct ledger_io *io);
/* Wait until it has, at most until `until`; false: events are still inside handlers, their claims are left to
 * the lease and nothing may be freed. */
bool ledger_io_wait(struct ledger_io *io, struct mono until);
void ledger_io_free(struct ledger_io *io);	/* NULL is allowed; only after ledger_io_wait said true */

/* The ledger's entry of an id, as the log stands at the last read, and where the event is on this host.  0; -EAGAIN: no
 * ledger yet. */
int ledger_io_find(struct ledger_io *io, struct bytes id, struct entry *ret_entry, struct event_here *ret_here,
    char *ret_owner, size_t size);

/* Put the events of this id that are here aside; how many there are, or -EAGAIN. */
int ledger_io_put_aside(struct ledger_io *io, struct bytes id, const char *why);

/* Accept that the ledger is lost: another begins, under another identity.  0; -EALREADY: it is not lost; other
 * -errno with `why`. */
int ledger_io_accept_loss(struct ledger_io *io, char *why, size_t size);

#endif
