/* client.h - one host's hand on one ledger: packs calls, reads replies, knows what is its own.
 *
 * Pure: it speaks to no store.  The owner (core/link) asks for the call, sends
 * it, and gives the reply back; or it hears of records read.  One call at a
 * time; a call whose reply was lost is asked for again and has the same tag,
 * so the second copy is void where the first arrived.
 *
 * What is known of an id: the table of the current generation, then of the one
 * before while that is unsealed, then the segments.  All three belong to one
 * version of the metadata, and a call carries the version its claims were
 * looked up under, never a newer one (LEDGER.md section 3).
 *
 * Owns:    references to tables and segments, the call under way, the watch on other sessions' leases.
 * Threads: the ledger thread only.
 * Uses:    core/ledger/table, core/ledger/segment, core/ledger/watch, core/ledger/store (types).
 */
#ifndef CORE_LEDGER_CLIENT_H
#define CORE_LEDGER_CLIENT_H

#include "base/clock.h"
#include "core/ledger/store.h"
#include "core/ledger/table.h"

struct client;

/* `seed` makes the tags: random in production, the test's in a simulation.  NULL when out of memory. */
struct client *client_new(int64_t lease_us, uint64_t seed);
void client_free(struct client *c);		/* NULL is allowed */

/* The session all further calls are made under; older ones of this client are remembered as own. */
void client_set_session(struct client *c, struct session_id id);
const struct session_id *client_session(const struct client *c);
bool client_is_own(const struct client *c, const struct session_id *id);	/* now or earlier */

/* ---- The view.  No call may be under way when it changes: withdraw it first. */
struct client_view {
	struct ledger_meta meta;
	struct table *current, *before;	/* before: NULL once it is sealed */
	struct segment *segments[LEDGER_MAX_SEGMENTS];
	size_t n_segments;
};

/* Takes the references of `view`, gives back those of the one before. */
void client_set_view(struct client *c, const struct client_view *view);
const struct client_view *client_view(const struct client *c);
uint64_t client_epoch(const struct client *c);		/* counts the views: what was looked up under one holds for it */

/* What the tables say of an id. */
struct entry client_find(const struct client *c, const uint8_t id[LEDGER_ID]);
/* Every open entry of a session, in either table. */
void client_each_open(const struct client *c, const struct session_id *session,
    void (*visit)(void *arg, const struct entry *e), void *arg);

/* ---- Building a call.  -EBUSY: one is under way.  -ENOSPC: full, send first.
 * An entry of the generation before is carried into this one with the call that changes it. */
enum client_op { CLIENT_CLAIM, CLIENT_TAKEOVER, CLIENT_SETTLE, CLIENT_WAIT, CLIENT_WAKE, CLIENT_LOOK };
#define CLIENT_MAX_LOOKS 1024

int client_add_claim(struct client *c, const uint8_t id[LEDGER_ID], uint32_t check, void *cookie);
/* Of an entry as client_find shows it: open, and for settle, wait and wake of our session. */
int client_add_takeover(struct client *c, const struct entry *e, void *cookie);
int client_add_settle(struct client *c, const struct entry *e, enum settle_status status, void *cookie);
int client_add_wait(struct client *c, const struct entry *e, bool failed, uint64_t until_ms, void *cookie);
int client_add_wake(struct client *c, const struct entry *e, void *cookie);
size_t client_items(const struct client *c);	/* of these added so far, or under way */
/* Bring what table and segments say of these ids, at most CLIENT_PREFETCH, near the processor, for the looks that
 * follow. */
#define CLIENT_PREFETCH 32
void client_prefetch(const struct client *c, const uint8_t *const *ids, size_t n);
/* Ask the segments.  0: no tag fits, it is in none.  1: pages will be read with the call, a result follows. */
int client_add_look(struct client *c, const uint8_t id[LEDGER_ID], void *cookie);
size_t client_looks(const struct client *c);
/* A final state to be written again, with one of the next calls. */
int client_add_heal(struct client *c, const struct record_heal *h);	/* 0 or -ENOMEM */
size_t client_heals(const struct client *c);	/* not yet written */
uint64_t client_healed(const struct client *c);	/* written again, and with effect, so far */

/* The call as built, or as sent before if its reply is still missing; NULL if nothing is to be appended.  Its
 * position and last tag are always today's; its version is that of its claims. */
const struct store_append *client_call(struct client *c);
bool client_under_way(const struct client *c);	/* sent, reply not yet seen */
/* The pages that the look-ups need, for store_ops.chunk_read where there is nothing to append. */
struct store_chunk *client_pages(struct client *c, size_t *ret_n);

/* One item of a call that has come back. */
struct client_result {
	enum client_op op;
	void *cookie;
	bool ok;			/* it took effect; of a look: the answer holds under this view */
	bool withdrawn;			/* it was given up before it had any */
	struct entry entry;		/* of its id, as it stands after the call; of a look: final, or absent */
};

/* Replay the reply.  0: results are to be had; -EAGAIN: no effect (stale, behind, diverged: read, then send
 * again); -EBADMSG: the log is not what it should be. */
int client_reply(struct client *c, const struct store_reply *reply);
/* The last call found our lease over by the store's clock: its claims were void, and so would be further ones. */
bool client_lapsed(const struct client *c);
void client_renewed(struct client *c);
/* Read the pages that the store has brought.  0: results are to be had; -ENOENT: one is not there, refresh;
 * -EBADMSG: one is damaged, client_damage names it. */
int client_looked(struct client *c);
const char *client_damage(const struct client *c);
/* Records of a generation's list read outside a call.  A record with the tag of the call under way is its reply:
 * client_under_way is false afterwards and results are to be had. */
int client_read(struct client *c, struct table *t, const struct store_record *records, size_t n);
/* The results so far, in the order in which the items were added; they are forgotten by client_forget_results. */
size_t client_results(const struct client *c, const struct client_result **ret_results);
void client_forget_results(struct client *c);
/* Counts the records of others applied so far, and the views: who waits for one looks again when it moved. */
uint64_t client_foreign(const struct client *c);
/* Give the call under way, and the look-ups, up: its owner knows that it is without effect or void from now on.
 * Its items become results that are not ok. */
void client_withdraw(struct client *c);

/* ---- The watch: second witness of a takeover. */
/* Lease ends as a renewal at `now` returned them, over the `connection`-th connection. */
void client_leases(struct client *c, const struct store_lease *leases, size_t n, struct mono now,
    uint64_t connection);
/* True if this host has seen that session's lease stand still for one lease of its own clock. */
bool client_over(const struct client *c, const struct session_id *id, struct mono now);

#endif
