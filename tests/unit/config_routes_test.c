/* Routes that can never match: told only where it is certain. */
#include "core/route_cover.h"

#include "core/route.h"
#include "lib/unit.h"

/* A test by its words: "key = a", "key in a b", "key ^ a", "key ~ a*", "key ?", a "!" before the field turns it round. */
static struct config_test make(const char *text)
{
	static char words[64][64];
	static char *values[64];
	static size_t used;
	struct config_test t = { .field = { FIELD_KEY, NULL }, .exists = true };
	char copy[128], *save = NULL, *word;
	const char *op;

	snprintf(copy, sizeof(copy), "%s", text);
	word = strtok_r(copy, " ", &save);
	t.negate = word[0] == '!';
	t.field.kind = strstr(word, "topic") != NULL ? FIELD_TOPIC : FIELD_KEY;
	op = strtok_r(NULL, " ", &save);
	t.kind = op[0] == '='   ? TEST_EQUALS
		 : op[0] == 'i' ? TEST_IN
		 : op[0] == '^' ? TEST_PREFIX
		 : op[0] == '~' ? TEST_GLOB
				: TEST_EXISTS;
	used = used > 48 ? 0 : used;
	t.values = &values[used];
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		snprintf(words[used], sizeof(words[used]), "%s", word);
		values[used] = words[used];
		used++;
		t.n++;
	}
	return t;
}

static bool covers(const char *before, const char *r)
{
	struct config_test a = make(before), b = make(r);
	struct config_route x = { .tests = &a, .n_tests = 1 }, y = { .tests = &b, .n_tests = 1 };

	return route_covers(&x, &y);
}

static bool contradicts(const char *one, const char *other)
{
	struct config_test t[2] = { make(one), make(other) };
	struct config_route r = { .tests = t, .n_tests = 2 };

	return route_contradicts(&r);
}

START_TEST(what_a_test_covers)
{
	ck_assert(covers("key = a", "key = a"));
	ck_assert(covers("key in a b", "key = a"));
	ck_assert(!covers("key = a", "key in a b"));
	ck_assert(covers("key ^ a", "key in ab ac"));
	ck_assert(!covers("key ^ a", "key in ab c"));
	ck_assert(covers("key ^ a", "key ^ ab"));
	ck_assert(!covers("key ^ ab", "key ^ a"));
	ck_assert(covers("key ~ a*", "key = ab"));
	ck_assert(covers("key ~ a*", "key ~ a*"));
	ck_assert(covers("key ?", "key = a"));
	ck_assert(!covers("key = a", "key ?"));
	ck_assert(!covers("key ?", "!key = a"));
	ck_assert(!covers("!key ?", "key = a"));
	ck_assert(covers("!key = a", "key = b"));
	ck_assert(covers("!key = a", "!key ?"));
	ck_assert(covers("!key = a", "!key in a b"));
	ck_assert(!covers("!key in a b", "!key = a"));
	ck_assert(!covers("topic = a", "key = a"));
}
END_TEST

START_TEST(what_contradicts_itself)
{
	ck_assert(contradicts("key = a", "key = b"));
	ck_assert(!contradicts("key in a b", "key = b"));
	ck_assert(contradicts("key ^ a", "key = b"));
	ck_assert(contradicts("key ^ a", "key ^ b"));
	ck_assert(!contradicts("key ^ a", "key ^ ab"));
	ck_assert(contradicts("key = a", "!key = a"));
	ck_assert(contradicts("key = a", "!key ?"));
	ck_assert(contradicts("key ?", "!key ?"));
	ck_assert(!contradicts("!key = a", "!key ?"));
	ck_assert(!contradicts("key = a", "topic = b"));
}
END_TEST

/* ---- Against the matching itself */

struct sample {
	const char *key;
};

static struct bytes value_of(void *arg, const struct field *f, bool *ret_exists)
{
	const struct sample *s = arg;

	(void)f;
	*ret_exists = s->key != NULL;
	return bytes_of_text(s->key);
}

static bool passes(const struct config_test *t, size_t n, const char *key)
{
	struct config_route route = { .tests = (struct config_test *)(uintptr_t)t, .n_tests = n };
	struct config c = { .routes = &route, .n_routes = 1 };
	unsigned index = 0;
	struct config_subscription sub = { .routes = &index, .n_routes = 1 };
	struct sample s = { key };

	return route_pick(&c, &sub, value_of, &s) == 0;
}

/* Whatever the two say of a pair of tests holds for each key: no claim is made that matching would belie. */
START_TEST(claims_agree_with_the_matching)
{
	static const char *const tests[] = { "key = a", "key = ab", "key in a b", "key in ab abc", "key ^ a",
		"key ^ ab", "key ~ a*", "key ~ ?", "key ?", "!key ?", "!key = a", "!key in a b", "!key ^ a",
		"!key ~ a*" };
	static const char *const keys[] = { NULL, "", "a", "b", "ab", "abc", "c", "ba" };
	const size_t n = sizeof(tests) / sizeof(tests[0]);
	unsigned claims = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			for (size_t m = 0; m < sizeof(keys) / sizeof(keys[0]); m++) {
				struct config_test t[2] = { make(tests[i]), make(tests[k]) };

				if (covers(tests[i], tests[k]) && passes(&t[1], 1, keys[m])) {
					claims++;
					ck_assert_msg(passes(&t[0], 1, keys[m]), "'%s' does not cover '%s'",
					    tests[i], tests[k]);
				}
				if (i != k && contradicts(tests[i], tests[k])) {
					claims++;
					ck_assert_msg(!passes(t, 2, keys[m]), "'%s' and '%s' agree", tests[i],
					    tests[k]);
				}
			}
	ck_assert_uint_gt(claims, 100);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { what_a_test_covers, what_contradicts_itself,
		claims_agree_with_the_matching, NULL };

	return unit_run("config_routes", tests);
}
