/* client.h - one host's hand on one log: packs calls, reads replies, knows what is its own.
 *
 * Pure: it speaks to no store.  The owner asks for the call, sends it, and
 * gives the reply back; or it hears of records read.  One call at a time; a
 * call whose reply was lost is asked for again and has the same tag, so the
 * second copy is void where the first arrived.
 *
 * Owns:    the table, the call under way, the watch on other sessions' leases.
 * Threads: the ledger thread only.
 * Uses:    core/ledger/table, core/ledger/store (types).
 */
#ifndef CORE_LEDGER_CLIENT_H
#define CORE_LEDGER_CLIENT_H

#include "base/clock.h"
#include "core/ledger/store.h"
#include "core/ledger/table.h"

struct client;

/* `seed` makes the tags: random in production, the test's in a simulation. */
struct client *client_new(const struct ledger_meta *meta, int64_t lease_us, uint64_t seed);
void client_free(struct client *c);		/* NULL is allowed */

/* The session all further calls are made under; older ones of this client are remembered as own. */
void client_set_session(struct client *c, struct session_id id);
const struct session_id *client_session(const struct client *c);
bool client_is_own(const struct client *c, const struct session_id *id);	/* now or earlier */

const struct table *client_table(const struct client *c);

/* ---- Building a call.  -EBUSY: one is under way.  -ENOSPC: full, send first. */
enum client_op { CLIENT_CLAIM, CLIENT_TAKEOVER, CLIENT_SETTLE, CLIENT_WAIT, CLIENT_WAKE };

int client_add_claim(struct client *c, const uint8_t id[LEDGER_ID], uint32_t check, void *cookie);
/* Of an entry as the table shows it. */
int client_add_takeover(struct client *c, const struct entry *e, void *cookie);
/* For an entry (record, index) that the table shows as open and of our session. */
int client_add_settle(struct client *c, uint32_t record, uint16_t index, enum settle_status status, void *cookie);
int client_add_wait(struct client *c, uint32_t record, uint16_t index, bool failed, uint64_t until_ms, void *cookie);
int client_add_wake(struct client *c, uint32_t record, uint16_t index, void *cookie);
size_t client_items(const struct client *c);	/* added so far, or under way */

/* The call as built, or as sent before if its reply is still missing; NULL if there is nothing to send.
 * Position and last tag are always today's. */
const struct store_append *client_call(struct client *c);
bool client_under_way(const struct client *c);	/* sent, reply not yet seen */

/* One item of a call that has come back. */
struct client_result {
	enum client_op op;
	void *cookie;
	bool ok;			/* it took effect */
	struct entry entry;		/* of its id, as it stands after the call */
	uint64_t fence;			/* of a claim or takeover that holds */
};

/* Replay the reply.  0: results are to be had; -EAGAIN: no effect (stale, behind, diverged: read, then send
 * again); -EBADMSG: the log is not what it should be. */
int client_reply(struct client *c, const struct store_reply *reply);
/* Records read outside a call.  A record with the tag of the call under way is its reply: client_under_way is
 * false afterwards and results are to be had. */
int client_read(struct client *c, const struct store_reply *reply);
/* The results of the last call, in the order in which the items were added. */
size_t client_results(const struct client *c, const struct client_result **ret_results);
/* Counts the records of others applied so far: who waits for one looks again when it moved. */
uint64_t client_foreign(const struct client *c);

/* The log is not the one we read: forget the table and read from the start.  A call under way is kept. */
int client_restart(struct client *c, const struct ledger_meta *meta);	/* 0 or -ENOMEM */

/* The version moved, the log did not. */
void client_set_meta(struct client *c, const struct ledger_meta *meta);
/* Give the call under way up, which its owner knows to be without effect or void from now on: its items become
 * results that are not ok. */
void client_withdraw(struct client *c);

/* ---- The watch: second witness of a takeover. */
/* Lease ends as a renewal at `now` returned them, over the `connection`-th connection. */
void client_leases(struct client *c, const struct store_lease *leases, size_t n, struct mono now,
    uint64_t connection);
/* True if this host has seen that session's lease stand still for one lease of its own clock. */
bool client_over(const struct client *c, const struct session_id *id, struct mono now);

#endif
