#include "core/route.h"

#include <fnmatch.h>

#define GLOB_MAX 1024

static bool glob_holds(const char *pattern, struct bytes value)
{
	char text[GLOB_MAX + 1];

	/* fnmatch reads text: bytes that are none, or too many, match no pattern. */
	if (value.len > GLOB_MAX || memchr(value.data, '\0', value.len) != NULL)
		return false;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return fnmatch(pattern, text, 0) == 0;
}

static bool value_holds(const struct config_test *t, struct bytes value)
{
	size_t len;

	if (value.data == NULL)
		return false;
	switch (t->kind) {
	case TEST_EQUALS:
	case TEST_IN:
		for (size_t i = 0; i < t->n; i++)
			if (bytes_equal(bytes_of_text(t->values[i]), value))
				return true;
		return false;
	case TEST_PREFIX:
		len = strlen(t->values[0]);
		return value.len >= len && memcmp(value.data, t->values[0], len) == 0;
	case TEST_GLOB: return glob_holds(t->values[0], value);
	case TEST_EXISTS: break;
	}
	return false;
}

static bool holds(const struct config_test *t, field_value_fn value, void *arg)
{
	bool exists = false;
	struct bytes v = value(arg, &t->field, &exists);
	bool result = t->kind == TEST_EXISTS ? exists == t->exists : value_holds(t, v);

	return result != t->negate;
}

int route_pick(const struct config *c, const struct config_subscription *sub, field_value_fn value, void *arg)
{
	for (size_t i = 0; i < sub->n_routes; i++) {
		const struct config_route *r = &c->routes[sub->routes[i]];
		size_t k = 0;

		while (k < r->n_tests && holds(&r->tests[k], value, arg))
			k++;
		if (k == r->n_tests)
			return (int)sub->routes[i];
	}
	return -1;
}
