#include "postgres.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The longest that PostgreSQL's own settings take. */
#define STATEMENT_MAX_MS INT32_MAX

const struct semel_setting postgres_settings[] = {
	{ "conninfo", SEMEL_TEXT, NULL,
	    "How to connect, as libpq takes it: host=... dbname=... user=..., or a URI; no password." },
	{ "password", SEMEL_SECRET, "",
	    "File with the password. Default: none, or what libpq finds (passfile)." },
	{ "sql", SEMEL_TEXT, NULL,
	    "One or more statements, separated by `;`, with parameters as :id or :payload." },
	{ "inbox", SEMEL_TEXT, "semel_inbox", "Table of the ids that are done: NAME or SCHEMA.NAME." },
	{ "create_inbox", SEMEL_BOOLEAN, "false", "Make the table if it is not there." },
	{ "inbox_retention", SEMEL_DURATION, "7d",
	    "Rows of the inbox are deleted past this age; 0s: never. Longer than the ledger's retention." },
	{ "connect_timeout", SEMEL_DURATION, "5s", "Longest wait for a connection, a host of conninfo." },
	{ "statement_timeout", SEMEL_DURATION, "30s",
	    "The server ends a statement, and a transaction that stands still, after this; 0s: the server's own." },
	{ "wait", SEMEL_DURATION, "25s",
	    "How long an event waits for a server that is away, before it counts as failed. Below the handler's timeout." },
	{ "reject", SEMEL_LIST, "",
	    "SQLSTATEs, or classes of two characters, that make the event a dead letter at once." },
	{ "retry", SEMEL_LIST, "", "The same: tried again." },
	{ "skip", SEMEL_LIST, "", "The same: nothing to do, as if it had been handled." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

static int fault(struct postgres *p, const struct semel_settings *s, const char *name, const char *format,
    const char *what)
{
	char text[700];

	snprintf(text, sizeof(text), "%s%s", format, what);
	p->host->fault(s, name, text);
	return -EINVAL;
}

/* ---- conninfo */

static int add_keyword(struct postgres *p, const char *keyword, const char *value)
{
	p->keywords[p->n_keywords] = strdup(keyword);
	p->values[p->n_keywords] = strdup(value);
	if (p->keywords[p->n_keywords] == NULL || p->values[p->n_keywords] == NULL)
		return -ENOMEM;
	p->n_keywords++;
	return 0;
}

static const char *given(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

/* What is ours unless it was given.  Hosts that say nothing are passed over by the user timeout. */
static int add_defaults(struct postgres *p, const PQconninfoOption *options, const char *password)
{
	char name[100], timeout[24];
	int r = 0;

	snprintf(name, sizeof(name), "semel/%s", p->host->handler);
	snprintf(timeout, sizeof(timeout), "%lld", (long long)p->connect_ms);
	r = add_keyword(p, "client_encoding", "UTF8");
	if (r == 0 && password != NULL)
		r = add_keyword(p, "password", password);
	if (r == 0 && given(options, "application_name") == NULL)
		r = add_keyword(p, "application_name", name);
	if (r == 0 && given(options, "target_session_attrs") == NULL)
		r = add_keyword(p, "target_session_attrs", "read-write");
	if (r == 0 && given(options, "tcp_user_timeout") == NULL)
		r = add_keyword(p, "tcp_user_timeout", timeout);
	return r;
}

static int count_hosts(const PQconninfoOption *options)
{
	const char *hosts = given(options, "hostaddr");
	int n = 1;

	if (hosts == NULL)
		hosts = given(options, "host");
	for (; hosts != NULL && *hosts != '\0'; hosts++)
		n += *hosts == ',';
	return n;
}

static int take_options(struct postgres *p, const struct semel_settings *s, const PQconninfoOption *options)
{
	size_t n = 0;
	int r = 0;

	if (given(options, "password") != NULL)
		return fault(p, s, "conninfo",
		    "holds a password: put it into a file and name that by password_file", "");
	if (given(options, "sslpassword") != NULL)
		return fault(p, s, "conninfo",
		    "holds sslpassword: use a key without one, readable by semel alone", "");
	while (options[n].keyword != NULL)
		n++;
	p->keywords = calloc(n + 8, sizeof(*p->keywords));
	p->values = calloc(n + 8, sizeof(*p->values));
	if (p->keywords == NULL || p->values == NULL)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (options[i].val != NULL && strcmp(options[i].keyword, "client_encoding") != 0)
			r = add_keyword(p, options[i].keyword, options[i].val);
	if (r == 0)
		r = add_defaults(p, options, p->host->text(s, "password"));
	p->connect_ms *= count_hosts(options);
	return r;
}

static int read_conninfo(struct postgres *p, const struct semel_settings *s)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(p->host->text(s, "conninfo"), &why);
	int r;

	if (options == NULL) {
		r = fault(p, s, "conninfo", why == NULL ? "out of memory" : why, "");
		PQfreemem(why);
		return r;
	}
	r = take_options(p, s, options);
	PQconninfoFree(options);
	return r;
}

/* ---- The others */

static int read_sql(struct postgres *p, const struct semel_settings *s)
{
	char why[500];
	int r = sql_parse(p->host->text(s, "sql"), &p->sql, why, sizeof(why));

	return r == -EINVAL ? fault(p, s, "sql", why, "") : r;
}

/* One part of a name, quoted; NULL: it is none. */
static const char *quote_name(const char *text, char *out, size_t size)
{
	size_t n = 0;

	if (isdigit((unsigned char)*text))
		return NULL;
	while (islower((unsigned char)text[n]) || isdigit((unsigned char)text[n]) || text[n] == '_')
		n++;
	if (n == 0 || n > 63 || (text[n] != '\0' && text[n] != '.'))
		return NULL;
	snprintf(out, size, "\"%.*s\"", (int)n, text);
	return text + n;
}

static int read_inbox(struct postgres *p, const struct semel_settings *s)
{
	const char *text = p->host->text(s, "inbox");
	char first[68], second[68];
	const char *rest = quote_name(text, first, sizeof(first));

	if (rest != NULL && *rest == '\0') {
		snprintf(p->inbox, sizeof(p->inbox), "%s", first);
		snprintf(p->inbox_index, sizeof(p->inbox_index), "\"%.50s_handled_at\"", text);
		return 0;
	}
	text = rest == NULL ? text : rest + 1;
	rest = rest == NULL ? NULL : quote_name(text, second, sizeof(second));
	if (rest == NULL || *rest != '\0')
		return fault(p, s, "inbox", "expected NAME or SCHEMA.NAME of a-z, 0-9 and _, found ",
		    p->host->text(s, "inbox"));
	snprintf(p->inbox, sizeof(p->inbox), "%s.%s", first, second);
	snprintf(p->inbox_index, sizeof(p->inbox_index), "\"%.50s_handled_at\"", text);
	return 0;
}

static int read_changes(struct postgres *p, const struct semel_settings *s, const char *name, enum verdict v)
{
	const char *index, *code;

	for (size_t i = 0; p->host->at(s, name, i, &index, &code); i++) {
		int r = sqlstate_change(&p->changes, code, v);

		if (r == -EINVAL)
			return fault(
			    p, s, name, "expected an SQLSTATE as 23505 or a class as 23, found ", code);
		if (r == -EEXIST)
			return fault(p, s, name, "named twice: ", code);
		if (r < 0)
			return fault(p, s, name, "more than 64 in all", "");
	}
	return 0;
}

static int read_times(struct postgres *p, const struct semel_settings *s)
{
	p->create_inbox = p->host->number(s, "create_inbox") != 0;
	p->retention_ms = p->host->number(s, "inbox_retention");
	p->connect_ms = p->host->number(s, "connect_timeout");
	p->statement_ms = p->host->number(s, "statement_timeout");
	p->wait_ms = p->host->number(s, "wait");
	if (p->connect_ms < 100 || p->connect_ms > 60000)
		return fault(p, s, "connect_timeout", "expected 100ms to 1m", "");
	if (p->statement_ms > STATEMENT_MAX_MS)
		return fault(p, s, "statement_timeout", "expected at most 24d", "");
	return 0;
}

int postgres_read(struct postgres *p, const struct semel_settings *s)
{
	int r = read_times(p, s);

	if (r == 0)
		r = read_conninfo(p, s);
	if (r == 0)
		r = read_sql(p, s);
	if (r == 0)
		r = read_inbox(p, s);
	if (r == 0)
		r = read_changes(p, s, "reject", VERDICT_REJECT);
	if (r == 0)
		r = read_changes(p, s, "retry", VERDICT_RETRY);
	return r == 0 ? read_changes(p, s, "skip", VERDICT_SKIP) : r;
}

void postgres_free(struct postgres *p)
{
	for (size_t i = 0; p->keywords != NULL && p->values != NULL && i <= p->n_keywords; i++) {
		if (p->values[i] != NULL)
			explicit_bzero(p->values[i], strlen(p->values[i]));
		free(p->keywords[i]);
		free(p->values[i]);
	}
	free(p->keywords);
	free(p->values);
	sql_free(&p->sql);
}
