/* redis_errors.h - what an error reply of Redis means for the ledger.
 *
 * One table; what is not in it is refused (fail closed).
 *
 * Owns:    constants.
 * Threads: any.
 * Uses:    core/ledger/store (types).
 */
#ifndef ADAPTERS_REDIS_ERRORS_H
#define ADAPTERS_REDIS_ERRORS_H

#include "core/ledger/store.h"

struct redis_reaction {
	const char *code;		/* first word of the reply */
	enum store_trouble trouble;
	bool elsewhere;			/* the connection leads to the wrong server: find the right one */
	const char *remedy;
};

/* The reaction to an error reply; never NULL. */
const struct redis_reaction *redis_reaction(struct bytes error);

#endif
