/* semeld - the daemon.
 *
 * Judges the configuration and becomes the manager (manager/manager.h), which
 * forks the engine (engine/process.h) and keeps one running.
 */
#include "adapters/config_file.h"
#include "adapters/servers.h"
#include "cli/cli.h"
#include "cli/opening.h"
#include "engine/engine.h"
#include "engine/status.h"
#include "generated/version.h"
#include "manager/manager.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: semeld [-c FILE] [--foreground]\n"
    "\n"
    "Runs the handlers that FILE (default " SEMEL_CONFIG_FILE ") routes events to.  Logs go to stderr.\n"
    "\n"
    "  -c, --config FILE   the main configuration; drop-ins are in conf.d beside it\n"
    "      --foreground    accepted for clarity: semeld never forks into the background\n"
    "      --version       print the version\n"
    "  -h, --help          this text\n"
    "\n"
    "SIGTERM, SIGINT: drain within stop_timeout, then stop; a second one stops at once.\n"
    "SIGHUP: check the configuration, and if it is good, drain and go on with it (as semel reload).\n"
    "Exit status: 0 stopped, 64 usage, 69 the node's name is in use, 70 internal error, 78 configuration.\n";

struct program {
	const char *file;
	struct config *config, *next; /* next: loaded for a reload, not yet taken */
	struct buf idle, next_idle;
};

static const char *parse(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' }, { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *file = SEMEL_CONFIG_FILE;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': file = optarg; break;
		case 'f': break;
		case 'v': printf("semeld %s\n", SEMEL_VERSION); exit(EXIT_YES);
		case 'h': fputs(usage, stdout); exit(EXIT_YES);
		default: fputs(usage, stderr); exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "semeld: unexpected argument %s\n%s", argv[optind], usage);
		exit(EXIT_USAGE);
	}
	return file;
}

/* All that is wrong, to fd; 0 or -errno. */
static int load(const char *file, int fd, struct config **ret_config)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf text = { NULL, 0, 0 };
	int r = config_load(file, false, ret_config, &problems);

	config_problems_print(&problems, &text);
	if (r < 0)
		buf_printf(&text, "%zu errors in the configuration (semel check shows them again)\n",
		    problems.errors);
	if (text.len > 0)
		(void)!write(fd, text.data, text.len);
	buf_free(&text);
	config_problems_free(&problems);
	return r;
}

static void plan_of(const struct config *c, struct buf *idle, struct manager_plan *ret_plan)
{
	buf_clear(idle);
	status_idle_json(c, idle);
	*ret_plan = (struct manager_plan){ .node = c->node,
		.state_dir = c->state_dir,
		.http_host = c->http.host,
		.http_port = c->http.port,
		.admin_socket = c->admin_socket,
		.stop_timeout_ms = c->stop_timeout_ms,
		.n_sections = c->n_subscriptions,
		.n_slots = engine_max_running(c),
		.idle = idle->data };
}

/* ---- What the manager asks for */

static int run_engine(void *arg, const struct manager_links *links)
{
	const struct program *p = arg;
	struct engine_links l = { links->channel, links->http, links->admin, links->crash, links->box };

	return process_run(p->config, &(struct engine_setup){ .backend = &servers_backend }, &l);
}

/* A plugin that cannot be loaded and opened now would block its subscriptions: then the old engine is the better. */
static int judge(void *arg, int fd)
{
	const struct program *p = arg;
	struct metrics *metrics = metrics_new();
	struct config_problems problems = { NULL, 0, 0 };
	struct buf out = { NULL, 0, 0 };
	struct config *c;
	bool later;
	int r = metrics == NULL ? -ENOMEM : load(p->file, fd, &c);

	for (size_t i = 0; r == 0 && i < c->n_handlers; i++)
		r = opening_try(&c->handlers[i], false, metrics, &problems, &later);
	config_problems_print(&problems, &out);
	if (out.len > 0)
		(void)!write(fd, out.data, out.len);
	return r < 0 ? EXIT_CONFIGURATION : EXIT_YES;
}

static int load_next(void *arg, struct manager_plan *ret_plan)
{
	struct program *p = arg;
	int r = load(p->file, STDERR_FILENO, &p->next);

	if (r == 0)
		plan_of(p->next, &p->next_idle, ret_plan);
	return r;
}

static void take_next(void *arg, bool accepted)
{
	struct program *p = arg;
	struct buf idle = p->idle;

	if (accepted) {
		config_free(p->config);
		p->config = p->next;
		p->idle = p->next_idle;
		p->next_idle = idle;
		log_setup(p->config->log.level, p->config->log.format, p->config->log.rate);
	} else {
		config_free(p->next);
	}
	p->next = NULL;
}

int main(int argc, char **argv)
{
	struct program p = { .file = parse(argc, argv) };
	struct manager_ops ops = { &p, run_engine, judge, load_next, take_next };
	struct manager_plan plan;
	int status;

	if (load(p.file, STDERR_FILENO, &p.config) < 0) {
		fprintf(stderr, "semeld: not started\n");
		return EXIT_CONFIGURATION;
	}
	log_setup(p.config->log.level, p.config->log.format, p.config->log.rate);
	log_at(LOG_INFO, "starting", LOG_TEXT("version", SEMEL_VERSION), LOG_TEXT("node", p.config->node),
	    LOG_INT("subscriptions", p.config->n_subscriptions), LOG_INT("handlers", p.config->n_handlers));
	plan_of(p.config, &p.idle, &plan);
	status = manager_run(&ops, &plan);
	config_free(p.config);
	buf_free(&p.idle);
	buf_free(&p.next_idle);
	return status;
}
