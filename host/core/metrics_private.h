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
	struct series *next;
	char *labels;			/* as printed: a="x",b="y" */
	const double *buckets;
	unsigned n_buckets;
	_Atomic uint64_t count;		/* counters */
	_Atomic double value;		/* gauges; sums of histograms; plugins' counters */
	_Atomic uint64_t bucket[BUCKETS_MAX + 1];
};

struct family {
	struct series *first;
	/* Of plugins only; ours have their struct metric_info. */
	struct family *next;
	char *name, *help;
	enum metric_type type;
};

struct metrics {
	pthread_mutex_t lock;		/* of the lists; counting takes none */
	struct family families[METRIC_N];
	struct family *plugins;
	size_t n_series;
	uint64_t dropped;
	struct series overflow;		/* what is past the limit counts here, unseen */
};

const struct metric_info *metric_info(enum metric_id id);

#endif
