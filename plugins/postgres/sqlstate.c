#include "sqlstate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Errors that no row names: retried.  An event that keeps failing ends as the subscription's `retry` says, so nothing
 * is lost, and nothing that an operator can mend is thrown out at once. */
static const struct row {
	const char *code;
	enum verdict verdict;
	const char *what;
} rows[] = {
	{ "08", VERDICT_RECONNECT, "connection" },
	{ "0A000", VERDICT_RECONNECT, "feature not supported; a table changed under a prepared statement" },
	{ "21", VERDICT_REJECT, "cardinality violation" },
	{ "22", VERDICT_REJECT,
	    "data exception: text that is no number, no JSON, too long, a NUL in a text" },
	{ "23", VERDICT_REJECT, "integrity constraint: unique, check, not null, exclusion" },
	{ "23503", VERDICT_RETRY, "foreign key: the row it names may come later, from another topic" },
	{ "25006", VERDICT_RECONNECT, "read-only: a standby, or no longer the primary" },
	{ "26", VERDICT_RECONNECT, "prepared statement not there: a pooler, DISCARD ALL" },
	{ "28", VERDICT_RECONNECT, "wrong user or password, no right to connect" },
	{ "3D", VERDICT_RECONNECT, "no such database" },
	{ "40", VERDICT_RETRY, "serialization failure, deadlock, unknown end of the transaction" },
	{ "42", VERDICT_RECONNECT, "no such table or column, no permission: the operator's to mend" },
	{ "44", VERDICT_REJECT, "WITH CHECK OPTION" },
	{ "53", VERDICT_RETRY, "out of disk, memory, connections" },
	{ "54", VERDICT_REJECT, "program limit exceeded: an index row too large" },
	{ "55", VERDICT_RETRY, "object in use, lock not available, lock_timeout" },
	{ "57014", VERDICT_RETRY, "statement_timeout, cancelled by an operator" },
	{ "57", VERDICT_RECONNECT, "the server shuts down, starts, or has crashed" },
	{ "P0", VERDICT_REJECT, "RAISE EXCEPTION, ASSERT: the database's code refuses the event" },
};

bool sqlstate_row(size_t i, const char **ret_code, enum verdict *ret_verdict, const char **ret_what)
{
	if (i >= sizeof(rows) / sizeof(rows[0]))
		return false;
	*ret_code = rows[i].code;
	*ret_verdict = rows[i].verdict;
	*ret_what = rows[i].what;
	return true;
}

int sqlstate_change(struct sqlstate_changes *c, const char *code, enum verdict verdict)
{
	size_t n = strlen(code);

	if ((n != 5 && n != 2) || strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != n)
		return -EINVAL;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->entries[i].code, code) == 0)
			return -EEXIST;
	if (c->n == SQLSTATE_CHANGES_MAX)
		return -ENOSPC;
	memcpy(c->entries[c->n].code, code, n + 1);
	c->entries[c->n++].verdict = verdict;
	return 0;
}

/* Looks for the code cut to n characters. */
static bool look(const struct sqlstate_changes *c, const char *code, size_t n, enum verdict *ret)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strlen(c->entries[i].code) == n && strncmp(c->entries[i].code, code, n) == 0) {
			*ret = c->entries[i].verdict;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strlen(rows[i].code) == n && strncmp(rows[i].code, code, n) == 0) {
			*ret = rows[i].verdict;
			return true;
		}
	}
	return false;
}

enum verdict sqlstate_judge(const struct sqlstate_changes *c, const char *code)
{
	enum verdict v = VERDICT_RETRY;

	if (code[0] == '\0')
		return VERDICT_RECONNECT;
	if (!look(c, code, 5, &v))
		look(c, code, 2, &v);
	return v;
}
