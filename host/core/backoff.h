/* backoff.h - how long to wait before the next attempt.
 *
 * Exponential with full jitter: uniform in [0, min(max, base * 2^(n - 1))],
 * which spreads a herd best for the same load (Brooker, "Exponential Backoff
 * And Jitter", AWS, 2015).
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

/* Milliseconds before attempt n + 1, after n >= 1 failures; random: any 64 random bits. */
int64_t backoff_ms(int64_t base_ms, int64_t max_ms, unsigned failures, uint64_t random);

/* The next number of a small generator (xorshift64*), for jitter only; *state must not be 0. */
uint64_t backoff_random(uint64_t *state);

#endif
