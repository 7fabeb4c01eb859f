/* semel try: options, and the order of things. */
#include "adapters/config_file.h"
#include "adapters/keyed_hash.h"
#include "cli/cli.h"
#include "cli/try/try_report.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT_MAX 10000000
#define SLOW_MS 50
#define WITHIN_MS 600000

const char cmd_try_details[] =
    "The handler runs in a real host (manager, engine, black box, dispatch, ledger), only that events come from a\n"
    "file, the ledger is in memory, and dead letters and emitted records are noted, not written.  docs/try.md.\n"
    "\n"
    "What is run\n"
    "  FILE.so                  the plugin; others may be able to write it: that is a warning here\n"
    "  -c FILE --handler NAME   take plugin, settings, workers, times, emits of that handler from a configuration\n"
    "  --setting NAME=VALUE     a setting; NAME is a path: pool/size, topics/0.  Repeat it for more\n"
    "  --workers N --batch N --timeout D --max-run D --emits TOPIC\n"
    "                           as in the handler's group (default 4, 1, 5s, 15s, none)\n"
    "\n"
    "Events\n"
    "  --events FILE            JSON lines, as for semel route; - is stdin.  Without it events are made up:\n"
    "  --count N                so many (default 10)\n"
    "  --id FIELD               where the id is: header:NAME, json:/POINTER, key, offset, payload, cloudevents;\n"
    "                           repeated: joined (default header:event-id, without one the offset)\n"
    "  --order key|partition|none\n"
    "  --attempts N --backoff D how often, and how soon, after RETRY (default 8, 20ms; doubled up to ten times that)\n"
    "\n"
    "What happens to it\n"
    "  --duplicates N%          so many events are delivered again, as another record of the same id\n"
    "  --crash-after N          SIGKILL after the handler has ended well for the N-th time, before that is recorded\n"
    "  --lease-loss             the process stands still when the first run begins, until its lease is lost and another\n"
    "                           host has run the event; then it goes on\n"
    "  --slow-ledger [MS]       each call of the ledger takes so long (default 50)\n"
    "  --seed N                 which events are duplicated (default: another each time, and printed)\n"
    "  --within D               give up after that (default 10m)\n"
    "\n"
    "What is told\n"
    "  --probe 'COMMAND'        run at the end, by sh; prints the id of each effect that it finds, a line each.  The file\n"
    "                           that SEMEL_TRY_IDS names has the ids that ended OK, a line each; other lines are\n"
    "                           counted apart.  Ids are as they are shown here: not printable bytes and \\ as \\xHH\n"
    "  --verbose                all records, not only the first 100 of interest\n"
    "  --json                   one document: events, summary, verdict\n"
    "  --log LEVEL              the host's log on stderr: debug info warning error (default error)\n"
    "\n"
    "Good is: all records finished; no event that crashes, hangs, or fails at every attempt; what was asked for was\n"
    "done; and with --probe exactly one effect for each id that ended OK, and not more than one for any.\n"
    "Exit status: 0 good, 1 not, 64 usage, 78 the plugin is refused, or its settings.";

/* ---- Options */

enum {
	OPT_EVENTS = 256,
	OPT_COUNT,
	OPT_ID,
	OPT_ORDER,
	OPT_ATTEMPTS,
	OPT_BACKOFF,
	OPT_DUPLICATES,
	OPT_CRASH,
	OPT_LEASE,
	OPT_SLOW,
	OPT_SEED,
	OPT_WITHIN,
	OPT_PROBE,
	OPT_VERBOSE,
	OPT_JSON,
	OPT_LOG,
	OPT_HANDLER,
	OPT_SETTING,
	OPT_WORKERS,
	OPT_BATCH,
	OPT_TIMEOUT,
	OPT_MAX_RUN,
	OPT_EMITS
};

static const struct option options[] = { { "config", required_argument, NULL, 'c' },
	{ "handler", required_argument, NULL, OPT_HANDLER },
	{ "setting", required_argument, NULL, OPT_SETTING },
	{ "workers", required_argument, NULL, OPT_WORKERS }, { "batch", required_argument, NULL, OPT_BATCH },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "max-run", required_argument, NULL, OPT_MAX_RUN }, { "emits", required_argument, NULL, OPT_EMITS },
	{ "events", required_argument, NULL, OPT_EVENTS }, { "count", required_argument, NULL, OPT_COUNT },
	{ "id", required_argument, NULL, OPT_ID }, { "order", required_argument, NULL, OPT_ORDER },
	{ "attempts", required_argument, NULL, OPT_ATTEMPTS },
	{ "backoff", required_argument, NULL, OPT_BACKOFF },
	{ "duplicates", required_argument, NULL, OPT_DUPLICATES },
	{ "crash-after", required_argument, NULL, OPT_CRASH }, { "lease-loss", no_argument, NULL, OPT_LEASE },
	{ "slow-ledger", optional_argument, NULL, OPT_SLOW }, { "seed", required_argument, NULL, OPT_SEED },
	{ "within", required_argument, NULL, OPT_WITHIN }, { "probe", required_argument, NULL, OPT_PROBE },
	{ "verbose", no_argument, NULL, OPT_VERBOSE }, { "json", no_argument, NULL, OPT_JSON },
	{ "log", required_argument, NULL, OPT_LOG }, { NULL, 0, NULL, 0 } };

/* A whole number from 1 to max. */
static bool number(const char *text, unsigned long long max, unsigned long long *ret_n)
{
	char *end;

	errno = 0;
	if (text[0] < '0' || text[0] > '9')
		return false;
	*ret_n = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret_n >= 1 && *ret_n <= max;
}

static bool percent(const char *text, double *ret_share)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || (strcmp(end, "%") != 0 && *end != '\0') || !(n >= 0 && n <= 100))
		return false;
	*ret_share = n / 100;
	return true;
}

static void add_text(const char ***list, size_t *n, const char *text)
{
	*list = realloc(*list, (*n + 1) * sizeof(**list));
	if (*list == NULL)
		abort();
	(*list)[(*n)++] = text;
}

/* False: there is no name, or no =. */
static bool add_setting(struct try_options *o, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || text[0] == '/' || equals[-1] == '/')
		return false;
	*equals = '\0';
	o->settings = realloc(o->settings, (o->n_settings + 1) * sizeof(*o->settings));
	if (o->settings == NULL)
		abort();
	o->settings[o->n_settings++] = (struct try_setting){ text, equals + 1 };
	return true;
}

/* What is given as it is, and judged with the configuration. */
static bool take_text(struct try_options *o, int option, char *text)
{
	switch (option) {
	case 'c': o->config = text; return true;
	case OPT_HANDLER: o->handler = text; return true;
	case OPT_EVENTS: o->events = text; return true;
	case OPT_PROBE: o->probe = text; return true;
	case OPT_TIMEOUT: o->timeout = text; return true;
	case OPT_MAX_RUN: o->max_run = text; return true;
	case OPT_BACKOFF: o->backoff = text; return true;
	case OPT_ORDER: o->order = text; return true;
	case OPT_LOG: o->log = text; return true;
	case OPT_ID: add_text(&o->ids, &o->n_ids, text); return true;
	case OPT_EMITS: add_text(&o->emits, &o->n_emits, text); return true;
	case OPT_VERBOSE: o->verbose = true; return true;
	case OPT_JSON: o->json = true; return true;
	case OPT_LEASE: o->lease_loss = true; return true;
	default: return false;
	}
}

/* NULL, or what was expected. */
static const char *take_number(struct try_options *o, int option, char *text)
{
	unsigned long long n = 0;

	switch (option) {
	case OPT_DUPLICATES: return percent(text, &o->duplicates) ? NULL : "a share, 0% to 100%";
	case OPT_SETTING: return add_setting(o, text) ? NULL : "NAME=VALUE";
	case OPT_WITHIN:
		return config_duration(text, &o->within_ms) == 0 && o->within_ms > 0 ? NULL
										     : "a duration (\"30s\")";
	default: break;
	}
	if (!number(text, option == OPT_SEED ? UINT64_MAX : COUNT_MAX, &n))
		return "a whole number, 1 or more";
	switch (option) {
	case OPT_COUNT: o->count = (unsigned)n; break;
	case OPT_CRASH: o->crash_after = (unsigned)n; break;
	case OPT_SLOW: o->slow_ms = (int64_t)n; break;
	case OPT_SEED: o->seed = n; break;
	case OPT_WORKERS: o->workers = text; break;
	case OPT_BATCH: o->batch = text; break;
	case OPT_ATTEMPTS: o->attempts = text; break;
	default: break;
	}
	return NULL;
}

static const char *name_of(int option)
{
	for (const struct option *o = options; o->name != NULL; o++)
		if (o->val == option)
			return o->name;
	return "";
}

static int parse(int argc, char **argv, struct try_options *o)
{
	const char *expected;
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		char *text = optarg;

		if (c == '?')
			return cli_usage(
			    argv[0], "unknown option, or one without its value: %s", argv[optind - 1]);
		if (c == OPT_SLOW && text == NULL) {
			/* Its value may stand apart. */
			unsigned long long n;

			if (optind == argc || !number(argv[optind], COUNT_MAX, &n)) {
				o->slow_ms = SLOW_MS;
				continue;
			}
			text = argv[optind++];
		}
		if (take_text(o, c, text))
			continue;
		expected = take_number(o, c, text);
		if (expected != NULL)
			return cli_usage(argv[0], "--%s %s: expected %s", name_of(c), text, expected);
	}
	if (optind < argc)
		o->plugin = argv[optind++];
	if (optind < argc)
		return cli_usage(argv[0], "unexpected argument %s", argv[optind]);
	if ((o->config == NULL) != (o->handler == NULL))
		return cli_usage(argv[0], "-c FILE and --handler NAME go together");
	if (o->plugin == NULL && o->config == NULL)
		return cli_usage(argv[0], "FILE.so must be given, or -c FILE --handler NAME");
	return EXIT_YES;
}

/* ---- The order of things */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* In TMPDIR, unless the path of a socket in it were too long. */
static int make_folder(char *ret_folder, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > size - sizeof("/semel-try-XXXXXX"))
		tmp = "/tmp";
	snprintf(ret_folder, size, "%s/semel-try-XXXXXX", tmp);
	if (mkdtemp(ret_folder) != NULL)
		return EXIT_YES;
	fprintf(stderr, "semel try: %s: %s\n", ret_folder, strerror(errno));
	return EXIT_INTERNAL;
}

static int run_and_report(
    const struct try_options *o, const struct try_events *e, struct try_config *c, const char *folder)
{
	struct try_result result;
	struct try_verdict v;
	struct seen s;
	int status;

	seen_init(&s, e);
	status = try_run(o, c, &s, &result);
	if (status == EXIT_YES) {
		try_judge(o, &s, &result, &v);
		if (o->probe != NULL && !result.interrupted)
			status = try_probe(o, &s, folder, &v);
		if (status == EXIT_YES) {
			try_report(o, c, &s, &result, &v);
			status = v.faults.len == 0 ? EXIT_YES : EXIT_NO;
		}
		try_verdict_free(&v);
	}
	seen_free(&s);
	return status;
}

static int try_in(const struct try_options *o, struct try_events *e, const char *folder)
{
	struct try_config c = { .config = NULL };
	int status = try_config_make(o, e, folder, &c);

	if (status == EXIT_YES)
		status = try_config_judge(&c);
	if (status == EXIT_YES) {
		try_events_decode(e, c.config);
		status = run_and_report(o, e, &c, folder);
	}
	try_config_free(&c);
	return status;
}

int cmd_try(int argc, char **argv)
{
	struct try_options o = { .count = 10,
		.log = "error",
		.order = "key",
		.attempts = "8",
		.backoff = "20ms",
		.within_ms = WITHIN_MS };
	struct try_events e = { .list = NULL };
	char folder[64];
	int status = parse(argc, argv, &o);

	if (status == EXIT_YES && keyed_hash_setup() < 0)
		status = EXIT_INTERNAL;
	if (status == EXIT_YES && o.seed == 0) {
		random_bytes(&o.seed, sizeof(o.seed));
		o.seed = o.seed % 1000000 + 1;
	}
	if (status == EXIT_YES)
		status = try_events_read(&o, &e);
	if (status == EXIT_YES)
		status = make_folder(folder, sizeof(folder));
	if (status == EXIT_YES) {
		status = try_in(&o, &e, folder);
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	try_events_free(&e);
	free(o.ids);
	free(o.emits);
	free(o.settings);
	return status;
}
