/* The table of all keys.  `later` names what this version reads, judges and cannot do yet. */
#include "adapters/config_table.h"

#include "generated/version.h"

#define S INT64_C(1000)
#define MIN (60 * S)
#define H (60 * MIN)
#define D (24 * H)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

#define IN(type, member) offsetof(struct type, member)
#define IN_CONFIG(member) IN(config, member)
#define IN_SUB(member) IN(config_subscription, member)
#define IN_HANDLER(member) IN(config_handler, member)

/* clang-format off: a table */
#define ROW(name_, type_, fallback_, offset_, help_, ...)                                                    \
	{                                                                                                    \
		.name = name_, .type = type_, .fallback = fallback_, .offset = offset_, .help = help_,       \
		__VA_ARGS__                                                                                  \
	}
#define TEXT(name, fallback, offset, help) ROW(name, KEY_TEXT, fallback, offset, help, .min = 0)
#define PATH(name, fallback, offset, help) ROW(name, KEY_PATH, fallback, offset, help, .min = 0)
#define TEXTS(name, fallback, offset, help) ROW(name, KEY_TEXTS, fallback, offset, help, .min = 0)
#define DURATION(name, fallback, least, most, offset, help)                                                  \
	ROW(name, KEY_DURATION, fallback, offset, help, .min = least, .max = most)
#define SIZE(name, fallback, least, most, offset, help)                                                      \
	ROW(name, KEY_SIZE, fallback, offset, help, .min = least, .max = most)
#define NUMBER(name, fallback, least, most, offset, help)                                                    \
	ROW(name, KEY_NUMBER, fallback, offset, help, .min = least, .max = most)
#define CHOICE(name, fallback, choices_, later_, offset, help)                                               \
	ROW(name, KEY_CHOICE, fallback, offset, help, .choices = choices_, .later = later_)
#define SPECIAL(name, takes, fallback, help)                                                                 \
	ROW(name, KEY_SPECIAL, fallback, KEY_NO_MEMBER, help, .choices = takes)
#define LATER(name, takes, help)                                                                             \
	ROW(name, KEY_SPECIAL, "", KEY_NO_MEMBER, help, .choices = takes, .later = "")
#define GROUP(name, help) ROW(name, KEY_GROUP, "", KEY_NO_MEMBER, help, .min = 0)
#define END                                                                                                  \
	{                                                                                                    \
		.name = NULL                                                                                 \
	}

static const struct config_key root[] = {
	TEXT("node", "", IN_CONFIG(node),
	    "Name of this host, stable over restarts: group membership, ledger session, state. Default: the host name."),
	PATH("state_dir", "/var/lib/semel", IN_CONFIG(state_dir), "Folder for what must survive a restart."),
	TEXTS("plugin_path", SEMEL_HANDLER_DIR, IN_CONFIG(plugin_path),
	    "Folders in which plugins are looked for, in order."),
	DURATION("stop_timeout", "30s", 0, H, IN_CONFIG(stop_timeout_ms),
	    "How long SIGTERM waits for running handlers; afterwards their claims are left to the lease."),
	GROUP("kafka",
	    "The cluster: `bootstrap_servers` (must be given) and other librdkafka properties, see above."),
	GROUP("ledger", "Where processed ids are kept."), GROUP("http", "Read-only HTTP."),
	GROUP("admin", "The admin socket."), GROUP("log", "Log lines, to stderr."),
	GROUP("subscriptions", "One group a subscription: a consumer group, its topics, its policies."),
	GROUP("handlers", "One group a handler: a plugin with settings."),
	GROUP("routes", "One group a route: which events of a subscription go to which handler."), END
};

static const struct config_key ledger[] = {
	SPECIAL("url", "redis://HOST:PORT/DB, rediss:// (TLS) or unix:/PATH", NULL,
	    "The Redis server; in the other modes its scheme and DB, and one server to ask."),
	SPECIAL("servers", "list of HOST:PORT", "",
	    "Servers to ask, for sentinel and cluster. Default: that of url."),
	CHOICE("mode", "single", "single sentinel cluster", NULL, IN_CONFIG(ledger.mode),
	    "How the servers work together."),
	TEXT("master", "", IN_CONFIG(ledger.master), "Name of the master, for sentinel."),
	TEXT("user", "", IN_CONFIG(ledger.user), "ACL user. Default: none."),
	SPECIAL("password_file", "path", "", "File with the password. Default: none."),
	GROUP("tls", "Files for TLS (rediss://)."),
	TEXT("prefix", "semel", IN_CONFIG(ledger.prefix), "First part of every key."),
	DURATION("lease", "10s", S, 10 * MIN, IN_CONFIG(ledger.lease_ms),
	    "A dead host's claims are free after one to two of these."),
	DURATION("retention", "24h", MIN, 3650 * D, IN_CONFIG(ledger.retention_ms),
	    "A processed id is remembered at least so long; not less than the longest replay you expect. The largest of all hosts counts."),
	SIZE("filter_memory", "1GiB", MIB, TIB, IN_CONFIG(ledger.filter_memory),
	    "Cap of the memory for filters in this host; the oldest segments are looked up without one beyond it."),
	SPECIAL("durability", "none or replicas:N", "none",
	    "Replicas that must have a write before it counts (WAIT)."),
	DURATION(
	    "timeout", "2s", 10, MIN, IN_CONFIG(ledger.timeout_ms), "Longest wait for one answer of Redis."),
	END
};

static const struct config_key tls[] = {
	PATH("ca_file", "", IN_CONFIG(ledger.tls.ca_file),
	    "Certificates of the authorities that are trusted. Default: the system's."),
	PATH("cert_file", "", IN_CONFIG(ledger.tls.cert_file), "This host's certificate. Default: none."),
	PATH("key_file", "", IN_CONFIG(ledger.tls.key_file), "Its key."),
	TEXT("server_name", "", IN_CONFIG(ledger.tls.server_name),
	    "Name expected in the server's certificate. Default: the server's host."),
	END
};

static const struct config_key http[] = {
	SPECIAL("listen", "ADDRESS:PORT or off", "127.0.0.1:9464",
	    "Where /metrics, /healthz, /readyz, /status and the status page are served; \"off\" for none."),
	END
};

static const struct config_key admin[] = { PATH("socket", "/run/semel/admin.sock", IN_CONFIG(admin_socket),
					       "Unix socket of the admin API, mode 0660."),
	END };

static const struct config_key logging[] = { CHOICE("level", "info", "debug info warning error", NULL,
						 IN_CONFIG(log.level), "Least level that is written."),
	CHOICE("format", "logfmt", "logfmt json", NULL, IN_CONFIG(log.format), "Form of a line."),
	NUMBER("rate", "20", 0, 1000000, IN_CONFIG(log.rate), "Lines a second of one message; 0: no limit."),
	END };

static const struct config_key subscription[] = { TEXT("group", "", IN_SUB(group),
						      "Consumer group. Default: the subscription's name."),
	CHOICE("membership", "static", "static dynamic", NULL, IN_SUB(membership),
	    "static: a restart keeps the partitions; dynamic: for hosts whose names change."),
	TEXTS("topics", NULL, IN_SUB(topics), "Topics; \"^...\" is a pattern (extended regular expression)."),
	SPECIAL("id", "list of fields, or cloudevents", NULL,
	    "Where the event id is: `header:NAME`, `json:/pointer`, `key`, `offset`, `payload`; several are joined."),
	CHOICE("order", "key", "key partition none", NULL, IN_SUB(order),
	    "Events that share this are handled in the order of their offsets."),
	CHOICE("start", "error", "error earliest latest", NULL, IN_SUB(start),
	    "Where a group without any committed offset begins."),
	CHOICE("out_of_range", "error", "error earliest latest", NULL, IN_SUB(out_of_range),
	    "Where to go on when the committed offset is no longer in Kafka."),
	CHOICE("missing_id", "dead-letter", "dead-letter offset", NULL, IN_SUB(missing_id),
	    "An event without id: a dead letter, or its topic, partition and offset are its id."),
	CHOICE("id_conflict", "dead-letter", "dead-letter duplicate", NULL, IN_SUB(id_conflict),
	    "A known id with another payload: a dead letter, or taken as a duplicate."),
	CHOICE("unrouted", "", "dead-letter skip", NULL, IN_SUB(unrouted),
	    "What happens to an event that no route takes. Must be given unless a route takes all."),
	DURATION("max_age", "0s", 0, 3650 * D, IN_SUB(max_age_ms),
	    "Older records become dead letters (too_old); 0s: no limit."),
	NUMBER("max_in_flight", "10000", 1, 1000000, IN_SUB(max_in_flight),
	    "Events between poll and settled, those that wait for a retry not counted."),
	SIZE("max_in_flight_bytes", "256MiB", KIB, TIB, IN_SUB(max_in_flight_bytes),
	    "Bytes of all events held; a larger event still runs, alone."),
	NUMBER("max_window", "1000000", 1, 100000000, IN_SUB(max_window),
	    "Offsets one slow key may keep open in a partition."),
	DURATION("max_hold", "15m", S, 30 * D, IN_SUB(max_hold_ms),
	    "Longest time an event holds its key back, then it goes to the retry topic, if that exists."),
	NUMBER("max_crashes", "3", 1, 100, IN_SUB(max_crashes),
	    "Crashes of the host by one event until it becomes a dead letter."),
	DURATION("stall_timeout", "2m", S, D, IN_SUB(stall_timeout_ms),
	    "Unfinished events without progress for so long: stuck."),
	GROUP("retry", "What happens after SEMEL_RETRY."),
	GROUP("dead_letter", "Where events go that cannot be handled."), END };

static const struct config_key retry[] = {
	CHOICE("mode", "hold", "hold topic", NULL, IN_SUB(retry.mode),
	    "hold: the key waits, order is kept; topic: the event goes to a retry topic."),
	NUMBER("attempts", "8", 1, 65535, IN_SUB(retry.attempts), "Failed runs until on_exhausted."),
	DURATION("backoff", "500ms", 0, D, IN_SUB(retry.backoff_ms),
	    "First back-off; doubled each time, with full jitter."),
	DURATION("max_backoff", "1m", 0, D, IN_SUB(retry.max_backoff_ms), "Longest back-off."),
	CHOICE("on_exhausted", "dead-letter", "dead-letter pause drop", NULL, IN_SUB(retry.on_exhausted),
	    "After the last attempt: a dead letter, a paused partition, or recorded dead without a letter (drop)."),
	TEXT("topic", "", IN_SUB(retry.topic),
	    "Retry topic. Default: SUBSCRIPTION.retry. Consumed if it exists, for replays in mode hold, too."),
	END
};

static const struct config_key dead_letter[] = { TEXT("topic", "", IN_SUB(dead_letter.topic),
						     "Dead-letter topic. Default: SUBSCRIPTION.dead."),
	CHOICE("header_style", "native", "native connect spring", NULL, IN_SUB(dead_letter.header_style),
	    "Headers of a dead letter beside our own: those of Kafka Connect, or of Spring for Apache Kafka."),
	END };

static const struct config_key handler[] = { TEXT("plugin", NULL, IN_HANDLER(plugin),
						 "File name in plugin_path, or an absolute path."),
	NUMBER("workers", "8", 1, 1024, IN_HANDLER(workers), "Threads of this handler's pool."),
	DURATION("timeout", "30s", 10, D, IN_HANDLER(timeout_ms),
	    "A run that takes longer is marked stuck and told to give up."),
	DURATION("max_run", "5m", 100, 7 * D, IN_HANDLER(max_run_ms),
	    "Longest run; not less than `timeout`. Past it the engine is replaced and the event counted as crashed."),
	NUMBER("batch", "1", 1, 10000, IN_HANDLER(batch),
	    "Most events a call, of different keys, for plugins with handle_batch; what is ready, no lingering."),
	TEXTS("emits", "", IN_HANDLER(emits), "Topics the handler may publish to."),
	SPECIAL("settings", "group", "", "The plugin's own settings."), END };

static const struct config_key route[] = { SPECIAL("subscription", "name", NULL, "Whose events."),
	SPECIAL("when", "list of tests", "", "Tests that must all hold. Default: none, every event."),
	SPECIAL("handler", "name", NULL, "Who handles them."),
	SPECIAL(
	    "priority", "number 0 to 1000", "500", "Lower is tried first. A route without `when` has 1000."),
	END };

static const struct config_key test[] = { SPECIAL("field", "field", NULL,
					      "`topic`, `key`, `header:NAME` or `json:/pointer`."),
	SPECIAL("equals", "text", "", "The field is this text."),
	SPECIAL("in", "list of texts", "", "The field is one of these texts."),
	SPECIAL("prefix", "text", "", "The field begins with this text."),
	SPECIAL("glob", "text", "", "The field matches this pattern (`*`, `?`, `[...]`)."),
	SPECIAL("exists", "boolean", "", "true: the field is there; false: it is not."),
	SPECIAL("not", "boolean", "false", "true: the test must not hold."), END };
/* clang-format on */

static const struct {
	const char *title;
	const struct config_key *keys;
} scopes[SCOPE_N] = {
	[SCOPE_ROOT] = { "", root },
	[SCOPE_LEDGER] = { "ledger", ledger },
	[SCOPE_TLS] = { "ledger.tls", tls },
	[SCOPE_HTTP] = { "http", http },
	[SCOPE_ADMIN] = { "admin", admin },
	[SCOPE_LOG] = { "log", logging },
	[SCOPE_SUBSCRIPTION] = { "subscriptions.NAME", subscription },
	[SCOPE_RETRY] = { "subscriptions.NAME.retry", retry },
	[SCOPE_DEAD_LETTER] = { "subscriptions.NAME.dead_letter", dead_letter },
	[SCOPE_HANDLER] = { "handlers.NAME", handler },
	[SCOPE_ROUTE] = { "routes.NAME", route },
	[SCOPE_TEST] = { "routes.NAME.when[]", test },
};

const struct config_key *config_keys_of(enum config_scope scope)
{
	return scopes[scope].keys;
}

const char *config_scope_title(enum config_scope scope)
{
	return scopes[scope].title;
}
