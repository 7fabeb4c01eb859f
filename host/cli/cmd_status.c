/* semel status */
#include "adapters/json.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>

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

static bool there(const struct json_doc *d, const char *group, int i)
{
	struct buf value = { NULL, 0, 0 };
	bool exists = false;
	char pointer[256];

	snprintf(pointer, sizeof(pointer), "%s/%d", group, i);
	json_pointer(d, pointer, &value, &exists);
	buf_free(&value);
	return exists;
}

static const char *colour(const char *state)
{
	if (!cli_colours())
		return "";
	return strcmp(state, "running") == 0    ? "\033[32m"
	       : strcmp(state, "starting") == 0 ? "\033[33m"
						: "\033[31m";
}

static void print_partitions(const struct json_doc *d, int sub, struct buf *v)
{
	char group[64];

	snprintf(group, sizeof(group), "/subscriptions/%d/partitions", sub);
	if (there(d, group, 0))
		printf("    %-30s %9s %12s %12s %8s  %s\n", "topic", "partition", "position", "committed",
		    "lag", "state");
	for (int i = 0; there(d, group, i); i++) {
		printf("    %-30s", at(d, v, "%s/%d/topic", group, i));
		printf(" %9s", at(d, v, "%s/%d/partition", group, i));
		printf(" %12s", at(d, v, "%s/%d/position", group, i));
		printf(" %12s", at(d, v, "%s/%d/committed", group, i));
		printf(" %8s", at(d, v, "%s/%d/lag", group, i)[0] == '\0' ? "?" : v->data);
		printf("  %s\n", at(d, v, "%s/%d/state", group, i));
	}
}

static void print_subscription(const struct json_doc *d, int i, struct buf *v)
{
	const char *off = cli_colours() ? "\033[0m" : "";
	char state[32];

	snprintf(state, sizeof(state), "%s", at(d, v, "/subscriptions/%d/state", i));
	printf("subscription %s: ", at(d, v, "/subscriptions/%d/name", i));
	printf("%s%s%s", colour(state), state, off);
	if (at(d, v, "/subscriptions/%d/reason", i)[0] != '\0')
		printf(" (%s)", v->data);
	printf("\n  in flight %s", at(d, v, "/subscriptions/%d/in_flight", i));
	printf(", waiting for a retry %s", at(d, v, "/subscriptions/%d/waiting", i));
	printf(", oldest %s s", at(d, v, "/subscriptions/%d/oldest_seconds", i));
	printf("; ledger %s", at(d, v, "/subscriptions/%d/ledger/state", i));
	printf(", %s ids", at(d, v, "/subscriptions/%d/ledger/entries", i));
	printf(", %s bytes in Redis\n", at(d, v, "/subscriptions/%d/ledger/bytes", i));
	print_partitions(d, i, v);
}

/* Why the last engine ended, and what was inside a handler then. */
static void print_last_exit(const struct json_doc *d, struct buf *v)
{
	if (at(d, v, "/engine/restarts")[0] == '\0' || strcmp(v->data, "0") == 0)
		return;
	printf("engine restarted %s times; the last one ended: ", v->data);
	printf("%s", at(d, v, "/engine/last_exit/cause"));
	printf(", %s", at(d, v, "/engine/last_exit/by"));
	printf(", with %s events inside a handler\n", at(d, v, "/engine/last_exit/inside"));
	for (int i = 0; there(d, "/engine/last_exit/events", i); i++) {
		printf("  %s", at(d, v, "/engine/last_exit/events/%d/blame", i));
		printf(": handler %s", at(d, v, "/engine/last_exit/events/%d/handler", i));
		printf(", %s", at(d, v, "/engine/last_exit/events/%d/topic", i));
		printf("/%s", at(d, v, "/engine/last_exit/events/%d/partition", i));
		printf(" offset %s", at(d, v, "/engine/last_exit/events/%d/offset", i));
		printf(", id %s\n", at(d, v, "/engine/last_exit/events/%d/id", i));
	}
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
	printf("node %s", at(d, &v, "/node"));
	printf(", semel %s", at(d, &v, "/version"));
	printf(", pid %s: ", at(d, &v, "/engine/pid"));
	printf("%s\n", at(d, &v, "/state"));
	print_last_exit(d, &v);
	for (int i = 0; there(d, "/subscriptions", i); i++)
		print_subscription(d, i, &v);
	if (there(d, "/handlers", 0))
		printf("%-20s %-28s %9s %6s  %s\n", "handler", "plugin", "busy", "stuck", "reason");
	for (int i = 0; there(d, "/handlers", i); i++) {
		char plugin[100];

		snprintf(plugin, sizeof(plugin), "%s", at(d, &v, "/handlers/%d/plugin", i));
		snprintf(plugin + strlen(plugin), sizeof(plugin) - strlen(plugin), " %s",
		    at(d, &v, "/handlers/%d/version", i));
		printf("%-20s %-28s", at(d, &v, "/handlers/%d/name", i), plugin);
		printf(" %4s", at(d, &v, "/handlers/%d/busy", i));
		printf("/%-4s", at(d, &v, "/handlers/%d/workers", i));
		printf(" %6s", at(d, &v, "/handlers/%d/stuck", i));
		printf("  %s\n", at(d, &v, "/handlers/%d/reason", i));
	}
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
