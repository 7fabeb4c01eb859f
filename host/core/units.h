/* units.h - durations and sizes as they are written: "30s", "64MB".
 *
 * Durations: ms s m h d.  Sizes: B KB MB GB (powers of 1000), KiB MiB GiB (of
 * 1024).  A whole number and a unit, nothing between.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef CORE_UNITS_H
#define CORE_UNITS_H

#include <stdint.h>

int units_duration(const char *text, int64_t *ret_ms);	/* 0 or -EINVAL */
int units_size(const char *text, int64_t *ret_bytes);	/* 0 or -EINVAL */

/* In the largest unit that leaves a whole number. */
struct units_text { long long n; const char *unit; };
struct units_text units_duration_text(int64_t ms);
struct units_text units_size_text(int64_t bytes);

#endif
