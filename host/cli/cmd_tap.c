/* semel tap: events as they pass. */
#include "adapters/http_client.h"
#include "adapters/json.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define AGAIN_MS 200
/* An engine that is replaced is back within this. */
#define AWAY_MS 30000
#define ID_SHOWN 64
#define DETAIL_SHOWN 160
#define PAYLOAD_SHOWN 4096

static volatile int stop;

struct tapping {
	const struct cli_options *options;
	long left; /* until --count; 0: no end */
	unsigned long seen, dropped;
	struct buf line; /* not whole yet */
	bool there, titled, closed;
};

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

/* ---- A line */

static void put_text(struct buf *out, const struct json_doc *d, const char *name, size_t cap)
{
	struct buf value = { NULL, 0, 0 };
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "/%s", name);
	if (json_pointer(d, pointer, &value, NULL) != 1) {
		snprintf(pointer, sizeof(pointer), "/%s_base64", name);
		if (json_pointer(d, pointer, &value, NULL) == 1)
			buf_text(out, "base64:");
	}
	buf_shown(out, (struct bytes){ value.data, value.len }, cap);
	buf_free(&value);
}

static double number(const struct json_doc *d, const char *pointer)
{
	struct buf value = { NULL, 0, 0 };
	double n = json_pointer(d, pointer, &value, NULL) == 1 ? strtod(value.data, NULL) : -1;

	buf_free(&value);
	return n;
}

/* A column, cut and filled up to its width in characters of one byte. */
static void put_column(struct buf *out, const char *text, int width)
{
	buf_printf(out, "%-*.*s ", width, width, text);
}

static void put_span(struct buf *out, double ms)
{
	char text[32] = "-";

	if (ms >= 100000)
		snprintf(text, sizeof(text), "%.0f s", ms / 1e3);
	else if (ms >= 1000)
		snprintf(text, sizeof(text), "%.1f s", ms / 1e3);
	else if (ms >= 0)
		snprintf(text, sizeof(text), ms < 10 ? "%.1f ms" : "%.0f ms", ms);
	buf_printf(out, "%8s ", text);
}

static void put_clock(struct buf *out, double ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	buf_printf(
	    out, "%02d:%02d:%02d.%03d ", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - (double)t * 1000));
}

static const char *colour(const char *what, const char *how)
{
	if (!cli_colours())
		return "";
	if (strcmp(what, "dead") == 0 || strcmp(what, "dropped") == 0 || strcmp(what, "conflict") == 0 ||
	    strcmp(how, "reject") == 0)
		return "\033[31m";
	if (strcmp(how, "retry") == 0 || strcmp(how, "cancelled") == 0 || strcmp(what, "retry-topic") == 0)
		return "\033[33m";
	return strcmp(what, "handled") == 0 ? "\033[32m" : "\033[2m";
}

static void print_titles(void)
{
	printf("%-12s %-11s %-11s %-16s %3s %8s %8s  %s\n", "UTC", "WHAT", "HOW", "HANDLER", "TRY", "RUN",
	    "AGE", "FROM, ID, WHY");
}

static void print_event(struct tapping *t, const struct json_doc *d)
{
	struct buf out = { NULL, 0, 0 }, what = { NULL, 0, 0 }, how = { NULL, 0, 0 },
		   handler = { NULL, 0, 0 };
	double attempt = number(d, "/attempt");

	put_text(&what, d, "what", 32);
	put_text(&how, d, "outcome", 32);
	put_text(&how, d, "reason", 32);
	put_text(&handler, d, "handler", 64);
	put_clock(&out, number(d, "/time"));
	buf_text(&out, colour(what.data, how.data));
	put_column(&out, what.data, 11);
	put_column(&out, how.len == 0 ? "-" : how.data, 11);
	if (cli_colours())
		buf_text(&out, "\033[0m");
	put_column(&out, handler.len == 0 ? "-" : handler.data, 16);
	if (attempt > 0)
		buf_printf(&out, "%3.0f ", attempt);
	else
		buf_text(&out, "  - ");
	put_span(&out, number(d, "/run_ms"));
	put_span(&out, number(d, "/age_ms"));
	buf_char(&out, ' ');
	put_text(&out, d, "topic", 249);
	buf_printf(&out, "/%.0f@%.0f ", number(d, "/partition"), number(d, "/offset"));
	put_text(&out, d, "id", ID_SHOWN);
	buf_char(&out, ' ');
	put_text(&out, d, "detail", DETAIL_SHOWN);
	if (t->options->payload) {
		buf_text(&out, "\n    ");
		put_text(&out, d, "payload", PAYLOAD_SHOWN);
	}
	puts(out.data);
	buf_free(&out);
	buf_free(&what);
	buf_free(&how);
	buf_free(&handler);
}

/* False: that was the last one. */
static bool take_line(struct tapping *t, struct bytes line)
{
	struct json_doc *d;
	char why[128];
	double dropped;

	if (line.len == 0 || json_parse(line, &d, why, sizeof(why)) < 0)
		return true; /* a sign of life */
	dropped = number(d, "/dropped");
	if (dropped > 0)
		t->dropped += (unsigned long)dropped;
	else
		t->seen++;
	if (t->options->json)
		printf("%.*s\n", (int)line.len, (const char *)line.data);
	else if (dropped > 0)
		printf("(%.0f more passed than could be shown)\n", dropped);
	else
		print_event(t, d);
	json_free(d);
	return dropped > 0 || t->left == 0 || --t->left > 0;
}

static bool take(void *arg, const char *data, size_t len)
{
	struct tapping *t = arg;
	bool more = true;
	const char *end;

	if (!t->there)
		fprintf(stderr, "semel tap: looking on at %s\n", t->options->argv[0]);
	if (!t->titled && !t->options->json)
		print_titles();
	t->there = t->titled = true;
	while (more && (end = memchr(data, '\n', len)) != NULL) {
		buf_add(&t->line, data, (size_t)(end - data));
		more = take_line(t, (struct bytes){ t->line.data, t->line.len });
		buf_clear(&t->line);
		len -= (size_t)(end - data) + 1;
		data = end + 1;
	}
	buf_add(&t->line, data, more ? len : 0);
	t->closed = fflush(stdout) != 0;
	return more && !t->closed;
}

/* ---- The request */

static void put_parameter(struct buf *path, const char *name, const char *value)
{
	if (value != NULL)
		buf_printf(path, "&%s=%s", name, value);
}

static void put_bytes(struct buf *path, const char *name, const struct buf *value)
{
	buf_printf(path, "&%s=", name);
	buf_base64url(path, (struct bytes){ value->data, value->len });
}

/* A name that may stand in a URL: those of routes and handlers are so. */
static bool is_name(const char *text)
{
	return text == NULL ||
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		   strlen(text);
}

static int make_path(const struct cli_options *o, struct buf *path)
{
	struct buf id = { NULL, 0, 0 }, key = { NULL, 0, 0 };
	int r = 0;

	if (!is_name(o->argv[0]) || !is_name(o->route) || !is_name(o->handler) || !is_name(o->outcome))
		return cli_usage("tap", "names have letters, digits, dots, _ and -");
	buf_printf(path, "/v1/tap/%s?tap=1", o->argv[0]);
	put_parameter(path, "route", o->route);
	put_parameter(path, "handler", o->handler);
	put_parameter(path, "outcome", o->outcome);
	put_parameter(path, "dead", o->dead ? "1" : NULL);
	put_parameter(path, "payload", o->payload ? "1" : NULL);
	if (o->id != NULL && (r = cli_id(o, "tap", o->id, &id)) == 0)
		put_bytes(path, "id", &id);
	if (r == 0 && o->key != NULL && (r = cli_id(o, "tap", o->key, &key)) == 0)
		put_bytes(path, "key", &key);
	buf_free(&id);
	buf_free(&key);
	return r;
}

static void nap(void)
{
	struct timespec ts = { 0, AGAIN_MS * 1000000L };

	nanosleep(&ts, NULL);
}

/* Until there is enough, or the daemon has been away for long. */
static int follow(struct tapping *t, const char *socket, const char *path)
{
	struct buf refusal = { NULL, 0, 0 };
	bool was_there = false;
	char why[512];
	int away = 0, r;

	for (;;) {
		buf_clear(&t->line);
		t->there = false;
		r = http_client_stream(socket, path, take, t, &stop, &refusal, why, sizeof(why));
		if (r == -EINTR || t->closed || (t->left == 0 && t->options->count != NULL))
			break;
		if (r > 0 && r != 200) {
			fputs(refusal.data == NULL ? "" : refusal.data, stderr);
			break;
		}
		away = r == 200 ? 0 : away + AGAIN_MS;
		if (r == -EACCES || (r < 0 && (!was_there || away > AWAY_MS))) {
			fprintf(stderr, "semel tap: %s\n", why);
			break;
		}
		if (r == 200)
			fputs("semel tap: the engine has ended; going on with the next one\n", stderr);
		was_there = true;
		nap();
	}
	buf_free(&refusal);
	return r == -EACCES                           ? EXIT_NOPERM_
	       : r == 404 || r == 400                 ? EXIT_NO
	       : r == 200 || r == -EINTR || t->closed ? EXIT_YES
						      : EXIT_UNREACHABLE;
}

int cmd_tap(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct cli_options o;
	struct tapping t = { .options = &o };
	struct buf path = { NULL, 0, 0 };
	char *socket, *end = NULL;
	int r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc != 1)
		return cli_usage(argv[0], "expected a subscription");
	if (o.count != NULL && ((t.left = strtol(o.count, &end, 10)) <= 0 || *end != '\0'))
		return cli_usage(argv[0], "--count: \"%s\" is no number above 0", o.count);
	r = make_path(&o, &path);
	if (r != 0) {
		buf_free(&path);
		return r;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	socket = cli_socket(&o);
	r = follow(&t, socket, path.data);
	if (t.titled && !t.closed)
		fprintf(stderr, "semel tap: %lu shown, %lu dropped\n", t.seen, t.dropped);
	free(socket);
	buf_free(&t.line);
	buf_free(&path);
	return r;
}
