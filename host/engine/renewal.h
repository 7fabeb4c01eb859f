/* renewal.h - the thread that keeps one ledger session's lease.
 *
 * It has a connection of its own, so that no long call can cost the lease,
 * and renews every third of it.  The local deadline counts from before the
 * renewal was sent (LEDGER.md section 4).  A deadline that had passed when
 * the reply came is not moved on here: the ledger thread first reads the log
 * to its end.
 *
 * Owns:    its store and thread.
 * Threads: renewal_news: the ledger thread; the rest: the ledger thread's start and stop.
 * Uses:    core/ledger/store.
 */
#ifndef ENGINE_RENEWAL_H
#define ENGINE_RENEWAL_H

#include "core/ledger/store.h"
#include "engine/subscription.h"

struct renewal;

/* `until`: the deadline that opening the session gave. */
int renewal_start(struct subscription *s, struct session_id session, struct mono until, struct renewal **ret_renewal);

struct renewal_news {
	unsigned count;			/* renewals answered so far */
	bool gone;			/* the session is not there any more: open another */
	bool lapsed;			/* the deadline had passed: read the log, then renewal_resume(lapses) */
	unsigned lapses;
	struct mono at;			/* when the last reply came */
	uint64_t connection;
	struct store_renewal renewal;	/* of the last answer; leases NULL: none yet; valid until the next call */
	enum store_trouble trouble;	/* of the last renewal, if it failed */
	const char *text;
};

/* What came since the last call; false: nothing. */
bool renewal_news(struct renewal *r, struct renewal_news *ret_news);
/* The log was read to its end after that many lapses: handlers may start again, if there was no further one. */
void renewal_resume(struct renewal *r, unsigned lapses);
/* Nothing starts any more before renewal_resume with what is returned, however often the lease is renewed. */
unsigned renewal_hold(struct renewal *r);
/* Go on with another session; handlers start again after renewal_resume with what is returned. */
unsigned renewal_session(struct renewal *r, struct session_id session, struct mono until);
void renewal_stop(struct renewal *r);		/* NULL is allowed; takes it */

#endif
