#include "adapters/keyed_hash.h"
#include "core/emit_id.h"
#include "lib/unit.h"

/* The vector of docs/handlers.md: whoever makes these ids elsewhere can check theirs. */
START_TEST(ids_are_those_of_the_manual)
{
	char a[33], b[33], c[33];

	ck_assert_int_eq(keyed_hash_setup(), 0);
	emit_id(keyed_hash_128, "billing", (struct bytes){ "order-1", 7 }, "charge", 0, a);
	ck_assert_str_eq(a, "21adade9defeb74aaa8d930e265ce53b");
	emit_id(keyed_hash_128, "billing", (struct bytes){ "order-1", 7 }, "charge", 1, b);
	ck_assert_str_ne(a, b);
	/* Lengths keep the parts apart. */
	emit_id(keyed_hash_128, "billingo", (struct bytes){ "rder-1", 6 }, "charge", 0, c);
	ck_assert_str_ne(a, c);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { ids_are_those_of_the_manual, NULL };

	return unit_run("emit_id", tests);
}
