/* One group of routes, and its tests. */
#include "adapters/config_tree.h"

#include <stdlib.h>

#define PRIORITY_DEFAULT 500
#define PRIORITY_LAST 1000 /* of a route without `when` */

static const struct {
	const char *name;
	enum test_kind kind;
} kinds[] = { { "equals", TEST_EQUALS }, { "in", TEST_IN }, { "prefix", TEST_PREFIX }, { "glob", TEST_GLOB },
	{ "exists", TEST_EXISTS } };

/* ---- Tests */

static void free_test(struct config_test *t)
{
	free(t->field.name);
	config_texts_free(t->values, t->n);
}

static bool take_field(struct config_loader *l, const config_setting_t *g, struct config_test *t)
{
	const config_setting_t *s = config_member(g, "field");
	char *text = s == NULL ? NULL : config_text_of(l, s);
	bool ok = text != NULL && config_parse_field(text, false, &t->field);

	if (s == NULL)
		config_fault(l, g, "when: a test needs a field");
	else if (text != NULL && !ok)
		config_fault(l, s, "field: \"%s\" is none of topic, key, header:NAME, json:/pointer", text);
	free(text);
	return ok;
}

/* What the field is compared with; s is the setting named as the test. */
static bool take_values(struct config_loader *l, const config_setting_t *s, struct config_test *t)
{
	const char *name = config_setting_name(s);

	if (t->kind == TEST_EXISTS) {
		t->exists = config_bool_of(l, s);
		return config_setting_type(s) == CONFIG_TYPE_BOOL;
	}
	if (!config_texts_of(l, s, &t->values, &t->n))
		return false;
	if (t->kind == TEST_IN && t->n == 0)
		config_fault(l, s, "in: the list is empty");
	else if (t->kind != TEST_IN && t->n != 1)
		config_fault(l, s, "%s: expected one string; of several, in = [ ... ] takes each", name);
	else
		return true;
	return false;
}

/* One { field = ...; TEST = ...; }; false, with problems, if it is none. */
static bool take_test(struct config_loader *l, const config_setting_t *g, struct config_test *t)
{
	const config_setting_t *s;
	unsigned found = 0;
	bool ok;

	config_fill(l, SCOPE_TEST, g, g, NULL);
	ok = take_field(l, g, t);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		s = config_member(g, kinds[i].name);
		if (s == NULL || found++ > 0)
			continue;
		t->kind = kinds[i].kind;
		ok &= take_values(l, s, t);
	}
	if (found != 1)
		config_fault(
		    l, g, "when: a test needs one of equals, in, prefix, glob, exists; found %u", found);
	s = config_member(g, "not");
	if (s != NULL)
		t->negate = config_bool_of(l, s);
	return ok && found == 1;
}

/* False, with problems, if one of them is no test. */
static bool take_tests(struct config_loader *l, const config_setting_t *s, struct config_route *r)
{
	bool many = config_setting_is_list(s), ok = true;
	int n = many ? config_setting_length(s) : 1;

	if (!many && !config_setting_is_group(s)) {
		config_fault(l, s, "when: expected a list of tests: ( { field = ...; equals = ...; } )");
		return false;
	}
	for (int i = 0; i < n; i++) {
		const config_setting_t *g = many ? config_setting_get_elem(s, (unsigned)i) : s;
		struct config_test t = { .n = 0 };

		if (!config_setting_is_group(g)) {
			config_fault(l, g, "when: expected a test { field = ...; equals = ...; }, found %s",
			    config_type_of(g));
			ok = false;
		} else if (take_test(l, g, &t)) {
			r->tests = config_grow(r->tests, r->n_tests, sizeof(*r->tests));
			r->tests[r->n_tests++] = t;
		} else {
			free_test(&t);
			ok = false;
		}
	}
	return ok;
}

/* ---- What it names */

static int find_subscription(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_subscriptions; i++)
		if (strcmp(c->subscriptions[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int find_handler(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_handlers; i++)
		if (strcmp(c->handlers[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* The index named by key `what`; false, and a problem, if there is none of that name. */
static bool take_reference(struct config_loader *l, const config_setting_t *g, const char *what,
    const char *remedy, int (*find)(const struct config *c, const char *name), unsigned *ret_index)
{
	const config_setting_t *s = config_member(g, what);
	char *name = s == NULL ? NULL : config_text_of(l, s);
	int i = name == NULL ? -1 : find(l->config, name);

	if (s == NULL)
		config_fault(l, g, "%s must be given", what);
	else if (name != NULL && i < 0 && !l->incomplete)
		config_fault(l, s, "there is no %s named %s: %s", what, name, remedy);
	free(name);
	if (i >= 0)
		*ret_index = (unsigned)i;
	return i >= 0;
}

static void take_priority(struct config_loader *l, const config_setting_t *g, struct config_route *r)
{
	const config_setting_t *s = config_member(g, "priority");

	r->priority = config_member(g, "when") == NULL ? PRIORITY_LAST : PRIORITY_DEFAULT;
	if (s == NULL)
		return;
	if (config_setting_type(s) != CONFIG_TYPE_INT || config_setting_get_int(s) < 0 ||
	    config_setting_get_int(s) > PRIORITY_LAST)
		config_fault(l, s, "priority: expected a number from 0 to %d", PRIORITY_LAST);
	else
		r->priority = (unsigned)config_setting_get_int(s);
}

void config_take_route(struct config_loader *l, const config_setting_t *g, const char *name)
{
	const config_setting_t *when = config_member(g, "when");
	struct config *c = l->config;
	struct config_route *r;
	bool ok;

	c->routes = config_grow(c->routes, c->n_routes, sizeof(*c->routes));
	l->routes = config_grow(l->routes, c->n_routes, sizeof(*l->routes));
	r = &c->routes[c->n_routes];
	r->name = strdup(name);
	r->place = config_place_of(l, g);
	r->subscription = r->handler = CONFIG_NONE;
	config_fill(l, SCOPE_ROUTE, g, g, NULL);
	ok = take_reference(
	    l, g, "subscription", "add it, or remove the route", find_subscription, &r->subscription);
	if (take_reference(l, g, "handler", "install the package that has it, or remove the route",
		find_handler, &r->handler))
		c->handlers[r->handler].routed = true;
	else
		ok = false;
	ok &= when == NULL || take_tests(l, when, r);
	take_priority(l, g, r);
	l->routes[c->n_routes++] = (struct config_origin){ g, !ok };
}
