/* semel - everything a person types. */
#include "cli/cli.h"
#include "core/config.h"
#include "engine/engine.h"
#include "manager/manager.h"

#include <errno.h>

/* ---- A host within a command: semel try */

struct host {
	const struct config *config;
	const struct engine_setup *setup;
};

static int run_engine(void *arg, const struct manager_links *links)
{
	const struct host *h = arg;
	struct engine_links l = { links->channel, links->http, links->admin, links->crash, links->box };

	return process_run(h->config, h->setup, &l);
}

/* There is nothing that could be loaded anew. */
static int judge(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	return EXIT_CONFIGURATION;
}

static int load_next(void *arg, struct manager_plan *ret_plan)
{
	(void)arg;
	(void)ret_plan;
	return -ENOTSUP;
}

static void take_next(void *arg, bool accepted)
{
	(void)arg;
	(void)accepted;
}

static int run_host(const struct config *c, const struct engine_setup *setup)
{
	struct host h = { c, setup };
	struct manager_ops ops = { &h, run_engine, judge, load_next, take_next };
	struct manager_plan plan = { .node = c->node,
		.state_dir = c->state_dir,
		.http_host = c->http.host,
		.http_port = c->http.port,
		.admin_socket = c->admin_socket,
		.stop_timeout_ms = c->stop_timeout_ms,
		.n_sections = c->n_subscriptions,
		.n_slots = engine_max_running(c),
		.idle = "\"subscriptions\":[],\"handlers\":[]" };

	log_setup(c->log.level, c->log.format, c->log.rate);
	return manager_run(&ops, &plan);
}

int main(int argc, char **argv)
{
	cli_run_host = run_host;
	return cli_main(argc, argv);
}
