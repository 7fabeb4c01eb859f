/* fault_store.h - a store that fails when a test says so, before or after the call has had its effect.
 *
 * Owns:    the store it wraps.
 * Threads: as the wrapped store.
 * Uses:    core/ledger/store.
 */
#ifndef TESTS_LIB_FAULT_STORE_H
#define TESTS_LIB_FAULT_STORE_H

#include "core/ledger/store.h"

/* Asked before (after = false) and after each call; 0, or the -errno to fail with: after an effect that is a lost
 * reply.  `connections` is copied from the wrapped store; a test may change it. */
struct store *fault_store_new(struct store *inner, int (*fail)(void *arg, bool after), void *arg);

#endif
