#include "adapters/config_scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
	const char *p, *start;
	unsigned line;
	const struct config_scan *found;
};

/* Moves to `end`, or to the text's end if that is NULL. */
static void skip_to(struct scanner *s, const char *end)
{
	for (; *s->p != '\0' && s->p != end; s->p++)
		s->line += *s->p == '\n';
}

static void skip_string(struct scanner *s)
{
	const char *q = s->p + 1;

	while (*q != '\0' && *q != '"')
		q += q[0] == '\\' && q[1] != '\0' ? 2 : 1;
	skip_to(s, *q == '"' ? q + 1 : q);
}

static bool skip_comment(struct scanner *s)
{
	const char *end;

	if (s->p[0] == '#' || (s->p[0] == '/' && s->p[1] == '/')) {
		skip_to(s, strchr(s->p, '\n'));
	} else if (s->p[0] == '/' && s->p[1] == '*') {
		end = strstr(s->p + 2, "*/");
		skip_to(s, end == NULL ? NULL : end + 2);
	} else {
		return false;
	}
	return true;
}

/* Whether libconfig keeps the value of these digits: 32 bits, or 64 with an L behind them. */
static bool fits(const char *digits, bool negative, bool hex, bool wide)
{
	uint64_t most = wide ? INT64_MAX : INT32_MAX, v;

	errno = 0;
	v = strtoull(digits, NULL, hex ? 16 : 10);
	return errno == 0 && v <= most + negative;
}

static void take_number(struct scanner *s)
{
	const char *p = s->p;
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	bool negative = p > s->start && p[-1] == '-';
	size_t len = hex ? 2 + strspn(p + 2, "0123456789abcdefABCDEF") : strspn(p, "0123456789");

	if (!hex && (p[len] == '.' || p[len] == 'e' || p[len] == 'E'))
		len += strspn(p + len, "0123456789.eE+-");
	else if (!fits(p, negative, hex, p[len] == 'L'))
		s->found->number(s->found->arg, s->line, p, len);
	s->p += len + strspn(p + len, "L");
}

/* At the start of a line: @include "FILE". */
static void take_include(struct scanner *s)
{
	const char *p = s->p + strspn(s->p, " \t"), *end;

	if (strncmp(p, "@include", 8) != 0)
		return;
	p += 8;
	if (*p != ' ' && *p != '\t')
		return;
	p += strspn(p, " \t");
	if (*p++ != '"')
		return;
	end = p + strcspn(p, "\"\n");
	if (*end != '"')
		return;
	s->found->include(s->found->arg, s->line, p, (size_t)(end - p));
	s->p = end + 1;
}

void config_scan(const char *text, const struct config_scan *found)
{
	struct scanner s = { text, text, 1, found };

	while (*s.p != '\0') {
		if (s.p == s.start || s.p[-1] == '\n')
			take_include(&s);
		if (*s.p == '"')
			skip_string(&s);
		else if (isdigit((unsigned char)*s.p))
			take_number(&s);
		else if (isalpha((unsigned char)*s.p) || *s.p == '*')
			/* A name; its digits are no number. */
			do {
				s.p++;
			} while (
			    isalnum((unsigned char)*s.p) || (*s.p != '\0' && strchr("-_*", *s.p) != NULL));
		else if (*s.p != '\0' && !skip_comment(&s)) {
			s.line += *s.p == '\n';
			s.p++;
		}
	}
}
