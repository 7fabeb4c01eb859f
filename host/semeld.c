/* semeld - the daemon.
 *
 * The main thread judges the configuration, starts the engine, waits for
 * signals, and stops it.  Signals are blocked everywhere else.
 */
#include "adapters/config_file.h"
#include "adapters/systemd.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "generated/version.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
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
    "Exit status: 0 stopped, 64 usage, 70 internal error, 78 configuration.\n";

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

static struct config *load(const char *file)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	struct buf text = { NULL, 0, 0 };
	int r = config_load(file, false, &c, &problems);

	config_problems_print(&problems, &text);
	if (text.len > 0)
		fputs(text.data, stderr);
	if (r < 0) {
		fprintf(stderr,
		    "semeld: %zu errors in the configuration; not started (semel check shows them again)\n",
		    problems.errors);
		exit(EXIT_CONFIGURATION);
	}
	buf_free(&text);
	config_problems_free(&problems);
	return c;
}

/* Wait for a signal, giving the engine its tick; returns at SIGTERM or SIGINT. */
static void serve(struct engine *e, const sigset_t *signals)
{
	const struct timespec second = { 1, 0 };

	for (;;) {
		int sig = sigtimedwait(signals, NULL, &second);

		if (sig == SIGTERM || sig == SIGINT) {
			log_at(
			    LOG_INFO, "stopping", LOG_TEXT("signal", sig == SIGTERM ? "SIGTERM" : "SIGINT"));
			return;
		}
		engine_tick(e);
	}
}

/* The second signal ends the process at once; claims are left to the lease. */
static void leave(int sig)
{
	(void)sig;
	_exit(EXIT_YES);
}

static void second_signal(const sigset_t *signals)
{
	struct sigaction sa = { .sa_handler = leave };

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

int main(int argc, char **argv)
{
	struct config *c = load(parse(argc, argv));
	struct engine *e;
	sigset_t signals;
	char why[1024];

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	log_setup(c->log.level, c->log.format, c->log.rate);
	log_at(LOG_INFO, "starting", LOG_TEXT("version", SEMEL_VERSION), LOG_TEXT("node", c->node),
	    LOG_INT("subscriptions", c->n_subscriptions), LOG_INT("handlers", c->n_handlers));
	if (engine_start(c, &e, why, sizeof(why)) < 0) {
		log_at(LOG_ERROR, "cannot start", LOG_TEXT("why", why));
		return EXIT_INTERNAL;
	}
	systemd_notify("READY=1");
	serve(e, &signals);
	systemd_notify("STOPPING=1");
	second_signal(&signals);
	if (!engine_stop(e))
		_exit(EXIT_YES);
	config_free(c);
	log_plain(LOG_INFO, "stopped");
	return EXIT_YES;
}
