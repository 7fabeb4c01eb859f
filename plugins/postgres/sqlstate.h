/* sqlstate.h - what an error of PostgreSQL means for the event: one table, and the team's changes to it.
 *
 * A change names a whole code or a class; the longer one wins, and a change
 * wins over the table where both are as long.
 *
 * Owns:    -
 * Threads: any, after the changes are made.
 * Uses:    libc.
 */
#ifndef POSTGRES_SQLSTATE_H
#define POSTGRES_SQLSTATE_H

#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_RETRY,		/* the same event may succeed later */
	VERDICT_RECONNECT,	/* the same, but not on this connection */
	VERDICT_REJECT,
	VERDICT_SKIP
};

#define SQLSTATE_CHANGES_MAX 64

struct sqlstate_changes {
	struct { char code[6]; enum verdict verdict; } entries[SQLSTATE_CHANGES_MAX];
	size_t n;
};

/* A code (5) or class (2) of A-Z, 0-9.  -EINVAL: it is none; -EEXIST: named before; -ENOSPC. */
int sqlstate_change(struct sqlstate_changes *c, const char *code, enum verdict verdict);

/* code "": not said by the server: the connection was lost. */
enum verdict sqlstate_judge(const struct sqlstate_changes *c, const char *code);

/* The i-th row of the table; false past the end. */
bool sqlstate_row(size_t i, const char **ret_code, enum verdict *ret_verdict, const char **ret_what);

#endif
