/* metrics_private.h - the registry's insides, for counting (metrics.c) and printing (metrics_text.c).
 *
 * Owns:    -
 * Threads: as core/metrics.h.
 * Uses:    libc.
 */
#ifndef CORE_METRICS_PRIVATE_H
#define CORE_METRICS_PRIVATE_H

#include "core/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#define BUCKETS_MAX 20

struct metric_info {
	const char *name;
	enum metric_type type;
	const char *labels, *help;
};

struct series {
	_Atomic(struct series *) next;
	char *labels;			/* as printed: a="x",b="y" */
	const double *buckets;
	unsigned n_buckets;
	_Atomic bool hidden;		/* a gauge of what is not there now */
	_Atomic uint64_t count;		/* counters */
	_Atomic double value;		/* gauges; sums of histograms; plugins' counters */
	_Atomic uint64_t bucket[BUCKETS_MAX + 1];
};

/* Lists only grow, at their ends, under the lock, and nothing of them is freed before metrics_free: so they are read
 * without it. */
struct family {
	_Atomic(struct series *) first;
	/* Of plugins only; ours have their struct metric_info. */
	_Atomic(struct family *) next;
	char *name, *help;
	enum metric_type type;
};

struct metrics {
	pthread_mutex_t lock;		/* of making series; counting and printing take none */
	struct family families[METRIC_N];
	_Atomic(struct family *) plugins;
	size_t n_series;
	_Atomic uint64_t dropped;
	struct series overflow;		/* what is past the limit counts here, unseen */
};

const struct metric_info *metric_info(enum metric_id id);
/* UTF-8 without controls, cut, newlines and the characters of `escape` escaped: a scrape fails as a whole for less. */
void metrics_put_text(struct buf *out, const char *text, const char *escape);

#endif
