/* semel event */
#include "adapters/json.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A whole id, whatever is in it. */
#define SHOWN_MAX 2048

static void print_field(const struct json_doc *d, const char *name)
{
	struct buf value = { NULL, 0, 0 };
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "/%s", name);
	if (json_pointer(d, pointer, &value, NULL) == 1) {
		struct buf shown = { NULL, 0, 0 };

		buf_shown(&shown, (struct bytes){ value.data, value.len }, SHOWN_MAX);
		printf("%-14s %s", name, shown.data);
		buf_free(&shown);
		if (strcmp(name, "processed_at") == 0) {
			time_t t = (time_t)strtoll(value.data, NULL, 10);
			struct tm tm;
			char text[40];

			gmtime_r(&t, &tm);
			strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
			printf(" (%s)", text);
		}
		putchar('\n');
	}
	buf_free(&value);
}

static int print(const struct buf *body)
{
	static const char *const names[] = { "subscription", "id", "id_base64", "status", "processed_at",
		"attempts", "failed", "crashes", "takeovers", "owner", "fence", "generation" };
	struct json_doc *d;
	char why[256];

	if (json_parse((struct bytes){ body->data, body->len }, &d, why, sizeof(why)) < 0) {
		fprintf(stderr, "semel event: the daemon's answer is %s\n", why);
		return EXIT_INTERNAL;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		print_field(d, names[i]);
	json_free(d);
	return EXIT_YES;
}

static void make_path(const struct cli_options *o, struct buf *path)
{
	buf_printf(path, "/v1/events/%s?id=", o->argv[0]);
	if (o->base64)
		buf_text(path, o->argv[1]);
	else
		buf_base64(path, bytes_of_text(o->argv[1]));
	for (char *p = path->data; *p != '\0'; p++) {
		if (p - path->data > 11 && *p == '+')
			*p = '-';
	}
	/* '/' of base64 only stands behind the '?'. */
	for (char *p = strchr(path->data, '?'); p != NULL && *p != '\0'; p++)
		if (*p == '/')
			*p = '_';
}

int cmd_event(int argc, char **argv)
{
	struct cli_options o;
	struct buf body = { NULL, 0, 0 }, path = { NULL, 0, 0 };
	int status = 0, r = cli_options(argc, argv, &o);

	if (r != 0)
		return r;
	if (o.argc != 2 || o.argv[1][0] == '\0')
		return cli_usage(argv[0], "expected a subscription and an id");
	make_path(&o, &path);
	r = cli_ask(&o, "GET", path.data, &body, &status);
	if (r == 0 && status == 200)
		r = o.json ? (fputs(body.data, stdout), EXIT_YES) : print(&body);
	else if (r == 0) {
		fputs(body.data == NULL ? "" : body.data, stderr);
		r = status == 404 ? EXIT_NO : EXIT_UNREACHABLE;
	}
	buf_free(&body);
	buf_free(&path);
	return r;
}
