/* ledger_scripts.h - what runs inside Redis.
 *
 * Each script is short and of constant cost in the number of events: it
 * checks, appends, and returns what others appended.  docs/ledger.md says
 * what each does; core/ledger/memory_store.c does the same in memory.
 *
 * Owns:    constants.
 * Threads: any; ledger_scripts_set_clock before there are threads.
 * Uses:    -
 */
#ifndef ADAPTERS_LEDGER_SCRIPTS_H
#define ADAPTERS_LEDGER_SCRIPTS_H

enum ledger_script {
	SCRIPT_APPEND,			/* claims: refused when the server is out of memory */
	SCRIPT_APPEND_OOM,		/* settles only: allowed then */
	SCRIPT_META, SCRIPT_CREATE, SCRIPT_COMMIT, SCRIPT_ADOPT, SCRIPT_HEALED, SCRIPT_LOCK,
	SCRIPT_SESSION_OPEN, SCRIPT_SESSION_RENEW, SCRIPT_SESSION_END,
	SCRIPT_N
};

const char *ledger_script_text(enum ledger_script s);

/* For simulations: the scripts take the time from the hash at `key` (fields s, us) instead of from TIME. */
void ledger_scripts_set_clock(const char *key);

#endif
