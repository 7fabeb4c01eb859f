#include "core/route_cover.h"

#include <fnmatch.h>

static bool same_field(const struct field *a, const struct field *b)
{
	if (a->kind != b->kind || (a->name == NULL) != (b->name == NULL))
		return false;
	return a->name == NULL || strcmp(a->name, b->name) == 0;
}

/* `exists` and `not` of one test say one thing: the field is there, or it is not. */
static struct config_test plain(const struct config_test *t)
{
	struct config_test p = *t;

	if (p.kind == TEST_EXISTS) {
		p.exists = p.exists != p.negate;
		p.negate = false;
	}
	return p;
}

static struct config_test opposite(const struct config_test *t)
{
	struct config_test p = *t;

	p.negate = !p.negate;
	return plain(&p);
}

static bool is_list(const struct config_test *t)
{
	return t->kind == TEST_EQUALS || t->kind == TEST_IN;
}

/* Whether a field of this value passes t, which is not negated. */
static bool takes(const struct config_test *t, const char *value)
{
	switch (t->kind) {
	case TEST_EXISTS: return t->exists;
	case TEST_PREFIX: return strncmp(value, t->values[0], strlen(t->values[0])) == 0;
	case TEST_GLOB: return fnmatch(t->values[0], value, 0) == 0;
	default: break;
	}
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->values[i], value) == 0)
			return true;
	return false;
}

/* True if all values of b, a list, pass a; none of both is negated. */
static bool takes_all(const struct config_test *a, const struct config_test *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!takes(a, b->values[i]))
			return false;
	return true;
}

static bool takes_any(const struct config_test *a, const struct config_test *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (takes(a, b->values[i]))
			return true;
	return false;
}

/* Whatever passes b passes a; both plain, one field, none negated. */
static bool implied(const struct config_test *a, const struct config_test *b)
{
	if (b->kind == TEST_EXISTS)
		return a->kind == TEST_EXISTS && a->exists == b->exists;
	if (a->kind == TEST_EXISTS)
		return a->exists;
	if (is_list(b))
		return takes_all(a, b);
	if (a->kind != b->kind)
		return false;
	if (a->kind == TEST_PREFIX)
		return takes(a, b->values[0]);
	return strcmp(a->values[0], b->values[0]) == 0;
}

/* No field passes both; both plain, one field. */
static bool excluded(const struct config_test *a, const struct config_test *b)
{
	struct config_test inner;

	if (a->negate && b->negate)
		return false;
	if (a->negate || b->negate) {
		inner = opposite(a->negate ? a : b);
		return implied(&inner, a->negate ? b : a);
	}
	if (a->kind == TEST_EXISTS || b->kind == TEST_EXISTS) {
		/* A test of the value needs one. */
		bool a_there = a->kind != TEST_EXISTS || a->exists;
		bool b_there = b->kind != TEST_EXISTS || b->exists;

		return a_there != b_there;
	}
	if (is_list(b))
		return !takes_any(a, b);
	if (is_list(a))
		return !takes_any(b, a);
	if (a->kind == TEST_PREFIX && b->kind == TEST_PREFIX)
		return !takes(a, b->values[0]) && !takes(b, a->values[0]);
	return false;
}

/* Whatever passes b passes a. */
static bool covers(const struct config_test *x, const struct config_test *y)
{
	struct config_test a = plain(x), b = plain(y);

	if (!same_field(&a.field, &b.field))
		return false;
	if (a.negate && b.negate) {
		struct config_test not_a = opposite(&a), not_b = opposite(&b);

		return implied(&not_b, &not_a);
	}
	if (a.negate) {
		struct config_test not_a = opposite(&a);

		return excluded(&not_a, &b);
	}
	return !b.negate && implied(&a, &b);
}

bool route_covers(const struct config_route *before, const struct config_route *r)
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

bool route_contradicts(const struct config_route *r)
{
	for (size_t i = 0; i < r->n_tests; i++) {
		struct config_test a = plain(&r->tests[i]);

		for (size_t k = 0; k < i; k++) {
			struct config_test b = plain(&r->tests[k]);

			if (same_field(&a.field, &b.field) && excluded(&a, &b))
				return true;
		}
	}
	return false;
}
