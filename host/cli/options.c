#include "cli/options.h"

#include "adapters/config_file.h"
#include "adapters/http_client.h"
#include "cli/cli.h"
#include "generated/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/semel/admin.sock"

int cli_options(int argc, char **argv, struct cli_options *o)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "admin", required_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ "keys", no_argument, NULL, 'k' }, { "markdown", no_argument, NULL, 'm' },
		{ "base64", no_argument, NULL, 'b' }, { "events", required_argument, NULL, 'e' },
		{ "produce", required_argument, NULL, 'p' }, { "rate", required_argument, NULL, 'r' },
		{ "connect", no_argument, NULL, 'C' }, { "dry-run", no_argument, NULL, 'd' },
		{ "raw", no_argument, NULL, 'R' }, { "reason", required_argument, NULL, 'N' },
		{ "handler", required_argument, NULL, 'h' }, { "id", required_argument, NULL, 'i' },
		{ "since", required_argument, NULL, 's' }, { "until", required_argument, NULL, 'u' },
		{ "limit", required_argument, NULL, 'l' }, { "from", required_argument, NULL, 'f' },
		{ "detail", required_argument, NULL, 'D' }, { "to", required_argument, NULL, 't' },
		{ "topic", required_argument, NULL, 'T' }, { "ledger-only", no_argument, NULL, 'L' },
		{ "route", required_argument, NULL, 'o' }, { "outcome", required_argument, NULL, 'w' },
		{ "key", required_argument, NULL, 'K' }, { "count", required_argument, NULL, 'n' },
		{ "dead", no_argument, NULL, 'x' }, { "payload", no_argument, NULL, 'P' },
		{ "interval", required_argument, NULL, 'I' }, { "sort", required_argument, NULL, 'S' },
		{ "filter", required_argument, NULL, 'F' }, { "view", required_argument, NULL, 'V' },
		{ "once", no_argument, NULL, 'O' }, { "batch", required_argument, NULL, 'B' },
		{ NULL, 0, NULL, 0 } };
	int c;

	*o = (struct cli_options){ .config = SEMEL_CONFIG_FILE };
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			o->config_given = true;
			break;
		case 'a': o->admin = optarg; break;
		case 'j': o->json = true; break;
		case 'k': o->keys = true; break;
		case 'm': o->markdown = true; break;
		case 'b': o->base64 = true; break;
		case 'e': o->events = optarg; break;
		case 'p': o->produce = optarg; break;
		case 'r': o->rate = optarg; break;
		case 'C': o->connect = true; break;
		case 'd': o->dry_run = true; break;
		case 'R': o->raw = true; break;
		case 'N': o->reason = optarg; break;
		case 'h': o->handler = optarg; break;
		case 'i': o->id = optarg; break;
		case 's': o->since = optarg; break;
		case 'u': o->until = optarg; break;
		case 'l': o->limit = optarg; break;
		case 'f': o->from = optarg; break;
		case 'D': o->detail = optarg; break;
		case 't': o->to = optarg; break;
		case 'T': o->topic = optarg; break;
		case 'L': o->ledger_only = true; break;
		case 'o': o->route = optarg; break;
		case 'w': o->outcome = optarg; break;
		case 'K': o->key = optarg; break;
		case 'n': o->count = optarg; break;
		case 'x': o->dead = true; break;
		case 'P': o->payload = true; break;
		case 'I': o->interval = optarg; break;
		case 'S': o->sort = optarg; break;
		case 'F': o->filter = optarg; break;
		case 'V': o->view = optarg; break;
		case 'O': o->once = true; break;
		case 'B': o->batch = optarg; break;
		default:
			return cli_usage(
			    argv[0], "unknown option, or one without its value: %s", argv[optind - 1]);
		}
	}
	o->argc = argc - optind;
	o->argv = argv + optind;
	return 0;
}

char *cli_socket(const struct cli_options *o)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct config *c = NULL;
	char *socket;

	if (o->admin != NULL)
		return strdup(o->admin);
	if (config_load(o->config, true, &c, &problems) < 0 && o->config_given)
		fprintf(stderr, "semel: %s cannot be used (semel check tells why); asking at %s\n", o->config,
		    DEFAULT_SOCKET);
	socket = strdup(c == NULL ? DEFAULT_SOCKET : c->admin_socket);
	config_free(c);
	config_problems_free(&problems);
	return socket;
}

int cli_load(const struct cli_options *o, struct config **ret_config)
{
	struct config_problems problems = { NULL, 0, 0 };
	struct buf text = { NULL, 0, 0 };
	int r = 0;

	*ret_config = NULL;
	config_examine(o->config, false, ret_config, &problems);
	if (problems.errors > 0) {
		config_problems_print(&problems, &text);
		fputs(text.data, stderr);
		config_free(*ret_config);
		*ret_config = NULL;
		r = EXIT_CONFIGURATION;
	}
	buf_free(&text);
	config_problems_free(&problems);
	return r;
}

int cli_id(const struct cli_options *o, const char *command, const char *typed, struct buf *ret_id)
{
	if (!o->base64)
		buf_text(ret_id, typed);
	else if (buf_unbase64(ret_id, bytes_of_text(typed)) < 0)
		return cli_usage(command, "\"%s\" is not base64", typed);
	return ret_id->len > 0 ? 0 : cli_usage(command, "the id is empty");
}

int cli_try(const struct cli_options *o, const char *method, const char *path, struct buf *ret_body,
    char *why, size_t size)
{
	char *socket = cli_socket(o);
	int r = http_client_call(socket, method, path, ret_body, why, size);

	free(socket);
	return r;
}

int cli_ask(
    const struct cli_options *o, const char *method, const char *path, struct buf *ret_body, int *ret_status)
{
	char why[512];
	int r = cli_try(o, method, path, ret_body, why, sizeof(why));

	if (r < 0) {
		fprintf(stderr, "semel: %s\n", why);
		return r == -EACCES ? EXIT_NOPERM_ : EXIT_UNREACHABLE;
	}
	*ret_status = r;
	return 0;
}

bool cli_colours(void)
{
	return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
}
