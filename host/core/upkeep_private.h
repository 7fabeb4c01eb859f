/* upkeep_private.h - what the files of the upkeep share; nobody else includes it.
 *
 * upkeep.c       what is to be done, commits
 * upkeep_seal.c  a table as a segment
 * upkeep_merge.c segments as a segment
 *
 * Owns:    -
 * Threads: as core/upkeep.h.
 * Uses:    core/upkeep.
 */
#ifndef CORE_UPKEEP_PRIVATE_H
#define CORE_UPKEEP_PRIVATE_H

#include "core/upkeep.h"

enum upkeep_task { TASK_NONE, TASK_SEAL, TASK_MERGE };

struct source { /* of a merge */
	struct segment_info info;
	struct segment *segment;
	uint32_t page; /* to be read next */
	struct segment_record records[SEGMENT_MAX_PAGE];
	int n, at;
	struct buf chunk; /* of the body */
	uint32_t index; /* of that chunk + 1; 0: none */
};

struct upkeep {
	struct store *store;
	uint64_t random;
	struct ledger_meta meta;
	struct session_id session;
	struct upkeep_rules rules;
	struct table *current, *before;
	bool ready; /* there is something to look at */
	char text[200];
	struct upkeep_counts counts;

	enum upkeep_task task;
	struct segment_writer writer;
	bool written; /* all records are in the writer */
	uint32_t body_chunk, filter_chunk; /* written so far */
	struct buf carries; /* bodies, one behind the other */
	size_t *carry_ends;
	size_t n_carries;
	struct source *sources[UPKEEP_FAN_IN];
	size_t n_sources;
};

void upkeep_random(struct upkeep *u, uint8_t *ret, size_t len);
int upkeep_begin_seal(struct upkeep *u);
int upkeep_begin_merge(struct upkeep *u, const struct segment_info *infos, size_t n);
/* Add records until a chunk is full or all are in; 0 or -errno. */
int upkeep_merge_on(struct upkeep *u);
void upkeep_end_merge(struct upkeep *u);
int upkeep_damaged(struct upkeep *u, const struct segment_info *info, const char *what);

#endif
