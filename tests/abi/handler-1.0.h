/* <semel/handler.h> - the contract between a handler plugin and its host.
 *
 * What:    a plugin exports one constant, semel_handler, made by
 *          SEMEL_HANDLER(); the host calls its functions and lends it a table
 *          of services.  Nothing else is linked between the two.
 * Threads: "setup": open and close, while no other call runs; "worker": one of
 *          the handler's pool, many at a time; "any": the plugin's own, too.
 * Owns:    arguments are borrowed for the call, the host copies what it is
 *          given; exceptions stand at their place.
 * Rules:   no exception, longjmp or pthread_exit leaves a plugin function; no
 *          exit(); signals, cwd, umask and locale stay as they are.  A plugin
 *          is never unloaded while its process lives.
 * Grows:   structures marked (grows) get new members at the end, in a new
 *          minor version; the host reads what an older plugin lacks as zero.
 * Uses:    C11 or C++17, GNU attributes, libc.
 */
#ifndef SEMEL_HANDLER_H
#define SEMEL_HANDLER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>		/* vsnprintf, for semel_end */

#define SEMEL_MAGIC	0x4c4d4553u	/* "SEML" in the file */
#define SEMEL_ABI_MAJOR	1
#ifndef SEMEL_ABI_MINOR			/* define a lower one for older hosts */
#define SEMEL_ABI_MINOR	0
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Any bytes, no NUL behind them.  data NULL: absent (null key, tombstone, no
 * such header).  data set, len 0: there and empty.  Never grows. */
struct semel_bytes	{ const void *data; size_t len; };
struct semel_header	{ const char *name; struct semel_bytes value; };
struct semel_settings;			/* the group handlers.NAME.settings */
struct semel_metric;

/* What became of an event.  Any other value is taken as SEMEL_RETRY and counted
 * as a fault of the plugin. */
enum semel_outcome {
	SEMEL_OK = 0,			/* handled; recorded, never run again */
	SEMEL_RETRY = 1,		/* failed for now; costs one attempt */
	SEMEL_REJECT = 2,		/* cannot succeed: dead letter, no retry */
	SEMEL_SKIP = 3,			/* nothing to do; recorded, counted apart */
	SEMEL_ASYNC = 4,		/* complete() will tell; not in a batch */
	SEMEL_CANCELLED = 5		/* gave up as cancelled() said; an attempt
					 * only after its timeout */
};

/* One event.  Valid until handle returns, after SEMEL_ASYNC until complete()
 * or close.  Only the host makes them.  (grows) */
struct semel_event {
	const struct semel_host	*host;
	uint64_t		token;		/* of this run, for complete() */
	struct semel_bytes	id;		/* 1 to 1024 bytes */
	struct semel_bytes	key, payload;	/* as in Kafka, maybe absent */
	const char		*subscription, *route, *topic;
	int64_t			offset;
	int64_t			timestamp_ms;	/* Unix time, -1: unknown */
	uint64_t		fence;		/* later claims have higher ones */
	int32_t			partition;
	uint32_t		attempt;	/* 1 + failures, crashes, takeovers */
	bool			redelivered;	/* perhaps run before, with no record
						 * of it: look, then act */
};

/* A record to publish.  Start from { 0 }, set size.  (grows) */
struct semel_record {
	uint32_t		size;		/* sizeof(struct semel_record) */
	uint32_t		n_headers;
	const char		*topic;		/* one of handlers.NAME.emits */
	struct semel_bytes	key, payload;
	const struct semel_header *headers;
};

/* A setting that the plugin knows, for `semel check`, the manual and open; any
 * other key is an error with file and line.  Never grows. */
enum semel_type {
	SEMEL_TEXT = 1, SEMEL_INTEGER = 2, SEMEL_BOOLEAN = 3, SEMEL_LIST = 4, SEMEL_MAP = 5,
	SEMEL_DURATION = 6, SEMEL_SIZE = 7,	/* number(): milliseconds, bytes */
	SEMEL_SECRET = 8		/* NAME_file; text(): the file's content */
};
struct semel_setting {
	const char		*name;		/* "url", "pool/size"; NULL: end */
	enum semel_type		type;
	const char		*fallback;	/* as written; NULL: must be given */
	const char		*help;
};

enum semel_level { SEMEL_DEBUG = 0, SEMEL_INFO = 1, SEMEL_WARNING = 2, SEMEL_ERROR = 3 };
enum semel_metric_type { SEMEL_COUNTER = 0, SEMEL_GAUGE = 1, SEMEL_HISTOGRAM = 2 };

/* What the host does for a plugin; valid from open until close returns.  Members
 * of a later minor: only if abi_minor covers them.  (grows) */
struct semel_host {
	uint32_t		size, abi_minor;	/* the host's */
	const char		*handler;		/* name in the configuration */
	uint32_t		workers, batch;		/* as configured */

	/* Settings, for open only; keep copies.  text: NULL if absent.  number: of
	 * any type that is one.  at: the i-th text of a list or map, false past the
	 * end.  fault: prints `file:line: error: why`, then open returns -EINVAL.
	 * Threads: setup. */
	const char *(*text)(const struct semel_settings *, const char *name);
	int64_t (*number)(const struct semel_settings *, const char *name);
	bool (*at)(const struct semel_settings *, const char *name, size_t i,
	    const char **ret_name, const char **ret_text);
	void (*fault)(const struct semel_settings *, const char *name, const char *why);

	/* Log text (UTF-8, escaped, capped) with n fields, and the event's own
	 * if e is not NULL.  Never blocks.  Threads: any. */
	void (*log)(const struct semel_host *, const struct semel_event *e,
	    enum semel_level, const char *text, const struct semel_header *fields, size_t n);

	/* The metric semel_plugin_PLUGIN_NAME{handler}, made if new; NULL if it is
	 * there with another type or help, or if NAME or the plugin's own name is
	 * not [a-z_-][a-z0-9_-]*.  Threads: setup.  record adds to a
	 * counter, sets a gauge, observes; NULL is allowed.  Threads: any. */
	struct semel_metric *(*metric)(const struct semel_host *,
	    enum semel_metric_type, const char *name, const char *help);
	void (*record)(struct semel_metric *, double value);

	/* The last header of that name; the i-th of all, false past the end.
	 * Valid as long as e.  Threads: one at a time for one event. */
	struct semel_bytes (*header)(const struct semel_event *e, const char *name);
	bool (*header_at)(const struct semel_event *e, size_t i, struct semel_header *ret_header);

	/* cancelled: give up: timeout, lost lease, or a drain (revoke, reload, stop)
	 * that ran past its time; until then an outcome is still wanted and settled.
	 * A load from memory.  lease_ms: how long the claim holds
	 * for certain; begin no effect at <= 0.  Threads: any. */
	bool (*cancelled)(const struct semel_event *e);
	int64_t (*lease_ms)(const struct semel_event *e);

	/* Why e will end as it does, for log, status and dead letter; with
	 * SEMEL_RETRY at least retry_ms later, -1: the configured back-off.  The
	 * last call counts.  Threads: the one in handle. */
	void (*explain)(const struct semel_event *e, int64_t retry_ms, const char *why);

	/* Publish r if e ends in SEMEL_OK, else forget it; e is recorded after the
	 * broker's ack.  The n-th record of an event has the same derived id in each
	 * run.  0, -EINVAL, -EACCES (topic not in emits), -EMSGSIZE, -ENOBUFS
	 * (return SEMEL_RETRY).  Threads: one at a time for one event. */
	int (*emit)(const struct semel_event *e, const struct semel_record *r);

	/* End a SEMEL_ASYNC run, a cancelled one too, even before handle returned;
	 * the event is invalid from then on.  why may be NULL.  0, or -ESTALE: ended
	 * before, no harm done.  Threads: any. */
	int (*complete)(const struct semel_host *, uint64_t token,
	    enum semel_outcome, int64_t retry_ms, const char *why);
};

/* What a plugin is.  All up to version is plain bytes, which the host reads in
 * the file before it loads it.  A function may be NULL.  (grows) */
struct semel_handler {
	uint32_t		magic, size;
	uint16_t		abi_major, abi_minor;
	uint32_t		flags;			/* 0 */
	char			name[64], version[32];	/* the plugin's */
	const struct semel_setting *settings;		/* or NULL: takes none */

	/* Make what all workers share.  0; -EINVAL: wrong settings, refused;
	 * other -errno: not now, the host calls again later.  Threads: setup. */
	int (*open)(const struct semel_host *, const struct semel_settings *, void **ret_self);
	/* Make what one worker needs for itself, on its thread; 0 or -errno as
	 * above.  Without it `worker` is NULL. */
	int (*worker_open)(void *self, unsigned index, void **ret_worker);
	/* One event to an outcome.  Threads: worker. */
	int (*handle)(void *self, void *worker, const struct semel_event *e);
	/* Or up to `batch` events of different keys; outcomes come preset to
	 * SEMEL_RETRY.  One of the two must be there.  Threads: worker. */
	void (*handle_batch)(void *self, void *worker,
	    const struct semel_event *const *e, int *outcomes, size_t n);
	/* No more events for now (idle, drain, stop): complete soon what is held
	 * under SEMEL_ASYNC, without waiting here.  Threads: any. */
	void (*flush)(void *self);
	void (*worker_close)(void *worker);	/* on its thread */
	void (*close)(void *self);		/* after all runs; join own threads; setup */
};

extern __attribute__((visibility("default"))) const struct semel_handler semel_handler;

#ifdef __cplusplus
#define SEMEL_QUIET	_Pragma("GCC diagnostic ignored \"-Wc++20-extensions\"")
#else
#define SEMEL_QUIET
#endif
/* SEMEL_HANDLER("charge", "1.4.2", .open = ..., .handle = ...);  members in the
 * order above, values constant. */
#define SEMEL_HANDLER(name_, version_, ...)					\
	_Pragma("GCC diagnostic push") SEMEL_QUIET				\
	_Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")	\
	const struct semel_handler semel_handler = {				\
		.magic = SEMEL_MAGIC, .size = sizeof(struct semel_handler),	\
		.abi_major = SEMEL_ABI_MAJOR, .abi_minor = SEMEL_ABI_MINOR,	\
		.flags = 0, .name = name_, .version = version_, __VA_ARGS__ };	\
	_Pragma("GCC diagnostic pop")						\
	extern const struct semel_handler semel_handler

/* return semel_end(e, SEMEL_RETRY, 30000, "status %d", 503); */
__attribute__((format(printf, 4, 5)))
static inline int semel_end(const struct semel_event *e, int outcome, int64_t retry_ms,
    const char *format, ...)
{
	char why[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	e->host->explain(e, retry_ms, why);
	return outcome;
}

#ifdef __cplusplus
}
#endif
#endif	/* SEMEL_HANDLER_H */
