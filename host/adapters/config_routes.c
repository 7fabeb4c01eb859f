/* Routes: their tests, the order in which they are tried, and those that never match. */
#include "adapters/config_tree.h"

#include <stdlib.h>

static int index_of_subscription(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_subscriptions; i++)
		if (strcmp(c->subscriptions[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int index_of_handler(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_handlers; i++)
		if (strcmp(c->handlers[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void free_test(struct config_test *t)
{
	free(t->field.name);
	for (size_t i = 0; i < t->n; i++)
		free(t->values[i]);
	free(t->values);
}

/* One { field = ...; TEST = ...; }; false, with problems, if it is none. */
static bool take_test(struct config_loader *l, const config_setting_t *g, struct config_test *t)
{
	static const struct {
		const char *name;
		enum test_kind kind;
	} kinds[] = { { "equals", TEST_EQUALS }, { "in", TEST_IN }, { "prefix", TEST_PREFIX },
		{ "glob", TEST_GLOB }, { "exists", TEST_EXISTS } };
	const config_setting_t *s = config_setting_get_member(g, "field");
	char *field = s == NULL ? NULL : config_text_of(l, s);
	unsigned found = 0;
	bool ok = field != NULL;
	int yes;

	config_fill(l, SCOPE_TEST, g, g, NULL);
	if (s == NULL)
		config_fault(l, g, "field must be given");
	else if (field != NULL && !config_parse_test_field(field, &t->field)) {
		config_fault(l, s, "field: \"%s\" is none of topic, key, header:NAME, json:/pointer", field);
		ok = false;
	}
	free(field);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		s = config_setting_get_member(g, kinds[i].name);
		if (s == NULL)
			continue;
		found++;
		t->kind = kinds[i].kind;
		if (t->kind == TEST_EXISTS) {
			if (config_setting_type(s) != CONFIG_TYPE_BOOL)
				config_fault(l, s, "exists: expected true or false");
			t->exists = config_setting_get_bool(s);
		} else if (found > 1 || !config_texts_of(l, s, &t->values, &t->n)) {
			ok = false;
		}
	}
	if (found != 1) {
		config_fault(l, g, "a test needs one of equals, in, prefix, glob, exists; found %u", found);
		ok = false;
	}
	if (config_setting_lookup_bool(g, "not", &yes) == CONFIG_TRUE)
		t->negate = yes;
	return ok;
}

static void take_tests(struct config_loader *l, const config_setting_t *s, struct config_route *r)
{
	int n = config_setting_is_list(s) ? config_setting_length(s) : 1;

	if (!config_setting_is_list(s) && !config_setting_is_group(s)) {
		config_fault(l, s, "when: expected a list of tests: ( { field = ...; equals = ...; } )");
		return;
	}
	r->tests = calloc((size_t)n + 1, sizeof(*r->tests));
	for (int i = 0; i < n; i++) {
		const config_setting_t *g = config_setting_is_list(s)
						? config_setting_get_elem(s, (unsigned)i)
						: s;
		struct config_test t = { .n = 0 };

		if (!config_setting_is_group(g))
			config_fault(l, g, "when: expected a test { field = ...; equals = ...; }");
		else if (take_test(l, g, &t))
			r->tests[r->n_tests++] = t;
		else
			free_test(&t);
	}
}

/* The index named by key `what`; -1, and a problem, if there is none of that name. */
static int reference(struct config_loader *l, const config_setting_t *g, const char *what,
    int (*find)(const struct config *c, const char *name))
{
	const config_setting_t *s = config_setting_get_member(g, what);
	char *name = s == NULL ? NULL : config_text_of(l, s);
	int i = -1;

	if (s == NULL)
		config_fault(l, g, "%s must be given", what);
	if (name != NULL) {
		i = find(l->config, name);
		if (i < 0)
			config_fault(l, s, "there is no %s named %s", what, name);
	}
	free(name);
	return i;
}

void config_take_route(struct config_loader *l, const config_setting_t *g, const char *name)
{
	struct config *c = l->config;
	struct config_route r = { .priority = 500, .place = config_place_of(l, g) }, *grown;
	const config_setting_t *when, *s;
	int sub, handler;

	if (!config_setting_is_group(g)) {
		config_fault(l, g, "%s: expected a group { ... }", name);
		return;
	}
	config_fill(l, SCOPE_ROUTE, g, g, NULL);
	sub = reference(l, g, "subscription", index_of_subscription);
	handler = reference(l, g, "handler", index_of_handler);
	when = config_setting_get_member(g, "when");
	if (when == NULL)
		r.priority = 1000;
	else
		take_tests(l, when, &r);
	s = config_setting_get_member(g, "priority");
	if (s != NULL && (config_setting_type(s) != CONFIG_TYPE_INT || config_setting_get_int(s) < 0 ||
			     config_setting_get_int(s) > 1000))
		config_fault(l, s, "priority: expected a number from 0 to 1000");
	else if (s != NULL)
		r.priority = (unsigned)config_setting_get_int(s);
	if (sub >= 0)
		r.subscription = (unsigned)sub;
	if (handler >= 0) {
		r.handler = (unsigned)handler;
		c->handlers[handler].routed = true;
	}
	r.name = strdup(name);
	grown = realloc(c->routes, (c->n_routes + 1) * sizeof(*grown));
	if (grown == NULL)
		abort();
	c->routes = grown;
	c->routes[c->n_routes++] = r;
}
