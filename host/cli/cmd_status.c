/* semel status */
#include "adapters/json.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REASON_MAX 600

/* ---- The document */

/* The text at a pointer made of format; "" if there is none. */
static const char *at(const struct json_doc *d, struct buf *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static const char *at(const struct json_doc *d, struct buf *value, const char *format, ...)
{
	char pointer[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(pointer, sizeof(pointer), format, ap);
	va_end(ap);
	buf_clear(value);
	buf_add(value, "", 0);
	json_pointer(d, pointer, value, NULL);
	return value->data;
}

static double number_at(const struct json_doc *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* -1 if there is none. */
static double number_at(const struct json_doc *d, const char *format, ...)
{
	struct buf value = { NULL, 0, 0 };
	char pointer[256];
	double n;
	va_list ap;

	va_start(ap, format);
	vsnprintf(pointer, sizeof(pointer), format, ap);
	va_end(ap);
	n = json_pointer(d, pointer, &value, NULL) == 1 ? strtod(value.data, NULL) : -1;
	buf_free(&value);
	return n;
}

static bool there(const struct json_doc *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool there(const struct json_doc *d, const char *format, ...)
{
	struct buf value = { NULL, 0, 0 };
	bool exists = false;
	char pointer[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(pointer, sizeof(pointer), format, ap);
	va_end(ap);
	json_pointer(d, pointer, &value, &exists);
	buf_free(&value);
	return exists;
}

/* ---- How it is shown */

static const char *colour(const char *state)
{
	static const struct {
		const char *state, *colour;
	} colours[] = { { "running", "\033[32m" }, { "ok", "\033[32m" }, { "ready", "\033[32m" },
		{ "starting", "\033[33m" }, { "waiting-ledger", "\033[33m" },
		{ "waiting-broker", "\033[33m" }, { "unreachable", "\033[33m" }, { "paused", "\033[34m" },
		{ "draining", "\033[34m" }, { "stopped", "\033[34m" } };

	if (!cli_colours())
		return "";
	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return "\033[1;31m";
}

static void print_shown(const char *text)
{
	struct buf b = { NULL, 0, 0 };

	buf_shown(&b, bytes_of_text(text), REASON_MAX);
	fputs(b.data, stdout);
	buf_free(&b);
}

static void add_seconds(struct table *t, double s)
{
	if (s < 0)
		table_add(t, NULL, "-");
	else if (s < 1)
		table_printf(t, "%.0f ms", s * 1000);
	else if (s < 120)
		table_printf(t, "%.1f s", s);
	else if (s < 7200)
		table_printf(t, "%.0f min", s / 60);
	else
		table_printf(t, "%.0f h", s / 3600);
}

static void add_bytes(struct table *t, double n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	for (; n >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		n /= 1024;
	table_printf(t, i == 0 || n >= 10 ? "%.0f %s" : "%.1f %s", n, units[i]);
}

/* A count; "-" where it is not known. */
static void add_count(struct table *t, double n)
{
	if (n < 0)
		table_add(t, NULL, "-");
	else
		table_printf(t, "%.0f", n);
}

/* ---- Its parts */

static double sum_of(const struct json_doc *d, int sub, const char *group, const char *const *names)
{
	double sum = 0, n;

	for (; *names != NULL; names++)
		if ((n = number_at(d, "/subscriptions/%d/counts/%s/%s", sub, group, *names)) > 0)
			sum += n;
	return there(d, "/subscriptions/%d/counts", sub) ? sum : -1;
}

static double lag_of(const struct json_doc *d, int sub)
{
	double sum = -1, n;

	for (int i = 0; there(d, "/subscriptions/%d/partitions/%d", sub, i); i++)
		if ((n = number_at(d, "/subscriptions/%d/partitions/%d/lag", sub, i)) >= 0)
			sum = (sum < 0 ? 0 : sum) + n;
	return sum;
}

static void print_subscriptions(const struct json_doc *d, struct buf *v)
{
	static const char *const titles[] = { "SUBSCRIPTION", "STATE", ">IN FLIGHT", ">WAITING", ">OLDEST",
		">LAG", ">HANDLED", ">DUPLICATES", ">DEAD LETTERS", "LEDGER", ">IDS", ">IN REDIS" };
	static const char *const outcomes[] = { "ok", "retry", "reject", "skip", "cancelled", NULL };
	static const char *const reasons[] = { "rejected", "exhausted", "crashed", "timeout", "no_id",
		"bad_id", "id_conflict", "unrouted", "too_old", "oversize", "operator", NULL };
	struct table t = { NULL, 0, 0, 0, { false }, { 0 } };

	table_titles(&t, titles, 12);
	for (int i = 0; there(d, "/subscriptions/%d", i); i++) {
		table_add(&t, NULL, at(d, v, "/subscriptions/%d/name", i));
		table_add(&t, colour(at(d, v, "/subscriptions/%d/state", i)), v->data);
		add_count(&t, number_at(d, "/subscriptions/%d/in_flight", i));
		add_count(&t, number_at(d, "/subscriptions/%d/waiting", i));
		add_seconds(&t, there(d, "/subscriptions/%d/oldest/topic", i)
				    ? number_at(d, "/subscriptions/%d/oldest_seconds", i)
				    : -1);
		add_count(&t, lag_of(d, i));
		add_count(&t, sum_of(d, i, "handled", outcomes));
		add_count(&t, number_at(d, "/subscriptions/%d/counts/duplicates", i));
		add_count(&t, sum_of(d, i, "dead_letters", reasons));
		table_add(&t, colour(at(d, v, "/subscriptions/%d/ledger/state", i)), v->data);
		add_count(&t, number_at(d, "/subscriptions/%d/ledger/entries", i));
		add_bytes(&t, number_at(d, "/subscriptions/%d/ledger/bytes", i));
	}
	table_print(&t, "");
}

/* Why a subscription is not as it should be, and what to type. */
static void print_reason(const struct json_doc *d, int i, struct buf *v)
{
	const char *off = cli_colours() ? "\033[0m" : "";

	if (at(d, v, "/subscriptions/%d/reason", i)[0] == '\0' &&
	    !there(d, "/subscriptions/%d/remedies/0", i))
		return;
	printf("\n%s: ", at(d, v, "/subscriptions/%d/name", i));
	at(d, v, "/subscriptions/%d/state", i);
	printf("%s%s%s", colour(v->data), v->data, off);
	if (at(d, v, "/subscriptions/%d/reason", i)[0] != '\0')
		fputs(": ", stdout);
	print_shown(v->data);
	putchar('\n');
	for (int k = 0; there(d, "/subscriptions/%d/remedies/%d", i, k); k++) {
		fputs("    ", stdout);
		print_shown(at(d, v, "/subscriptions/%d/remedies/%d/type", i, k));
		printf("    to %s\n", at(d, v, "/subscriptions/%d/remedies/%d/to", i, k));
	}
}

static void print_partitions(const struct json_doc *d, struct buf *v)
{
	static const char *const titles[] = { "TOPIC", ">PARTITION", ">NEXT OFFSET", ">COMMITTED", ">LAG",
		">OLDEST", ">AT OFFSET", "STATE" };
	struct table t = { NULL, 0, 0, 0, { false }, { 0 } };

	table_titles(&t, titles, 8);
	for (int s = 0; there(d, "/subscriptions/%d", s); s++) {
		for (int i = 0; there(d, "/subscriptions/%d/partitions/%d", s, i); i++) {
			char p[64];

			snprintf(p, sizeof(p), "/subscriptions/%d/partitions/%d", s, i);
			table_add(&t, NULL, at(d, v, "%s/topic", p));
			table_add(&t, NULL, at(d, v, "%s/partition", p));
			add_count(&t, number_at(d, "%s/position", p));
			add_count(&t, number_at(d, "%s/committed", p));
			add_count(&t, number_at(d, "%s/lag", p));
			add_seconds(&t, number_at(d, "%s/oldest_seconds", p));
			add_count(&t, number_at(d, "%s/oldest_offset", p));
			table_add(&t, colour(at(d, v, "%s/state", p)), v->data);
		}
	}
	if (t.n > t.columns)
		putchar('\n');
	table_print(&t, "");
}

static void print_handlers(const struct json_doc *d, struct buf *v)
{
	static const char *const titles[] = { "HANDLER", "PLUGIN", ">BUSY", ">STUCK", ">RUNS", ">A RUN TAKES",
		"STATE" };
	struct table t = { NULL, 0, 0, 0, { false }, { 0 } };

	table_titles(&t, titles, 7);
	for (int i = 0; there(d, "/handlers/%d", i); i++) {
		double stuck = number_at(d, "/handlers/%d/stuck", i),
		       runs = number_at(d, "/handlers/%d/runs", i);
		char plugin[100];
		const char *state;

		table_add(&t, NULL, at(d, v, "/handlers/%d/name", i));
		snprintf(plugin, sizeof(plugin), "%.60s", at(d, v, "/handlers/%d/plugin", i));
		snprintf(plugin + strlen(plugin), sizeof(plugin) - strlen(plugin), " %.30s",
		    at(d, v, "/handlers/%d/version", i));
		table_add(&t, NULL, plugin);
		table_printf(&t, "%.0f of %.0f", number_at(d, "/handlers/%d/busy", i),
		    number_at(d, "/handlers/%d/workers", i));
		add_count(&t, stuck);
		add_count(&t, runs);
		add_seconds(&t, runs > 0 ? number_at(d, "/handlers/%d/run_seconds", i) / runs : -1);
		state = at(d, v, "/handlers/%d/reason", i)[0] != '\0' ? "missing"
			: stuck > 0                                   ? "stuck"
			: runs < 0                                    ? "starting"
								      : "ready";
		table_add(&t, colour(state), state);
	}
	if (t.n > t.columns)
		putchar('\n');
	table_print(&t, "");
}

/* ---- The engine before this one */

static void print_event(const struct json_doc *d, int i, struct buf *v)
{
	bool text = there(d, "/engine/last_exit/events/%d/id", i);

	printf("    %s", at(d, v, "/engine/last_exit/events/%d/blame", i));
	printf(": handler %s", at(d, v, "/engine/last_exit/events/%d/handler", i));
	printf(", %s", at(d, v, "/engine/last_exit/events/%d/topic", i));
	printf("/%s", at(d, v, "/engine/last_exit/events/%d/partition", i));
	printf(" offset %s, id ", at(d, v, "/engine/last_exit/events/%d/offset", i));
	print_shown(at(d, v, "/engine/last_exit/events/%d/%s", i, text ? "id" : "id_base64"));
	puts(text ? "" : " (base64)");
}

/* Why it ended, and what was inside a handler then. */
static void print_last_exit(const struct json_doc *d, struct buf *v)
{
	time_t when = (time_t)(number_at(d, "/engine/last_exit/at") / 1000);
	char text[40];
	struct tm tm;

	if (number_at(d, "/engine/restarts") <= 0 || !there(d, "/engine/last_exit/at"))
		return;
	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("\nengine: restarted %.0f times; the last one ended at %s: ", number_at(d, "/engine/restarts"),
	    text);
	printf("%s, ", at(d, v, "/engine/last_exit/cause"));
	print_shown(at(d, v, "/engine/last_exit/by"));
	printf(", with %s events inside a handler\n", at(d, v, "/engine/last_exit/inside"));
	for (int i = 0; there(d, "/engine/last_exit/events/%d", i); i++)
		print_event(d, i, v);
}

static void print_head(const struct json_doc *d, struct buf *v)
{
	const char *off = cli_colours() ? "\033[0m" : "";
	double started = number_at(d, "/engine/started"), now = number_at(d, "/time");

	printf("node %s", at(d, v, "/node"));
	printf(", semel %s", at(d, v, "/version"));
	if (started > 0)
		printf(", pid %s, up %.0f s", at(d, v, "/engine/pid"), (now - started) / 1000);
	else
		printf(", no engine answers, the next one starts in %.1f s",
		    number_at(d, "/engine/next_start_ms") / 1000);
	at(d, v, "/state");
	printf(": %s%s%s\n\n", colour(v->data), v->data, off);
}

static int print(const struct buf *body)
{
	struct json_doc *d;
	struct buf v = { NULL, 0, 0 };
	char why[256];

	if (json_parse((struct bytes){ body->data, body->len }, &d, why, sizeof(why)) < 0) {
		fprintf(stderr, "semel status: the daemon's answer is %s\n", why);
		return EXIT_INTERNAL;
	}
	print_head(d, &v);
	print_subscriptions(d, &v);
	for (int i = 0; there(d, "/subscriptions/%d", i); i++)
		print_reason(d, i, &v);
	print_partitions(d, &v);
	print_handlers(d, &v);
	print_last_exit(d, &v);
	buf_free(&v);
	json_free(d);
	return EXIT_YES;
}

int cmd_status(int argc, char **argv)
{
	struct cli_options o;
	struct buf body = { NULL, 0, 0 };
	int status = 0, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc > 0)
		return cli_usage(argv[0], "unexpected argument %s", o.argv[0]);
	r = cli_ask(&o, "GET", "/status", &body, &status);
	if (r == 0 && body.data != NULL)
		r = o.json ? (fputs(body.data, stdout), EXIT_YES) : print(&body);
	buf_free(&body);
	return r;
}
