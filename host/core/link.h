/* link.h - keeps a flow and its client in step with the store: opening, calls, re-reading, healing.
 *
 * What may be sent when, and what has to be read first, is here and nowhere
 * else; core/ledger knows what a call means, core/flow what an event wants.
 * All calls are synchronous; the clock is the caller's, so that a simulation
 * can drive it.
 *
 * Rules it keeps (LEDGER.md sections 3, 4 and 5, docs/ledger.md):
 *  - the view (metadata, tables, segments) belongs to one version; whatever moves it, a call built before is
 *    looked for in the log and, if it is not there, taken apart;
 *  - a ledger on another server than its metadata says is adopted before anything is appended;
 *  - what this host had read as final and no longer finds is written again, before anything is claimed;
 *  - after a change of server nothing is claimed until all sessions that were live have healed, or a lease
 *    has passed;
 *  - identity or log gone, changed or gone back, a segment missing: lost, until somebody accepts that.
 *
 * Owns:    the tables it may still need to heal from; store, client and flow are the caller's.
 * Threads: the ledger thread only.
 * Uses:    core/flow, core/ledger/client, core/ledger/store.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "core/flow.h"

/* Tables of generations that were sealed are kept so long, to heal from: a failover loses seconds. */
#define LINK_KEEP_US 60000000
#define LINK_MAX_KEPT 16

enum link_fault {
	LINK_SOUND,
	LINK_TROUBLE,			/* the store's: store->trouble and store->text */
	LINK_LOST,			/* ids that were recorded are unknown: nothing goes on until that is accepted */
	LINK_DAMAGED			/* bytes that are not what was written: refused, read again */
};

struct link {
	struct store *store;
	struct client *client;
	struct flow *flow;
	int64_t lease_us;
	bool durable;			/* results wait for store_ops.confirm */
	uint64_t filter_memory;		/* bytes of tags that are kept */
	uint64_t generation_ids;	/* at 16 times as many, unsealed, nothing is claimed any more */

	/* What this node remembers from before it was started; zero: nothing. */
	uint8_t identity[16];
	uint32_t generation;

	/* Read these, and act. */
	enum link_fault fault;
	char text[400];			/* for the operator: what is wrong, and the remedy */
	bool healing;			/* claims wait */
	bool crowded;			/* sealing fails: the generation has grown to four times its size, or more */
	uint64_t rereads;		/* lists that were not what had been read */
	uint64_t calls;			/* appends that were sent */
	size_t items;			/* in the last one */

	/* Its own. */
	bool suspect;			/* writes may be lost: compare, heal */
	bool confirmed;			/* the results at hand are where `durability` wants them */
	bool stamped;			/* healed was said for this view's change of server */
	bool stale;			/* the version moved */
	struct mono looked_at;		/* whether the others have healed */
	struct kept_table { struct table *table; struct mono since; } kept[LINK_MAX_KEPT];
	size_t n_kept;
};

void link_init(struct link *l, struct store *store, struct client *client, struct flow *flow, int64_t lease_us);
void link_free(struct link *l);

/* All return 0 or -errno, with fault and text set.  -EAGAIN: nothing is wrong, go on with the next round. */

/* Read the metadata, the lists to their end, and what segments are new. */
int link_refresh(struct link *l, struct mono now);
/* What others wrote since; also notes a version that moved. */
int link_read(struct link *l, struct mono now);
/* Whatever is due: refreshing, confirming, stamping, one call.  `claims`: claims may be sent. */
int link_talk(struct link *l, struct mono now, bool claims);
/* Our session is not there any more: go on under another, which is open already. */
int link_new_session(struct link *l, struct session_id session, struct mono now);
/* A renewal has brought this: leases, and the version of the metadata. */
void link_renewed(struct link *l, const struct store_renewal *r, struct mono now, uint64_t connection);

/* What an engine that is dead left of one event (the black box).  The claim is named by its fence. */
enum link_left {
	LINK_LEFT_DONE,			/* the handler had ended it well */
	LINK_LEFT_FAILED,		/* ... or had asked for a retry */
	LINK_LEFT_CRASHED,		/* it was inside the handler, alone */
	LINK_LEFT_BEGUN			/* it was inside the handler */
};
struct link_run {
	uint8_t id[LEDGER_ID];
	uint64_t fence;
	enum link_left left;
	int64_t until_ms;		/* of LINK_LEFT_FAILED: the end of its back-off, Unix time */
};
/* Before the first session is opened: record, under the sessions of dead engines of this node, what they left, and
 * end these sessions.  What else they had claimed was never begun; `doubtful`: it may have been.  Repeating it
 * changes nothing. */
int link_recover(struct link *l, const struct session_id *sessions, size_t n_sessions, const struct link_run *runs,
    size_t n_runs, bool doubtful, struct mono now);

/* Give up what was built: the store refuses it for now (out of memory), and what ends claims must go through. */
void link_take_apart(struct link *l, struct mono now);
/* What is known of an id, wherever it is; reads pages of segments if need be. */
int link_find(struct link *l, const uint8_t id[LEDGER_ID], struct entry *ret_entry);

/* Begin anew after a loss: another identity that names the one it replaces, lists that are gone or damaged begun
 * anew, segments that are gone or damaged left out.  `fresh` says everything but what the ledger at hand, or the
 * last one known, can say; its identity, version and hash_key are new.  link_refresh follows. */
int link_accept_loss(struct link *l, const struct ledger_meta *fresh);

#endif
