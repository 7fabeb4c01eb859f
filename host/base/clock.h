/* clock.h - the two clocks, kept apart by type.
 *
 * struct mono is CLOCK_BOOTTIME: it goes on while the machine sleeps, never
 * jumps, and is what leases, deadlines and back-offs are measured with.  Wall
 * time is a plain number in logs and records, and decides nothing.
 *
 * Owns:    nothing.
 * Threads: any.  Both calls are answered by the vDSO, without a system call.
 * Uses:    libc.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
	int64_t us;
};

struct mono mono_now(void);
int64_t wall_ms(void);			/* Unix time */

static inline struct mono mono_add_us(struct mono t, int64_t us)
{
	return (struct mono){ t.us + us };
}

static inline struct mono mono_add_ms(struct mono t, int64_t ms)
{
	return (struct mono){ t.us + ms * 1000 };
}

/* a - b in microseconds. */
static inline int64_t mono_diff_us(struct mono a, struct mono b)
{
	return a.us - b.us;
}

static inline bool mono_before(struct mono a, struct mono b)
{
	return a.us < b.us;
}

#define MONO_NEVER ((struct mono){ INT64_MAX })

#endif
