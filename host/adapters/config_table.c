#include "adapters/config_table.h"

#include "generated/version.h"

#define MS 1
#define S (1000 * INT64_C(1))
#define MIN (60 * S)
#define H (60 * MIN)
#define D (24 * H)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define AT(type, member) offsetof(struct type, member)

#define TEXT(name, fallback, offset, help)                                                                   \
	{                                                                                                    \
		name, KEY_TEXT, fallback, 0, 0, NULL, offset, help                                           \
	}
#define DURATION(name, fallback, min, max, offset, help)                                                     \
	{                                                                                                    \
		name, KEY_DURATION, fallback, min, max, NULL, offset, help                                   \
	}
#define SIZE(name, fallback, min, max, offset, help)                                                         \
	{                                                                                                    \
		name, KEY_SIZE, fallback, min, max, NULL, offset, help                                       \
	}
#define NUMBER(name, fallback, min, max, offset, help)                                                       \
	{                                                                                                    \
		name, KEY_NUMBER, fallback, min, max, NULL, offset, help                                     \
	}
#define CHOICE(name, fallback, choices, offset, help)                                                        \
	{                                                                                                    \
		name, KEY_CHOICE, fallback, 0, 0, choices, offset, help                                      \
	}
#define TEXTS(name, fallback, offset, help)                                                                  \
	{                                                                                                    \
		name, KEY_TEXTS, fallback, 0, 0, NULL, offset, help                                          \
	}
#define GROUP(name, help)                                                                                    \
	{                                                                                                    \
		name, KEY_GROUP, "", 0, 0, NULL, 0, help                                                     \
	}
#define SPECIAL(name, fallback, help)                                                                        \
	{                                                                                                    \
		name, KEY_SPECIAL, fallback, 0, 0, NULL, 0, help                                             \
	}
#define END                                                                                                  \
	{                                                                                                    \
		NULL, KEY_TEXT, NULL, 0, 0, NULL, 0, NULL                                                    \
	}

/* clang-format off: a table */
static const struct config_key root[] = {
	TEXT("node", "", AT(config, node),
	    "Name of this host, stable over restarts: group membership, ledger session, state. Default: the host name."),
	TEXT("state_dir", "/var/lib/semel", AT(config, state_dir), "Folder for what must survive a restart."),
	TEXTS("plugin_path", SEMEL_HANDLER_DIR, AT(config, plugin_path),
	    "Folders in which plugins are looked for, in order."),
	DURATION("stop_timeout", "30s", 0, H, AT(config, stop_timeout_ms),
	    "How long SIGTERM waits for running handlers; afterwards their claims are left to the lease."),
	GROUP("kafka",
	    "Any librdkafka property, `.` written `_`; those the host owns are refused. Secrets as `NAME_file`. `bootstrap_servers` must be given. The group `producer` holds properties of the producer alone."),
	GROUP("ledger", "Where processed ids are kept."), GROUP("http", "Read-only HTTP."),
	GROUP("admin", "The admin socket."), GROUP("log", "Log lines, to stderr."),
	GROUP("subscriptions", "One group a subscription: a consumer group, its topics, its policies."),
	GROUP("handlers", "One group a handler: a plugin with settings."),
	GROUP("routes", "One group a route: which events of a subscription go to which handler."), END
};

static const struct config_key ledger[] = {
	SPECIAL(
	    "url", NULL, "redis://HOST:PORT/DB, or unix:/PATH. rediss:// is not supported by this version."),
	SPECIAL(
	    "servers", "", "Several \"HOST:PORT\", for sentinel and cluster: not supported by this version."),
	SPECIAL("mode", "single", "single; sentinel and cluster are not supported by this version."),
	SPECIAL("master", "", "Name of the master, for sentinel: not supported by this version."),
	TEXT("user", "", AT(config, ledger.user), "ACL user. Default: none."),
	SPECIAL("password_file", "", "File with the password. Default: none."),
	GROUP("tls", "TLS files: not supported by this version."),
	TEXT("prefix", "semel", AT(config, ledger.prefix), "First part of every key."),
	DURATION("lease", "10s", S, 10 * MIN, AT(config, ledger.lease_ms),
	    "A dead host's claims are free after one to two of these."),
	DURATION("retention", "24h", MIN, 3650 * D, AT(config, ledger.retention_ms),
	    "A processed id is remembered at least so long; not less than the longest replay you expect. (This version forgets nothing.)"),
	SIZE("filter_memory", "1GiB", MIB, 1024 * GIB, AT(config, ledger.filter_memory),
	    "Cap of the memory for filters in this host. (Not used by this version.)"),
	SPECIAL("durability", "none", "none; replicas:N is not supported by this version."),
	DURATION(
	    "timeout", "2s", 10, MIN, AT(config, ledger.timeout_ms), "Longest wait for one answer of Redis."),
	END
};

static const struct config_key tls[] = { SPECIAL("ca_file", "",
					     "Certificates of the authorities that are trusted."),
	SPECIAL("cert_file", "", "This host's certificate."), SPECIAL("key_file", "", "Its key."),
	SPECIAL("server_name", "", "Name expected in the server's certificate."), END };

static const struct config_key http[] = {
	SPECIAL("listen", "127.0.0.1:9464",
	    "ADDRESS:PORT of /metrics, /healthz, /readyz, /status and the status page; \"off\" for none."),
	END
};

static const struct config_key admin[] = { TEXT("socket", "/run/semel/admin.sock", AT(config, admin_socket),
					       "Unix socket of the admin API, mode 0660."),
	END };

static const struct config_key logging[] = { CHOICE("level", "info", "debug info warning error",
						 AT(config, log.level), "Least level that is written."),
	CHOICE("format", "logfmt", "logfmt json", AT(config, log.format), "Form of a line."),
	NUMBER("rate", "20", 0, 1000000, AT(config, log.rate), "Lines a second of one message; 0: no limit."),
	END };

static const struct config_key subscription[] = { TEXT("group", "", AT(config_subscription, group),
						      "Consumer group. Default: the subscription's name."),
	CHOICE("membership", "static", "static dynamic", AT(config_subscription, membership),
	    "static: a restart keeps the partitions; dynamic: for hosts whose names change."),
	TEXTS("topics", NULL, AT(config_subscription, topics),
	    "Topics; \"^...\" is a pattern (extended regular expression)."),
	SPECIAL("id", NULL,
	    "Where the event id is: a list of `header:NAME`, `json:/pointer`, `key`, `offset`, `payload`, which are joined; or \"cloudevents\"."),
	CHOICE("order", "key", "key partition none", AT(config_subscription, order),
	    "Events that share this are handled in the order of their offsets."),
	CHOICE("start", "error", "error earliest latest", AT(config_subscription, start),
	    "Where a group without any committed offset begins."),
	CHOICE("out_of_range", "error", "error earliest latest", AT(config_subscription, out_of_range),
	    "Where to go on when the committed offset is no longer in Kafka."),
	CHOICE("missing_id", "dead-letter", "dead-letter offset", AT(config_subscription, missing_id),
	    "An event without id: a dead letter, or its topic, partition and offset are its id."),
	CHOICE("id_conflict", "dead-letter", "dead-letter duplicate", AT(config_subscription, id_conflict),
	    "A known id with another payload: a dead letter, or taken as a duplicate."),
	SPECIAL("unrouted", NULL,
	    "An event that no route matches: `dead-letter` or `skip`. Must be given unless a route catches all."),
	DURATION("max_age", "0s", 0, 3650 * D, AT(config_subscription, max_age_ms),
	    "Older records become dead letters (too_old); 0s: no limit."),
	NUMBER("max_in_flight", "10000", 1, 1000000, AT(config_subscription, max_in_flight),
	    "Events between poll and settled, waiting ones not counted."),
	SIZE("max_in_flight_bytes", "256MiB", KIB, 1024 * GIB, AT(config_subscription, max_in_flight_bytes),
	    "Bytes of all events held; a larger event still runs, alone."),
	NUMBER("max_window", "1000000", 1, 100000000, AT(config_subscription, max_window),
	    "Offsets one slow key may keep open in a partition."),
	DURATION("max_hold", "15m", S, 30 * D, AT(config_subscription, max_hold_ms),
	    "Longest time an event is held back. (Not used by this version.)"),
	NUMBER("max_crashes", "3", 1, 100, AT(config_subscription, max_crashes),
	    "Crashes of the host by one event until it becomes a dead letter. (Not used by this version.)"),
	DURATION("stall_timeout", "2m", S, D, AT(config_subscription, stall_timeout_ms),
	    "Unfinished events without progress for so long: stuck."),
	GROUP("retry", "What happens after SEMEL_RETRY."),
	GROUP("dead_letter", "Where events go that cannot be handled."), END };

static const struct config_key retry[] = {
	SPECIAL(
	    "mode", "hold", "hold: the key waits, order is kept. topic is not supported by this version."),
	NUMBER("attempts", "8", 1, 65535, AT(config_subscription, retry.attempts),
	    "Failed runs until on_exhausted."),
	DURATION("backoff", "500ms", 0, D, AT(config_subscription, retry.backoff_ms),
	    "First back-off; doubled each time, with full jitter."),
	DURATION(
	    "max_backoff", "1m", 0, D, AT(config_subscription, retry.max_backoff_ms), "Longest back-off."),
	CHOICE("on_exhausted", "dead-letter", "dead-letter pause drop",
	    AT(config_subscription, retry.on_exhausted),
	    "After the last attempt: a dead letter, or recorded dead without one (drop). pause is not supported by this version."),
	TEXT("topic", "", AT(config_subscription, retry.topic),
	    "Retry topic. Default: SUBSCRIPTION.retry. (Not used by this version.)"),
	END
};

static const struct config_key dead_letter[] = { TEXT("topic", "", AT(config_subscription, dead_letter.topic),
						     "Dead-letter topic. Default: SUBSCRIPTION.dead."),
	SPECIAL("header_style", "native", "native; connect and spring are not supported by this version."),
	END };

static const struct config_key handler[] = { TEXT("plugin", NULL, AT(config_handler, plugin),
						 "File name in plugin_path, or an absolute path."),
	NUMBER("workers", "8", 1, 1024, AT(config_handler, workers), "Threads of this handler's pool."),
	DURATION("timeout", "30s", 10, D, AT(config_handler, timeout_ms),
	    "A run that takes longer is marked stuck and told to give up."),
	DURATION("max_run", "5m", 100, 7 * D, AT(config_handler, max_run_ms),
	    "Longest run. (Not used by this version.)"),
	NUMBER("batch", "1", 1, 10000, AT(config_handler, batch),
	    "Events a call. More than 1 is not supported by this version."),
	TEXTS("emits", "", AT(config_handler, emits),
	    "Topics the handler may publish to. (Not used by this version.)"),
	SPECIAL("settings", "", "The plugin's own settings."), END };

static const struct config_key route[] = { SPECIAL("subscription", NULL, "Whose events."),
	SPECIAL("when", "", "Tests that must all hold. Default: every event."),
	SPECIAL("handler", NULL, "Who handles them."),
	SPECIAL("priority", "500", "0 to 1000, lower first; a route without `when` has 1000."), END };

static const struct config_key test[] = { SPECIAL("field", NULL,
					      "`topic`, `key`, `header:NAME` or `json:/pointer`."),
	SPECIAL("equals", "", "The field is this text."),
	SPECIAL("in", "", "The field is one of these texts."),
	SPECIAL("prefix", "", "The field begins with this text."),
	SPECIAL("glob", "", "The field matches this pattern (`*`, `?`, `[...]`)."),
	SPECIAL("exists", "", "true: the field is there; false: it is not."),
	SPECIAL("not", "false", "true: the test must not hold."), END };
/* clang-format on */

static const struct config_key *const scopes[SCOPE_N] = { [SCOPE_ROOT] = root,
	[SCOPE_LEDGER] = ledger,
	[SCOPE_TLS] = tls,
	[SCOPE_HTTP] = http,
	[SCOPE_ADMIN] = admin,
	[SCOPE_LOG] = logging,
	[SCOPE_SUBSCRIPTION] = subscription,
	[SCOPE_RETRY] = retry,
	[SCOPE_DEAD_LETTER] = dead_letter,
	[SCOPE_HANDLER] = handler,
	[SCOPE_ROUTE] = route,
	[SCOPE_TEST] = test };

static const char *const titles[SCOPE_N] = { "", "ledger", "ledger.tls", "http", "admin", "log",
	"subscriptions.NAME", "subscriptions.NAME.retry", "subscriptions.NAME.dead_letter", "handlers.NAME",
	"routes.NAME", "routes.NAME.when[]" };

const struct config_key *config_keys_of(enum config_scope scope)
{
	return scopes[scope];
}

const char *config_scope_title(enum config_scope scope)
{
	return titles[scope];
}

const struct config_key *config_key_find(enum config_scope scope, const char *name)
{
	for (const struct config_key *k = scopes[scope]; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

unsigned config_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	unsigned row[3][MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MAX || m > MAX)
		return MAX;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[n % 3][m];
}

const char *config_key_near(enum config_scope scope, const char *name)
{
	const char *best = NULL;
	unsigned least = 3;

	for (const struct config_key *k = scopes[scope]; k->name != NULL; k++) {
		unsigned d = config_distance(name, k->name);

		if (d < least && d < strlen(k->name)) {
			least = d;
			best = k->name;
		}
	}
	return best;
}
