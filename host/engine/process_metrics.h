/* process_metrics.h - what Prometheus' own libraries tell of a process, under the same names.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    base.
 */
#ifndef ENGINE_PROCESS_METRICS_H
#define ENGINE_PROCESS_METRICS_H

#include "base/buf.h"

/* As Prometheus text, appended; what /proc does not tell is left out. */
void process_metrics(struct buf *out);

#endif
