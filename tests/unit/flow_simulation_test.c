/* The world of tests/lib/world.h on the memory store.
 *
 * SEMEL_SEED and SEMEL_STEPS change the run; a failure prints the seed.
 */
#include "lib/world.h"

#include <check.h>
#include <stdlib.h>

#define SEEDS 4

static struct store *open_store(void *arg)
{
	return memory_store_new(arg);
}

static void set_time(void *arg, uint64_t server_us)
{
	memory_ledger_set_time(arg, server_us);
}

static void snapshot(void *arg)
{
	memory_ledger_snapshot(arg);
}

static void failover(void *arg)
{
	memory_ledger_failover(arg);
}

START_TEST(simulation_keeps_every_promise)
{
	struct memory_ledger *m = memory_ledger_new();
	struct world_store store = { m, open_store, set_time, snapshot, failover };
	struct world_rules rules = {
		.seed = (getenv("SEMEL_SEED") == NULL ? 1 : strtoull(getenv("SEMEL_SEED"), NULL, 10)) +
			(uint64_t)_i,
		.limit = getenv("SEMEL_STEPS") == NULL ? 3000000 : strtoull(getenv("SEMEL_STEPS"), NULL, 10),
		.records = WORLD_RECORDS,
		.generation_ids = 1500,
		.faults = 20000,
	};
	struct world_figures figures;

	world_run(&store, &rules, &figures);
	world_print(&rules, &figures);
	memory_ledger_free(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow");
	TCase *c = tcase_create("simulation");
	SRunner *r;
	int failed;

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, simulation_keeps_every_promise, 0, SEEDS);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
