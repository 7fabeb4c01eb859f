/* poller_private.h - what the files of the poller share; nobody else includes it.
 *
 * poller.c        the thread: polling, taking events back, budget
 * poller_group.c  the group's rebalances, start positions, what is stored
 * poller_pause.c  back-pressure, partitions that stand still
 * poller_show.c   states, status, metrics
 *
 * Owns:    -
 * Threads: the poller.
 * Uses:    engine/poller.
 */
#ifndef ENGINE_POLLER_PRIVATE_H
#define ENGINE_POLLER_PRIVATE_H

#include "core/offsets.h"
#include "engine/decode.h"
#include "engine/poller.h"

struct partition {
	const char *topic;		/* the source's */
	int32_t partition;
	uint32_t index, epoch;		/* the epoch of the assignment at hand */
	bool assigned, blocked, paused;	/* paused by us */
	_Atomic int standing;		/* events for which it is to stand still; the ledger thread's */
	char stands_for[256];		/* the first of them; under the status' lock */
	uint32_t oldest_round;		/* of the look that found what is below; under the status' lock */
	struct event_brief oldest;
	struct offsets *window;
	size_t outstanding;		/* events of this epoch that have not come back */
	int64_t next;			/* least offset that may come; -1: any */
	int64_t position, stored;	/* safe to commit; stored for commit; -1: none */
	int64_t eof;			/* the partition's end as last seen; -1: unknown */
	int64_t end;			/* by statistics or EOF */
	int64_t first_end;		/* the first end that was seen since it was assigned; -1: none yet */
	struct mono moved_at;		/* a record or the end came, or there was none to come */
	char reason[256];
	struct series *stuck, *lag, *fetch_lag, *committed, *consumed;
};

/* Up to where it is fetched: past control records and what compaction took, too. */
static inline int64_t partition_fetched(const struct partition *part)
{
	return part->eof > part->next ? part->eof : part->next;
}

struct poller {
	struct subscription *s;
	struct source *source;
	struct decoder *decoder;
	pthread_t thread;
	_Atomic bool stop, ended;
	uint8_t hash_key[16];

	struct partition **parts;	/* made when first assigned, kept: events point to them */
	size_t n_parts;
	struct partition *last_part;	/* of the record before: they come in runs */

	struct event *pool;		/* free events, linked by mail.next */
	size_t outstanding;		/* events lent out, of all epochs */
	struct mail *newest, *oldest;	/* events to be sent to the flow, newest first */

	bool fenced;			/* the client is finished: it is closed, and another joins */
	bool looked;			/* whether the group is to be joined anew */
	bool fetching;			/* the group was joined, partitions are not paused for back-pressure */
	bool all_paused;
	struct mono full_since, paused_at, stored_at, published_at, heard_at;
	struct mono resolve_at;		/* when it is asked anew where to begin; MONO_NEVER: that is known */
	enum sub_state state;
	char reason[512];
};

/* poller.c */
void poller_take_back(struct poller *p);

/* poller_pause.c */
bool poller_is_full(const struct poller *p, bool was);	/* full; while paused: not yet below the half */
void poller_set_paused(struct poller *p, bool paused);	/* all */
bool poller_may_take(struct poller *p, struct mono now);
void poller_see_standing(struct poller *p);

/* poller_group.c: the source's callbacks, and storing */
void poller_callbacks(struct poller *p, struct source_callbacks *ret_callbacks);
struct partition *poller_partition(struct poller *p, const char *topic, int32_t partition);
void poller_store(struct poller *p);
/* Once, after the first assignment: join anew if the last engine of this node had joined for other topics. */
void poller_look_at_topics(struct poller *p);

/* poller_show.c */
void poller_set_state(struct poller *p, enum sub_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The series of a partition: while it is ours they are shown, as far as they are known. */
void poller_show_partition(struct poller *p, struct partition *part);
void poller_hide_partition(struct partition *part);
void poller_publish(struct poller *p);
void poller_watch_fetch(struct poller *p);
void poller_statistics(void *arg, const char *json, size_t len);

#endif
