/* tap.h - events and outcomes as they pass, for people who look on.
 *
 * The ledger thread of a subscription copies what a tap wants into the tap's
 * ring, and the HTTP thread takes it out as JSON lines.  Nobody waits for a
 * tap: what finds no room is dropped and counted.  Without one an event costs
 * a load and a test.
 *
 * Owns:    the taps of one subscription.
 * Threads: as marked at each function.
 * Uses:    core/event, core/metrics, core/trace.
 */
#ifndef ENGINE_TAP_H
#define ENGINE_TAP_H

#include "base/buf.h"
#include "core/config.h"
#include "core/event.h"
#include "core/metrics.h"

#include <pthread.h>

/* Of one subscription, at a time. */
#define TAPS_MAX 4

/* What is shown. */
#define TAP_KINDS(X) \
	X(HANDLED, "handled") X(DUPLICATE, "duplicate") X(CONFLICT, "conflict") X(DEAD, "dead") \
	X(DROPPED, "dropped") X(HANDED_OVER, "retry-topic") X(UNROUTED, "unrouted")
enum tap_kind {
#define X(id, text) TAP_##id,
	TAP_KINDS(X)
#undef X
	TAP_N_KINDS
};

struct tap_filter {
	int route, handler;		/* indexes into the configuration; -1: any */
	int outcome;			/* of a run: enum semel_outcome; -1: any, and what has none */
	bool dead;			/* only what becomes a dead letter or is dropped */
	bool payload;			/* show it, too */
	struct buf id, key;		/* only these, if their data is set; taken by tap_open */
	bool has_id, has_key;
};

struct tap;

struct tap_hub {
	_Atomic unsigned n;		/* how many taps there are */
	pthread_mutex_t lock;		/* of the list; the ledger thread tries it, and never waits */
	struct tap *taps[TAPS_MAX];
	_Atomic uint64_t missed;	/* events that came while the lock was another's */
	const struct config *config;
	struct series *dropped;
};

void tap_hub_init(struct tap_hub *h, const struct config *c, struct series *dropped);
void tap_hub_destroy(struct tap_hub *h);	/* all taps are closed */

static inline bool tap_wanted(const struct tap_hub *h)
{
	return atomic_load_explicit(&h->n, memory_order_relaxed) != 0;
}

/* The event is the caller's.  Threads: the ledger thread. */
void tap_show(struct tap_hub *h, enum tap_kind kind, struct event *ev, int64_t wall_ms);

/* ---- The other side.  Threads: http. */
/* Takes the filter; -EBUSY: there are TAPS_MAX. */
int tap_open(struct tap_hub *h, struct tap_filter *filter, struct tap **ret_tap);
void tap_close(struct tap *t);			/* NULL is allowed */
/* Appends what has come since, a JSON object and a newline each, up to about `cap` bytes; {"dropped":N} where some did
 * not find room. */
void tap_read(struct tap *t, struct buf *out, size_t cap);

#endif
