/* semel reload: judged first; then waits until the next engine runs. */
#include "adapters/json.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A drain lasts at most stop_timeout, which we do not know; this is long for any. */
#define WAIT_MS 600000
#define LOOK_MS 20

static void put_text(const struct buf *body, const char *pointer, struct buf *out)
{
	struct json_doc *d;
	char why[256];

	buf_clear(out);
	buf_text(out, "");
	if (body->data == NULL ||
	    json_parse((struct bytes){ body->data, body->len }, &d, why, sizeof(why)) < 0)
		return;
	json_pointer(d, pointer, out, NULL);
	json_free(d);
}

/* The pid of the engine that answers; 0: none does. */
static long engine_pid(const struct cli_options *o, bool *ret_running)
{
	struct buf body = { NULL, 0, 0 }, text = { NULL, 0, 0 };
	char why[512];
	long pid = 0;

	*ret_running = false;
	if (cli_try(o, "GET", "/status", &body, why, sizeof(why)) == 200) {
		put_text(&body, "/engine/pid", &text);
		pid = strtol(text.data, NULL, 10);
		put_text(&body, "/engine/started", &text);
		*ret_running = text.len > 0; /* the manager does not say it */
	}
	buf_free(&body);
	buf_free(&text);
	return pid;
}

static int wait_for_next(const struct cli_options *o, long old, struct timespec begin)
{
	for (;;) {
		const struct timespec pause = { 0, LOOK_MS * 1000000 };
		struct timespec now;
		bool running;
		long pid = engine_pid(o, &running), ms;

		clock_gettime(CLOCK_MONOTONIC, &now);
		ms = (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000;
		if (running && pid != old) {
			printf("reloaded in %ld ms; the engine is now pid %ld\n", ms, pid);
			return EXIT_YES;
		}
		if (ms > WAIT_MS) {
			fprintf(stderr, "semel reload: the new engine does not answer; see semel status\n");
			return EXIT_UNREACHABLE;
		}
		nanosleep(&pause, NULL);
	}
}

int cmd_reload(int argc, char **argv)
{
	struct cli_options o;
	struct buf body = { NULL, 0, 0 }, text = { NULL, 0, 0 };
	struct timespec begin;
	bool running;
	long old;
	int status, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	old = engine_pid(&o, &running);
	r = cli_ask(&o, "POST", "/v1/reload", &body, &status);
	if (r == 0 && (status == 200 || status == 202)) {
		r = wait_for_next(&o, old, begin);
	} else if (r == 0) {
		put_text(&body, "/error", &text);
		fprintf(
		    stderr, "%s%s", text.data, text.len > 0 && text.data[text.len - 1] == '\n' ? "" : "\n");
		fprintf(stderr, "semel reload: refused; the engine goes on as before\n");
		r = status == 409 ? EXIT_CONFIGURATION : EXIT_UNREACHABLE;
	}
	buf_free(&body);
	buf_free(&text);
	return r;
}
