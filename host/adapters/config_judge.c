/* What only shows when the whole configuration is there. */
#include "adapters/config_tree.h"

#include <regex.h>
#include <stdlib.h>

static void fault_at(struct config_loader *l, bool error, struct config_place at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void fault_at(struct config_loader *l, bool error, struct config_place at, const char *format, ...)
{
	struct buf text = { NULL, 0, 0 };
	va_list ap;

	va_start(ap, format);
	buf_vprintf(&text, format, ap);
	va_end(ap);
	config_problem_add(l->problems, error, at.file, at.line, "%s", text.data);
	buf_free(&text);
}

/* ---- Routes */

static const struct config *sorting; /* of by_order; setup runs on one thread */

static int by_order(const void *a, const void *b)
{
	const struct config_route *x = &sorting->routes[*(const unsigned *)a],
				  *y = &sorting->routes[*(const unsigned *)b];

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	/* Routes were read in the order of files and positions. */
	return *(const unsigned *)a < *(const unsigned *)b ? -1 : 1;
}

static bool same_field(const struct field *a, const struct field *b)
{
	return a->kind == b->kind &&
	       (a->name == NULL ? b->name == NULL : b->name != NULL && strcmp(a->name, b->name) == 0);
}

static bool has_value(const struct config_test *t, const char *value)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->values[i], value) == 0)
			return true;
	return false;
}

/* True if whatever passes b passes a.  Only what can be seen without cleverness. */
static bool covers(const struct config_test *a, const struct config_test *b)
{
	bool lists = (a->kind == TEST_EQUALS || a->kind == TEST_IN) &&
		     (b->kind == TEST_EQUALS || b->kind == TEST_IN);

	if (!same_field(&a->field, &b->field) || a->negate != b->negate)
		return false;
	if (a->kind == TEST_EXISTS && a->exists && !a->negate)
		return b->kind != TEST_EXISTS || b->exists;
	if (a->negate || (!lists && a->kind != b->kind))
		return false;
	if (a->kind == TEST_EXISTS)
		return a->exists == b->exists;
	if (a->kind == TEST_PREFIX && b->kind == TEST_PREFIX)
		return strncmp(b->values[0], a->values[0], strlen(a->values[0])) == 0;
	for (size_t i = 0; i < b->n; i++)
		if (!has_value(a, b->values[i]))
			return false;
	return true;
}

/* Every test of `before` holds whenever all of `r` do. */
static bool hides(const struct config_route *before, const struct config_route *r)
{
	for (size_t i = 0; i < before->n_tests; i++) {
		bool covered = false;

		for (size_t k = 0; k < r->n_tests && !covered; k++)
			covered = covers(&before->tests[i], &r->tests[k]);
		if (!covered)
			return false;
	}
	return true;
}

static void judge_routes(struct config_loader *l, unsigned index)
{
	struct config *c = l->config;
	struct config_subscription *sub = &c->subscriptions[index];
	bool all = false;

	sub->routes = calloc(c->n_routes + 1, sizeof(*sub->routes));
	for (unsigned i = 0; i < c->n_routes; i++)
		if (c->routes[i].subscription == index)
			sub->routes[sub->n_routes++] = i;
	sorting = c;
	qsort(sub->routes, sub->n_routes, sizeof(*sub->routes), by_order);
	for (size_t i = 0; i < sub->n_routes; i++) {
		struct config_route *r = &c->routes[sub->routes[i]];

		all |= r->n_tests == 0;
		for (size_t k = 0; k < i && !r->never; k++) {
			const struct config_route *before = &c->routes[sub->routes[k]];

			if (hides(before, r)) {
				r->never = true;
				fault_at(l, false, r->place,
				    "route %s never matches: %s, tried before it, takes all that it could",
				    r->name, before->name);
			}
		}
	}
	if (sub->n_routes == 0)
		fault_at(l, false, sub->place, "subscription %s has no route", sub->name);
	if (!all && sub->unrouted == UNROUTED_IMPOSSIBLE)
		fault_at(l, true, sub->place,
		    "subscription %s: unrouted must be given (dead-letter or skip), because no route catches all",
		    sub->name);
}

/* ---- Topics */

static bool contains(struct config_loader *l, const struct config_subscription *sub, const char *topic)
{
	for (size_t i = 0; i < sub->n_topics; i++) {
		regex_t re;
		bool match;

		if (sub->topics[i][0] != '^') {
			if (strcmp(sub->topics[i], topic) == 0)
				return true;
			continue;
		}
		if (regcomp(&re, sub->topics[i], REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		match = regexec(&re, topic, 0, NULL, 0) == 0;
		regfree(&re);
		if (match)
			return true;
	}
	(void)l;
	return false;
}

static void judge_topics(struct config_loader *l, const struct config_subscription *sub)
{
	for (size_t i = 0; i < sub->n_topics; i++) {
		regex_t re;
		char why[128];
		int r = sub->topics[i][0] == '^' ? regcomp(&re, sub->topics[i], REG_EXTENDED | REG_NOSUB)
						 : REG_NOERROR;

		if (r != 0) {
			regerror(r, &re, why, sizeof(why));
			fault_at(
			    l, true, sub->place, "topics: \"%s\" is no pattern: %s", sub->topics[i], why);
		} else if (sub->topics[i][0] == '^') {
			regfree(&re);
		} else if (strlen(sub->topics[i]) > 249 || sub->topics[i][0] == '\0' ||
			   sub->topics[i][strspn(sub->topics[i],
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] !=
			       '\0') {
			fault_at(l, true, sub->place,
			    "topics: \"%s\" is no topic name; a pattern begins with ^", sub->topics[i]);
		}
	}
	if (sub->n_topics == 0 && sub->topics != NULL)
		fault_at(l, true, sub->place, "topics: the list is empty");
	if (contains(l, sub, sub->dead_letter.topic))
		fault_at(l, true, sub->place, "subscription %s consumes its own dead-letter topic %s",
		    sub->name, sub->dead_letter.topic);
	if (contains(l, sub, sub->retry.topic))
		fault_at(l, true, sub->place, "subscription %s consumes its own retry topic %s", sub->name,
		    sub->retry.topic);
}

void config_judge(struct config_loader *l)
{
	struct config *c = l->config;

	for (unsigned i = 0; i < c->n_subscriptions; i++) {
		const struct config_subscription *sub = &c->subscriptions[i];

		judge_routes(l, i);
		judge_topics(l, sub);
		if (sub->retry.backoff_ms > sub->retry.max_backoff_ms)
			fault_at(l, true, sub->place,
			    "subscription %s: retry.backoff is longer than retry.max_backoff", sub->name);
		for (unsigned k = 0; k < i; k++)
			if (strcmp(sub->group, c->subscriptions[k].group) == 0)
				fault_at(l, true, sub->place,
				    "subscriptions %s and %s have one group, %s: each needs its own",
				    c->subscriptions[k].name, sub->name, sub->group);
	}
	for (size_t i = 0; i < c->n_handlers; i++)
		if (!c->handlers[i].routed)
			fault_at(
			    l, false, c->handlers[i].place, "handler %s has no route", c->handlers[i].name);
	if (c->n_subscriptions == 0)
		config_problem_add(
		    l->problems, false, c->file, 0, "there is no subscription: nothing will be consumed");
}
