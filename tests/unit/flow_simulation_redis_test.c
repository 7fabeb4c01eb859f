/* The world of tests/lib/world.h on a real redis-server: its scripts run on the test's clock, a failover is a kill -9
 * and a start with what was saved before.
 *
 * SEMEL_SEED and SEMEL_STEPS change the run; a failure prints the seed.
 */
#include "adapters/ledger_scripts.h"
#include "adapters/redis_conn.h"
#include "lib/redis.h"
#include "lib/world.h"

#define CLOCK "unit:clock" /* a string of seconds and microseconds, 16 digits each */

static struct redis_test server;
static struct redis_conn *conn; /* for the clock and SAVE */
static uint64_t time_us;

static int where(void *arg, struct redis_place *ret_place, char *why, size_t size)
{
	(void)arg;
	(void)why;
	(void)size;
	*ret_place = (struct redis_place){ .path = server.path };
	return 0;
}

static void command(size_t argc, const struct bytes *argv)
{
	const struct redis_value *v;

	ck_assert_int_eq(redis_conn_call(conn, argc, argv, &v), 0);
	ck_assert_msg(redis_value_kind(v) != REDIS_ERROR, "%.*s", (int)redis_value_text(v).len,
	    (const char *)redis_value_text(v).data);
}

static struct store *open_store(void *arg)
{
	(void)arg;
	return redis_store_new(&server.config, "a");
}

static void set_time(void *arg, uint64_t server_us)
{
	char s[24], us[24];

	(void)arg;
	time_us = server_us;
	snprintf(s, sizeof(s), "%llu", (unsigned long long)(server_us / 1000000));
	snprintf(us, sizeof(us), "%llu", (unsigned long long)(server_us % 1000000));
	command(6, (struct bytes[]){ bytes_of_text("HSET"), bytes_of_text(CLOCK), bytes_of_text("s"),
		       bytes_of_text(s), bytes_of_text("us"), bytes_of_text(us) });
}

static void snapshot(void *arg)
{
	(void)arg;
	command(1, (struct bytes[]){ bytes_of_text("SAVE") });
}

static void failover(void *arg)
{
	(void)arg;
	redis_test_kill(&server);
	redis_test_start(&server, false);
	redis_conn_reset(conn);
	set_time(NULL, time_us);
}

START_TEST(simulation_on_redis_keeps_every_promise)
{
	struct redis_login login = { .name = "unit" };
	struct redis_conn_hooks hooks = { NULL, where, NULL };
	struct world_store store = { NULL, open_store, set_time, snapshot, failover };
	struct world_rules rules = {
		.seed = getenv("SEMEL_SEED") == NULL ? 1 : strtoull(getenv("SEMEL_SEED"), NULL, 10),
		.limit = getenv("SEMEL_STEPS") == NULL ? 1500000 : strtoull(getenv("SEMEL_STEPS"), NULL, 10),
		.records = 2500,
		.generation_ids = 400,
		.faults = 10000,
	};
	struct world_figures figures;

	redis_test_configure(&server, 3000, 2000);
	ledger_scripts_set_clock(CLOCK);
	redis_test_start(&server, false);
	conn = redis_conn_new(&login, 5000, &hooks);
	world_run(&store, &rules, &figures);
	world_print(&rules, &figures);
	redis_conn_free(conn);
	redis_test_kill(&server);
	unit_remove(server.folder);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { simulation_on_redis_keeps_every_promise, NULL };

	signal(SIGPIPE, SIG_IGN);
	return unit_run("flow on redis", tests);
}
