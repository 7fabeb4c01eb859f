/* offsets.h - which offset of one partition is safe to commit.
 *
 * Handlers finish in any order, Kafka keeps one number per partition.  A
 * window holds every offset begun and not yet committable, and tells how far
 * the committed position may move.  It costs one bit an offset, and a run of
 * 16 bytes for each gap (compaction, transactions).
 *
 * Owns:    its bits and runs; never a message.
 * Threads: poller only, so no lock.
 * Uses:    libc.
 */
#ifndef CORE_OFFSETS_H
#define CORE_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct offsets;

/* An empty window for at most cap offsets; NULL when out of memory. */
struct offsets *offsets_new(size_t cap);
void offsets_free(struct offsets *o);		/* NULL is allowed */

/* Note that `offset` left for a lane.  Offsets rise; gaps are normal.  -ENOSPC: window full, pause the partition;
 * -ENOMEM. */
int offsets_begin(struct offsets *o, int64_t offset);

/* Note that `offset`, begun before, needs no more work. */
void offsets_done(struct offsets *o, int64_t offset);

/* True if the position moved; *ret_next is then the offset to store, one past the last done, and is untouched
 * otherwise. */
bool offsets_advance(struct offsets *o, int64_t *ret_next);

/* How many offsets, from the oldest open one on, are in the window; 0: nothing is unfinished. */
size_t offsets_length(const struct offsets *o);
bool offsets_full(const struct offsets *o);

#endif
