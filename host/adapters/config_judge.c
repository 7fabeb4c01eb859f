/* What only shows when the whole configuration is there. */
#include "adapters/config_tree.h"
#include "core/route_cover.h"

#include <regex.h>
#include <stdlib.h>

#define TOPIC_MAX 249

/* `key` of the group; the group itself if it is not written there. */
static const config_setting_t *written(const config_setting_t *g, const char *key)
{
	const config_setting_t *s = config_member(g, key);

	return s == NULL ? g : s;
}

/* ---- Routes */

/* Routes lie in the order of files and positions; an insertion keeps it among those of one priority. */
static void add_route(const struct config *c, struct config_subscription *sub, unsigned route)
{
	size_t i = sub->n_routes++;

	for (; i > 0 && c->routes[sub->routes[i - 1]].priority > c->routes[route].priority; i--)
		sub->routes[i] = sub->routes[i - 1];
	sub->routes[i] = route;
}

static void judge_route(struct config_loader *l, const struct config_subscription *sub, size_t index)
{
	struct config *c = l->config;
	struct config_route *r = &c->routes[sub->routes[index]];
	const config_setting_t *g = l->routes[sub->routes[index]].group;

	if (route_contradicts(r)) {
		r->never = true;
		config_warn(l, g, "route %s never matches: its tests contradict each other", r->name);
	}
	for (size_t k = 0; k < index && !r->never; k++) {
		const struct config_route *before = &c->routes[sub->routes[k]];

		if (!route_covers(before, r))
			continue;
		r->never = true;
		config_warn(l, g, "route %s never matches: %s, tried before it, takes all that it could",
		    r->name, before->name);
	}
}

static void judge_routes(struct config_loader *l, unsigned index)
{
	struct config *c = l->config;
	struct config_subscription *sub = &c->subscriptions[index];
	const config_setting_t *g = l->subscriptions[index].group;
	bool all = false, broken = l->incomplete;

	sub->routes = calloc(c->n_routes + 1, sizeof(*sub->routes));
	if (sub->routes == NULL)
		abort();
	for (unsigned i = 0; i < c->n_routes; i++) {
		broken |= l->routes[i].broken;
		if (!l->routes[i].broken && c->routes[i].subscription == index)
			add_route(c, sub, i);
	}
	for (size_t i = 0; i < sub->n_routes; i++) {
		judge_route(l, sub, i);
		all |= c->routes[sub->routes[i]].n_tests == 0;
	}
	if (sub->n_routes == 0 && !broken)
		config_warn(l, g, "subscription %s has no route", sub->name);
	if (!all && !broken && config_member(g, "unrouted") == NULL)
		config_fault(l, g,
		    "subscription %s: unrouted must be given (dead-letter or skip), because no route takes all",
		    sub->name);
}

/* ---- Topics */

static bool is_topic(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && name[n] == '\0' && n <= TOPIC_MAX && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static bool matches(const char *pattern, const char *topic)
{
	regex_t re;
	bool match;

	if (pattern[0] != '^')
		return strcmp(pattern, topic) == 0;
	/* As librdkafka does it. */
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	match = regexec(&re, topic, 0, NULL, 0) == 0;
	regfree(&re);
	return match;
}

bool config_consumes(const struct config_subscription *sub, const char *topic)
{
	for (size_t i = 0; i < sub->n_topics; i++)
		if (matches(sub->topics[i], topic))
			return true;
	return false;
}

static void judge_pattern(struct config_loader *l, const config_setting_t *s, const char *pattern)
{
	regex_t re;
	char why[128];
	int r = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (r == 0) {
		regfree(&re);
		return;
	}
	regerror(r, &re, why, sizeof(why));
	config_fault(l, s, "topics: \"%s\" is no pattern: %s", pattern, why);
}

static void judge_topics(
    struct config_loader *l, const config_setting_t *g, const struct config_subscription *sub)
{
	const config_setting_t *s = written(g, "topics");

	if (sub->n_topics == 0 && sub->topics != NULL)
		config_fault(l, s, "topics: the list is empty");
	for (size_t i = 0; i < sub->n_topics; i++) {
		if (sub->topics[i][0] == '^')
			judge_pattern(l, s, sub->topics[i]);
		else if (!is_topic(sub->topics[i]))
			config_fault(l, s,
			    "topics: \"%s\" is no topic: up to %d letters, digits, dots, _ and -; a pattern begins with ^",
			    sub->topics[i], TOPIC_MAX);
		for (size_t k = 0; k < i; k++)
			if (strcmp(sub->topics[i], sub->topics[k]) == 0)
				config_fault(l, s, "topics: \"%s\" stands there twice", sub->topics[i]);
	}
	if (config_consumes(sub, sub->dead_letter.topic))
		config_fault(l, s, "subscription %s would consume its own dead-letter topic %s", sub->name,
		    sub->dead_letter.topic);
	if (config_consumes(sub, sub->retry.topic))
		config_fault(l, s, "subscription %s would consume its own retry topic %s", sub->name,
		    sub->retry.topic);
}

/* Where events are put aside. */
static void judge_own_topics(
    struct config_loader *l, const config_setting_t *g, const struct config_subscription *sub)
{
	const config_setting_t *dead = config_member(config_member(g, "dead_letter"), "topic");
	const config_setting_t *retry = config_member(config_member(g, "retry"), "topic");

	if (!is_topic(sub->dead_letter.topic))
		config_fault(l, dead == NULL ? g : dead, "dead_letter.topic: \"%s\" is no topic",
		    sub->dead_letter.topic);
	if (!is_topic(sub->retry.topic))
		config_fault(
		    l, retry == NULL ? g : retry, "retry.topic: \"%s\" is no topic", sub->retry.topic);
	if (strcmp(sub->dead_letter.topic, sub->retry.topic) == 0)
		config_fault(l, dead == NULL ? g : dead, "dead_letter.topic: %s is the retry topic, too",
		    sub->dead_letter.topic);
}

/* ---- The rest */

static void judge_group(struct config_loader *l, unsigned index)
{
	const struct config *c = l->config;
	const struct config_subscription *sub = &c->subscriptions[index];

	for (unsigned k = 0; k < index; k++) {
		struct config_place place = config_place_of(l, written(l->subscriptions[k].group, "group"));

		if (strcmp(sub->group, c->subscriptions[k].group) == 0)
			config_fault(l, written(l->subscriptions[index].group, "group"),
			    "subscriptions %s and %s (%s:%u) have one group, %s: each needs its own",
			    sub->name, c->subscriptions[k].name, place.file, place.line, sub->group);
	}
}

static void judge_subscription(struct config_loader *l, unsigned index)
{
	const struct config_subscription *sub = &l->config->subscriptions[index];
	const config_setting_t *g = l->subscriptions[index].group, *retry = config_member(g, "retry");

	judge_routes(l, index);
	judge_topics(l, g, sub);
	judge_own_topics(l, g, sub);
	judge_group(l, index);
	/* 0: it was no duration, and that was told. */
	if (sub->retry.backoff_ms > sub->retry.max_backoff_ms && sub->retry.max_backoff_ms > 0)
		config_fault(l,
		    config_member(retry, "max_backoff") == NULL ? written(retry, "backoff")
								: config_member(retry, "max_backoff"),
		    "subscription %s: retry.backoff is longer than retry.max_backoff", sub->name);
}

static void judge_handler(struct config_loader *l, size_t index)
{
	const struct config_handler *h = &l->config->handlers[index];
	const config_setting_t *g = l->handlers[index].group;

	if (!h->routed && !l->incomplete)
		config_warn(l, g, "handler %s has no route", h->name);
	if (h->max_run_ms < h->timeout_ms && h->max_run_ms > 0)
		config_fault(l, written(g, config_member(g, "timeout") == NULL ? "max_run" : "timeout"),
		    "handler %s: timeout is longer than max_run", h->name);
	for (size_t i = 0; i < h->n_emits; i++)
		if (!is_topic(h->emits[i]))
			config_fault(l, written(g, "emits"), "emits: \"%s\" is no topic", h->emits[i]);
}

/* An event that makes another one for the same subscription may do so for ever. */
static void judge_emits(struct config_loader *l, size_t route)
{
	const struct config_route *r = &l->config->routes[route];
	const struct config_handler *h = &l->config->handlers[r->handler];
	const struct config_subscription *sub = &l->config->subscriptions[r->subscription];

	for (size_t i = 0; i < h->n_emits; i++)
		if (config_consumes(sub, h->emits[i]))
			config_warn(l, written(l->handlers[r->handler].group, "emits"),
			    "handler %s emits to %s, which its subscription %s consumes", h->name,
			    h->emits[i], sub->name);
}

void config_judge(struct config_loader *l)
{
	struct config *c = l->config;

	for (unsigned i = 0; i < c->n_subscriptions; i++)
		judge_subscription(l, i);
	for (size_t i = 0; i < c->n_handlers; i++)
		judge_handler(l, i);
	for (size_t i = 0; i < c->n_routes; i++)
		if (!l->routes[i].broken)
			judge_emits(l, i);
	if (c->n_subscriptions == 0 && !l->incomplete)
		config_problem_add(
		    l->problems, false, c->file, 0, "there is no subscription: nothing will be consumed");
}
