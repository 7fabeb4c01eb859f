#include "sql.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The protocol counts them in 16 bits. */
#define PARAMS_MAX 65535

struct scan {
	const char *start, *p; /* the text, and what is to be read next */
	const char *begun; /* where the statement begins */
	char *out; /* the statement so far */
	size_t len, cap;
	struct sql_statement now;
	bool first_seen, failed;
	struct sql *sql;
	char *why;
	size_t size;
};

static const struct name {
	const char *name;
	enum sql_source source;
} names[] = { { ":id", SQL_ID }, { ":key", SQL_KEY }, { ":payload", SQL_PAYLOAD }, { ":header", SQL_HEADER },
	{ ":subscription", SQL_SUBSCRIPTION }, { ":route", SQL_ROUTE }, { ":handler", SQL_HANDLER },
	{ ":topic", SQL_TOPIC }, { ":partition", SQL_PARTITION }, { ":attempt", SQL_ATTEMPT },
	{ ":offset", SQL_OFFSET }, { ":fence", SQL_FENCE }, { ":timestamp", SQL_TIMESTAMP },
	{ ":timestamp_ms", SQL_TIMESTAMP_MS }, { ":redelivered", SQL_REDELIVERED } };

/* What takes parameters, can be prepared, and leaves the transaction alone. */
static const char *const verbs[] = { "insert", "update", "delete", "merge", "select", "with", "values",
	"call" };
#define CALL 7

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *sql_source_name(enum sql_source source)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].source == source)
			return names[i].name;
	return "?";
}

/* ---- Faults and output */

static int fault(struct scan *s, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fault(struct scan *s, const char *at, const char *format, ...)
{
	int line = 1, n;
	va_list ap;

	for (const char *p = s->start; p < at; p++)
		line += *p == '\n';
	n = snprintf(s->why, s->size, "statement %zu, line %d: ", s->sql->n + 1, line);
	va_start(ap, format);
	if (n > 0 && (size_t)n < s->size)
		vsnprintf(s->why + n, s->size - (size_t)n, format, ap);
	va_end(ap);
	return -EINVAL;
}

static void put(struct scan *s, const char *text, size_t n)
{
	if (s->len + n + 1 > s->cap) {
		size_t cap = (s->len + n + 1) * 2;
		char *grown = realloc(s->out, cap);

		if (grown == NULL) {
			s->failed = true;
			return;
		}
		s->out = grown;
		s->cap = cap;
	}
	memcpy(s->out + s->len, text, n);
	s->len += n;
	s->out[s->len] = '\0';
}

/* As it stands, up to `to`. */
static int copy(struct scan *s, const char *to)
{
	put(s, s->p, (size_t)(to - s->p));
	s->p = to;
	return 0;
}

/* ---- What is passed over */

static bool begins_name(char c)
{
	return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
	return begins_name(c) || isdigit((unsigned char)c) || c == '$';
}

/* After an E'' string: the quote that goes on with it in another line; NULL: none. */
static const char *continued(const char *p)
{
	bool newline = false;

	for (;; p++) {
		if (*p == '\n' || *p == '\r')
			newline = true;
		else if (p[0] == '-' && p[1] == '-')
			p += strcspn(p, "\n") - 1;
		else if (!isspace((unsigned char)*p))
			return newline && *p == '\'' ? p : NULL;
	}
}

/* From the quote at s->p behind the one that ends it. */
static int quoted(struct scan *s, char quote, bool escapes)
{
	const char *p = s->p + 1;

	for (;;) {
		if (*p == '\0')
			return fault(s, s->p, "a %s is not closed", quote == '"' ? "quoted name" : "string");
		if (escapes && p[0] == '\\' && p[1] != '\0') {
			p += 2;
		} else if (*p != quote) {
			p++;
		} else if (p[1] == quote) {
			p += 2;
		} else {
			const char *next = escapes ? continued(p + 1) : NULL;

			if (next == NULL)
				return copy(s, p + 1);
			p = next + 1;
		}
	}
}

static int block_comment(struct scan *s)
{
	const char *p = s->p + 2;

	for (int depth = 1; depth > 0;) {
		if (*p == '\0')
			return fault(s, s->p, "a comment is not closed");
		if (p[0] == '/' && p[1] == '*')
			depth++, p += 2;
		else if (p[0] == '*' && p[1] == '/')
			depth--, p += 2;
		else
			p++;
	}
	return copy(s, p);
}

/* $$...$$, $tag$...$tag$; $1 is refused. */
static int dollar(struct scan *s)
{
	const char *p = s->p + 1, *end;
	size_t n;

	if (isdigit((unsigned char)*p))
		return fault(s, s->p, "found a parameter by number: name it, as in :payload");
	if (begins_name(*p))
		while (in_name(*p) && *p != '$')
			p++;
	if (*p != '$')
		return copy(s, s->p + 1);
	n = (size_t)(p + 1 - s->p);
	for (end = p + 1; *end != '\0'; end++)
		if (strncmp(end, s->p, n) == 0)
			return copy(s, end + n);
	return fault(s, s->p, "a dollar-quoted string is not closed");
}

/* A name or keyword; the first of a statement says what it is. */
static int word(struct scan *s)
{
	size_t n = 1;

	while (in_name(s->p[n]))
		n++;
	for (size_t i = 0; !s->first_seen; i++) {
		if (i == COUNT(verbs))
			return fault(s, s->p,
			    "begins with %.*s, expected INSERT, UPDATE, DELETE, MERGE, SELECT, WITH, VALUES or CALL: "
			    "the transaction is the handler's",
			    (int)(n < 40 ? n : 40), s->p);
		s->first_seen = strlen(verbs[i]) == n && strncasecmp(verbs[i], s->p, n) == 0;
		s->now.is_call = s->first_seen && i == CALL;
	}
	if (n == 1 && (*s->p == 'e' || *s->p == 'E') && s->p[1] == '\'') {
		copy(s, s->p + 1);
		return quoted(s, '\'', true);
	}
	return copy(s, s->p + n);
}

/* ---- Parameters */

/* The name in :header(NAME); any bytes but a parenthesis. */
static int header_name(struct scan *s, const char *open, char **ret_header, const char **ret_end)
{
	size_t n = *open == '(' ? strcspn(open + 1, "()\n") : 0;

	if (n == 0 || open[1 + n] != ')')
		return fault(s, s->p, "expected :header(NAME)");
	*ret_header = strndup(open + 1, n);
	*ret_end = open + n + 2;
	return *ret_header == NULL ? -ENOMEM : 0;
}

static int add_param(struct scan *s, enum sql_source source, char *header)
{
	struct sql_statement *st = &s->now;
	struct sql_param *grown;
	char text[24];

	if (st->n_params == PARAMS_MAX) {
		free(header);
		return fault(s, s->p, "more than %d parameters", PARAMS_MAX);
	}
	grown = reallocarray(st->params, st->n_params + 1, sizeof(*grown));
	if (grown == NULL) {
		free(header);
		return -ENOMEM;
	}
	st->params = grown;
	st->params[st->n_params++] = (struct sql_param){ source, header };
	/* Spaces: it must not become part of a name or number beside it. */
	put(s, text, (size_t)snprintf(text, sizeof(text), " $%zu ", st->n_params));
	return 0;
}

static int param(struct scan *s)
{
	size_t n = 1;
	const char *end;
	char *header = NULL;
	int r;

	while (in_name(s->p[n]) && s->p[n] != '$')
		n++;
	end = s->p + n;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (strlen(names[i].name) != n || strncmp(names[i].name, s->p, n) != 0)
			continue;
		r = names[i].source == SQL_HEADER ? header_name(s, end, &header, &end) : 0;
		if (r == 0)
			r = add_param(s, names[i].source, header);
		s->p = end;
		return r;
	}
	return fault(s, s->p,
	    "no parameter %.*s; there are :id :key :payload :header(NAME) :topic :partition :offset :timestamp "
	    ":timestamp_ms :subscription :route :handler :attempt :fence :redelivered (in an array slice put a space "
	    "behind the colon)",
	    (int)(n < 60 ? n : 60), s->p);
}

/* ---- Statements */

static int end_statement(struct scan *s)
{
	struct sql_statement *grown;

	if (s->failed)
		return -ENOMEM;
	if (!s->first_seen) {
		s->len = 0; /* blanks, comments, a second `;` */
		return s->now.n_params == 0 ? 0 : fault(s, s->begun, "expected a statement");
	}
	grown = reallocarray(s->sql->statements, s->sql->n + 1, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	s->sql->statements = grown;
	s->now.text = s->out;
	grown[s->sql->n++] = s->now;
	s->now = (struct sql_statement){ NULL, NULL, 0, false };
	s->out = NULL;
	s->len = s->cap = 0;
	s->first_seen = false;
	return 0;
}

static int step(struct scan *s)
{
	char c = s->p[0], next = s->p[1];
	int r;

	if (c == '-' && next == '-')
		return copy(s, s->p + strcspn(s->p, "\n"));
	if (c == '/' && next == '*')
		return block_comment(s);
	if (c == ';') {
		r = end_statement(s);
		s->begun = ++s->p;
		return r;
	}
	if (begins_name(c))
		return word(s);
	if (!s->first_seen && !isspace((unsigned char)c) && c != '(')
		return fault(s, s->p, "begins with `%c`, expected a statement such as INSERT", c);
	if (c == '\'' || c == '"')
		return quoted(s, c, false);
	if (c == '$')
		return dollar(s);
	if (c == ':' && (next == ':' || next == '='))
		return copy(s, s->p + 2);
	if (c == ':' && begins_name(next))
		return param(s);
	return copy(s, s->p + 1);
}

static void free_statement(struct sql_statement *st)
{
	for (size_t i = 0; i < st->n_params; i++)
		free(st->params[i].header);
	free(st->params);
	free(st->text);
}

int sql_parse(const char *text, struct sql *ret, char *why, size_t size)
{
	struct sql sql = { NULL, 0 };
	struct scan s = { .start = text, .p = text, .begun = text, .sql = &sql, .why = why, .size = size };
	int r = 0;

	snprintf(why, size, "out of memory");
	while (r == 0 && *s.p != '\0')
		r = step(&s);
	if (r == 0)
		r = end_statement(&s);
	if (r == 0 && sql.n == 0) {
		snprintf(why, size, "holds no statement");
		r = -EINVAL;
	}
	free_statement(&s.now);
	free(s.out);
	if (r < 0)
		sql_free(&sql);
	else
		*ret = sql;
	return r;
}

void sql_free(struct sql *s)
{
	for (size_t i = 0; i < s->n; i++)
		free_statement(&s->statements[i]);
	free(s->statements);
	*s = (struct sql){ NULL, 0 };
}
