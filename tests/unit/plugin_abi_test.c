/* A plugin built with the first header works in this host. */
#include "adapters/config_file.h"
#include "adapters/plugin.h"
#include "core/emitted.h"

#include "lib/unit.h"

#ifndef PLUGINS
#error "PLUGINS: the folder of the test plugins"
#endif

/* ---- An event with one header */

static struct bytes header(struct message *m, const char *name)
{
	(void)m;
	return strcmp(name, "type") == 0 ? bytes_of_text("order") : (struct bytes){ NULL, 0 };
}

static bool header_at(struct message *m, size_t i, const char **ret_name, struct bytes *ret_value)
{
	(void)m;
	*ret_name = "type";
	*ret_value = bytes_of_text("order");
	return i == 0;
}

static const struct message_ops ops = { .header = header, .header_at = header_at };
static _Atomic int64_t lease_until_us;
static struct metrics *metrics;

static void never(void *arg, struct event *ev)
{
	(void)arg;
	(void)ev;
	ck_abort_msg("the run had ended when handle returned");
}

static struct event event_with(const char *payload)
{
	return (struct event){ .msg = { .ops = &ops, .payload = bytes_of_text(payload) },
		.id = { "e1", 2 },
		.origin = { "orders", 3, 42, 1700000000000 },
		.run = { .fence = 9, .attempt = 2, .redelivered = true } };
}

static struct plugin *open_old(void)
{
	static char file[] = PLUGINS "/plugin-1.0.so", name[] = "old", out[] = "out", *emits[] = { out };
	static char path[3][8] = { "wait", "words", "words/0" }, text[2][8] = { "250ms", "one" };
	static struct config_setting settings[] = { { .path = path[0], .text = text[0] },
		{ .path = path[1], .is_group = true }, { .path = path[2], .text = text[1] } };
	static struct config_handler h = { .name = name,
		.plugin_file = file,
		.workers = 1,
		.batch = 1,
		.emits = emits,
		.n_emits = 1,
		.settings = settings,
		.n_settings = 3 };
	struct config_problems problems = { NULL, 0, 0 };
	struct plugin *p = NULL;
	char why[1024];

	metrics = metrics_new();
	ck_assert_msg(plugin_load(&h, false, metrics, &problems, &p, why, sizeof(why)) == 0, "%s", why);
	ck_assert_uint_eq(plugin_facts(p)->abi_major, 1);
	ck_assert_uint_eq(plugin_facts(p)->abi_minor, 0);
	ck_assert_msg(plugin_open(p, why, sizeof(why)) == 0, "%s", why);
	ck_assert_int_eq(plugin_prepare(p, 10, never, NULL), 0);
	return p;
}

START_TEST(plugin_of_the_first_abi)
{
	const struct plugin_run run = {
		.subscription = "main", .route = "all", .lease_until_us = &lease_until_us
	};
	struct event publish = event_with("publish"), retry = event_with("another"),
		     early = event_with("skipped");
	struct plugin *p = open_old();
	struct plugin_worker *w = NULL;
	char why[512];

	atomic_store(&lease_until_us, mono_now().us + 10000000);
	ck_assert_int_eq(plugin_worker_open(p, 0, &w, why, sizeof(why)), 0);
	ck_assert(plugin_handle(w, &publish, &run));
	ck_assert_msg(publish.run.outcome == SEMEL_OK, "%s", publish.run.why);
	ck_assert_uint_eq(publish.run.emitted->n, 1);
	ck_assert_str_eq(publish.run.emitted->list[0].topic, "out");
	ck_assert_str_eq(publish.run.emitted->list[0].headers[0].name, "from");
	emitted_free(publish.run.emitted);
	ck_assert(plugin_handle(w, &retry, &run));
	ck_assert_int_eq(retry.run.outcome, SEMEL_RETRY);
	ck_assert_int_eq(retry.run.retry_ms, 1500);
	ck_assert_str_eq(retry.run.why, "later");
	free(retry.run.why);
	ck_assert(plugin_handle(w, &early, &run));
	ck_assert_int_eq(early.run.outcome, SEMEL_SKIP);
	ck_assert_str_eq(early.run.why, "early");
	free(early.run.why);
	plugin_worker_close(w);
	plugin_close(p);
	metrics_free(metrics);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { plugin_of_the_first_abi, NULL };

	return unit_run("plugin abi", tests);
}
