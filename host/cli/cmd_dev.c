/* semel dev: embedded broker, private Redis and the host, in the foreground; nothing is left behind.
 *
 * Everything lives in one temporary folder and in child processes that die
 * with this one (PR_SET_PDEATHSIG), so that even a SIGKILL leaves only the
 * folder.  The broker is librdkafka's mock cluster in a process of its own,
 * because it may abort the process that it lives in.
 */
#include "cli/dev.h"

#include "adapters/json.h"
#include "cli/cli.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUMMARY_S 2
#define READY_S 30

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* ---- The live summary */

static double number_at(const struct json_doc *d, const char *pointer)
{
	struct buf v = { NULL, 0, 0 };
	double n = 0;

	if (json_pointer(d, pointer, &v, NULL) == 1)
		n = strtod(v.data, NULL);
	buf_free(&v);
	return n;
}

/* One line: what was handled, what waits; the reason if a subscription does not run. */
static void print_summary(const struct dev *d)
{
	struct buf status = { NULL, 0, 0 }, metrics = { NULL, 0, 0 }, reason = { NULL, 0, 0 };
	struct json_doc *doc;
	char why[256];
	double handled, duplicates, letters;

	if (dev_ask(d, "/status", &status) < 0 || dev_ask(d, "/metrics", &metrics) < 0 ||
	    json_parse((struct bytes){ status.data, status.len }, &doc, why, sizeof(why)) < 0) {
		buf_free(&status);
		buf_free(&metrics);
		return;
	}
	handled = dev_sum(metrics.data, "semel_handled_total");
	duplicates = dev_sum(metrics.data, "semel_duplicates_total");
	letters = dev_sum(metrics.data, "semel_dead_letters_total");
	printf("handled %.0f, duplicates %.0f, dead letters %.0f, in flight %.0f, waiting for a retry %.0f",
	    handled, duplicates, letters, number_at(doc, "/subscriptions/0/in_flight"),
	    number_at(doc, "/subscriptions/0/waiting"));
	if (json_pointer(doc, "/subscriptions/0/reason", &reason, NULL) == 1 && reason.len > 0)
		printf(" (%s)", reason.data);
	printf("\n");
	fflush(stdout);
	json_free(doc);
	buf_free(&status);
	buf_free(&metrics);
	buf_free(&reason);
}

/* ---- The run */

static bool wait_ready(struct dev *d)
{
	for (int i = 0; i < READY_S * 10 && !stop; i++) {
		if (dev_ready(d))
			return true;
		if (dev_child_ended(d))
			return false;
		nap(100);
	}
	return false;
}

static int serve(struct dev *d, const struct cli_options *o)
{
	struct timespec last = { 0, 0 };
	int r = EXIT_YES;

	printf(
	    "kafka   %s (in memory: 5 MiB a partition, gone at the end)\nredis   %s\nadmin   %s\nfolder  %s\n",
	    d->brokers, d->redis, d->socket, d->folder);
	printf("produce: kcat -P -b %s -t %s -H event-id=1\nstop: Ctrl-C\n", d->brokers, d->topic);
	fflush(stdout);
	if (!wait_ready(d)) {
		if (!stop)
			fprintf(stderr, "semel dev: the host is not ready; its log is above\n");
		return stop ? EXIT_YES : EXIT_UNREACHABLE;
	}
	printf("ready\n");
	fflush(stdout);
	if (o->produce != NULL)
		r = dev_produce(d, o->produce, o->rate == NULL ? 100 : strtol(o->rate, NULL, 10), &stop);
	while (!stop && r == EXIT_YES) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - last.tv_sec >= SUMMARY_S) {
			last = now;
			print_summary(d);
		}
		if (dev_child_ended(d)) {
			fprintf(stderr, "semel dev: a process ended by itself\n");
			return EXIT_INTERNAL;
		}
		nap(100);
	}
	return r;
}

int cmd_dev(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct cli_options o;
	struct dev d;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	memset(&d, 0, sizeof(d));
	snprintf(d.folder, sizeof(d.folder), "/tmp/semel-dev-XXXXXX");
	if (mkdtemp(d.folder) == NULL) {
		fprintf(stderr, "semel dev: %s: %s\n", d.folder, strerror(errno));
		return EXIT_INTERNAL;
	}
	r = dev_start(&d, o.config_given ? o.config : NULL);
	if (r == EXIT_YES)
		r = serve(&d, &o);
	if (stop)
		print_summary(&d);
	dev_stop(&d);
	nftw(d.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
