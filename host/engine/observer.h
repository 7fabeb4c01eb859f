/* observer.h - who is shown what becomes of each event, as it happens.
 *
 * The daemon has none; `semel try` writes its report from what it is shown.
 * An engine without one pays a test of a pointer an event.
 *
 * Owns:    nothing; events are borrowed for the call.
 * Threads: as marked at each function.
 * Uses:    core/flow.
 */
#ifndef ENGINE_OBSERVER_H
#define ENGINE_OBSERVER_H

#include "core/flow.h"

struct observer {
	void *arg;
	/* A handler is about to be called with it.  Threads: the worker. */
	void (*begins)(void *arg, const struct event *ev);
	/* The handler has said ev->run.outcome; neither the black box nor the ledger knows it yet.  Threads: the worker,
	 * or the plugin's. */
	void (*ends)(void *arg, const struct event *ev);
	/* Threads: the ledger thread. */
	void (*note)(void *arg, enum flow_note note, const struct event *ev);
	/* It needs no more work: the log shows its end.  Threads: the ledger thread. */
	void (*finished)(void *arg, const struct event *ev);
};

#endif
