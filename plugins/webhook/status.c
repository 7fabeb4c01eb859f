#include "status.h"

#include <errno.h>
#include <string.h>

enum { RANK_NONE, RANK_DEFAULT, RANK_CONFIGURED };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Where the pattern's rule stands; NULL: it is no pattern. */
static struct status_rule *rule_of(struct status_rules *s, const char *p)
{
	if (p == NULL || strlen(p) != 3 || p[0] < '1' || p[0] > '5')
		return NULL;
	if (strcmp(p + 1, "xx") == 0)
		return &s->class[p[0] - '0'];
	if (!is_digit(p[1]) || !is_digit(p[2]))
		return NULL;
	return &s->exact[(p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0')];
}

int status_add(struct status_rules *s, const char *pattern, enum semel_outcome outcome, bool is_default)
{
	struct status_rule *rule = rule_of(s, pattern);
	uint8_t rank = is_default ? RANK_DEFAULT : RANK_CONFIGURED;

	if (rule == NULL)
		return -EINVAL;
	if (rule->rank == RANK_CONFIGURED && !is_default && rule->outcome != outcome)
		return -EEXIST;
	if (rule->rank <= rank)
		*rule = (struct status_rule){ (uint8_t)outcome, rank };
	return 0;
}

void status_add_defaults(struct status_rules *s, const char *patterns, enum semel_outcome outcome)
{
	char pattern[4] = "";

	for (; patterns[0] != '\0'; patterns += patterns[3] == ' ' ? 4 : 3) {
		memcpy(pattern, patterns, 3);
		status_add(s, pattern, outcome, true);
	}
}

enum semel_outcome status_outcome(const struct status_rules *s, long status)
{
	const struct status_rule *rule;

	if (status < 100 || status > 599)
		return SEMEL_RETRY;
	rule = &s->exact[status];
	if (rule->rank == RANK_NONE)
		rule = &s->class[status / 100];
	return rule->rank == RANK_NONE ? SEMEL_RETRY : (enum semel_outcome)rule->outcome;
}
