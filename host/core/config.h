/* config.h - the configuration as the program uses it: judged, defaulted, expanded.
 *
 * Made by adapters/config_file from semel.conf and conf.d, in one piece and
 * without an error, or not at all.  Nobody changes it afterwards.
 *
 * Owns:    all that it points to; freed by config_free.
 * Threads: any, read only.
 * Uses:    base.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "base/bytes.h"
#include "base/log.h"

#include <limits.h>

/* Where a value was written; file is NULL for a default. */
struct config_place {
	const char *file;
	unsigned line;
};

struct config_property {		/* a librdkafka property, '.' for '_' already */
	char *name, *value;
	bool secret;
	struct config_place place;
};

struct config_properties {
	struct config_property *list;
	size_t n;
};

enum config_order { ORDER_KEY, ORDER_PARTITION, ORDER_NONE };
enum config_start { START_ERROR, START_EARLIEST, START_LATEST };
enum config_membership { MEMBERSHIP_STATIC, MEMBERSHIP_DYNAMIC };
enum config_missing_id { MISSING_ID_DEAD_LETTER, MISSING_ID_OFFSET };
enum config_id_conflict { ID_CONFLICT_DEAD_LETTER, ID_CONFLICT_DUPLICATE };
enum config_unrouted { UNROUTED_DEAD_LETTER, UNROUTED_SKIP, UNROUTED_IMPOSSIBLE };
enum config_retry_mode { RETRY_HOLD, RETRY_TOPIC };
enum config_header_style { HEADERS_NATIVE, HEADERS_CONNECT, HEADERS_SPRING };
enum config_exhausted { EXHAUSTED_DEAD_LETTER, EXHAUSTED_PAUSE, EXHAUSTED_DROP };
enum config_ledger_scheme { LEDGER_TCP, LEDGER_TLS, LEDGER_UNIX };
enum config_ledger_mode { LEDGER_SINGLE, LEDGER_SENTINEL, LEDGER_CLUSTER };

struct config_server { char *host; unsigned port; };	/* or the path of a Unix socket */

/* One part of an event id, or the field of a route's test. */
enum field_kind { FIELD_HEADER, FIELD_JSON, FIELD_KEY, FIELD_OFFSET, FIELD_PAYLOAD, FIELD_TOPIC };

struct field {
	enum field_kind kind;
	char *name;			/* header name or JSON pointer, else NULL */
};

enum test_kind { TEST_EQUALS, TEST_IN, TEST_PREFIX, TEST_GLOB, TEST_EXISTS };

struct config_test {
	struct field field;
	enum test_kind kind;
	char **values;			/* equals, prefix, glob: one; in: n; exists: none */
	size_t n;
	bool exists;			/* of TEST_EXISTS: what was asked for */
	bool negate;
};

#define CONFIG_NONE UINT_MAX		/* an index of what is not there: only in a configuration with errors */

struct config_route {
	char *name;
	unsigned subscription, handler;	/* indexes */
	struct config_test *tests;	/* all must hold */
	size_t n_tests;
	unsigned priority;
	bool never;			/* a route before it catches all that it could */
	struct config_place place;
};

struct config_setting {
	char *path;			/* "url", "pool/size"; a list's element i is "list/0" */
	char *text;			/* as written, after ${} expansion; numbers and booleans as text */
	bool is_group;			/* a group or list; its elements follow */
	struct config_place place;
};

struct config_handler {
	char *name, *plugin;		/* plugin as written */
	char *plugin_file;		/* absolute path, found in plugin_path; the first candidate if none exists */
	unsigned workers, batch;
	int64_t timeout_ms, max_run_ms;
	char **emits;
	size_t n_emits;
	struct config_setting *settings;
	size_t n_settings;
	bool routed;
	struct config_place place;
};

struct config_subscription {
	char *name, *group;
	enum config_membership membership;
	char **topics;			/* "^..." is a pattern */
	size_t n_topics;
	struct field *id;
	size_t n_id;
	bool id_cloudevents;
	enum config_order order;
	enum config_start start, out_of_range;
	enum config_missing_id missing_id;
	enum config_id_conflict id_conflict;
	enum config_unrouted unrouted;
	int64_t max_age_ms;		/* 0: no limit */
	unsigned max_in_flight, max_window, max_crashes;
	int64_t max_in_flight_bytes;
	int64_t max_hold_ms, stall_timeout_ms;
	struct {
		enum config_retry_mode mode;
		unsigned attempts;
		int64_t backoff_ms, max_backoff_ms;
		enum config_exhausted on_exhausted;
		char *topic;
	} retry;
	struct {
		char *topic;
		enum config_header_style header_style;	/* what is added beside our own headers */
	} dead_letter;
	unsigned *routes;		/* indexes, in the order in which they are tried */
	size_t n_routes;
	struct config_place place;
};

struct config {
	char *file;			/* semel.conf as named */
	char **files;			/* all that were read; places borrow these */
	size_t n_files;
	char *node, *state_dir;
	char **plugin_path;
	size_t n_plugin_path;
	int64_t stop_timeout_ms;
	struct config_properties kafka, producer;	/* producer: what it has beside kafka's */
	struct {
		enum config_ledger_scheme scheme;
		enum config_ledger_mode mode;
		struct config_server *servers;	/* one; in the other modes those that are asked */
		size_t n_servers;
		unsigned database;
		char *master;		/* of LEDGER_SENTINEL */
		struct { char *ca_file, *cert_file, *key_file, *server_name; } tls;	/* NULL: the default */
		char *user, *password;	/* NULL: none; the password is the file's content */
		char *prefix;
		int64_t lease_ms, retention_ms, timeout_ms, filter_memory;
		unsigned replicas;	/* durability; 0: none */
	} ledger;
	struct {
		char *host;		/* NULL: "off" */
		unsigned port;
	} http;
	char *admin_socket;
	struct {
		enum log_level level;
		enum log_format format;
		unsigned rate;
	} log;
	struct config_subscription *subscriptions;
	size_t n_subscriptions;
	struct config_handler *handlers;
	size_t n_handlers;
	struct config_route *routes;
	size_t n_routes;
};

void config_free(struct config *c);		/* NULL is allowed */

#endif
