/* status.h - what /status, /readyz and `semel status` are made from.
 *
 * Owns:    nothing; struct status_source borrows.
 * Threads: status_*: http; the atomics: whoever is named.
 * Uses:    engine/subscription.
 */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#include "base/box.h"
#include "base/buf.h"
#include "engine/subscription.h"

struct status_handler {
	const struct config_handler *conf;
	char plugin_name[64], version[32];	/* empty until the plugin was accepted */
	char reason[512];		/* why it is not there; empty: it is.  Under the engine's setup, then main thread */
	_Atomic int busy, stuck;	/* ledger threads */
};

struct status_source {
	const struct config *config;
	struct metrics *metrics;
	struct subscription **subs;
	size_t n_subs;
	struct status_handler *handlers;
	size_t n_handlers;
	int64_t started_ms;		/* Unix time */
	/* The ledger record of one id as JSON: 1 found, 0 unknown id, -ENOENT no such subscription, -EAGAIN no ledger. */
	int (*find_event)(void *arg, const char *sub, struct bytes id, struct buf *ret_json);
	/* Put the events of this id aside: how many there are here; -ENOENT no such subscription. */
	int (*put_aside)(void *arg, const char *sub, struct bytes id, const char *why);
	/* Pause, drain or resume one subscription, or all (NULL); remembered over restarts.  0 or -ENOENT. */
	int (*hold)(void *arg, const char *sub, enum sub_hold hold);
	struct box_facts *facts;	/* restarts, the last exit */
	/* Reload: 0, or an exit status with `why`; the engine is asked to end after it was good. */
	int (*reload)(void *arg, char *why, size_t size);
	void *reload_arg;
	/* Accept that the ledger of a subscription, or of all (NULL), is lost.  0; -ENOENT: no such subscription;
	 * -EALREADY: none is lost; other -errno; `why` says more. */
	int (*accept_loss)(void *arg, const char *sub, char *why, size_t size);
	void *arg;
};

/* The state of one subscription as people see it: the worst of poller, ledger and handlers, and its reason. */
enum sub_state status_of(struct subscription *s, char *ret_reason, size_t size);
/* The state of the first subscription that does not run; running if all do. */
enum sub_state status_worst(const struct status_source *src);
/* The document of `semel status --json`. */
void status_json(const struct status_source *src, struct buf *out);
/* Its members "subscriptions" and "handlers" while no engine runs. */
void status_idle_json(const struct config *c, struct buf *out);
/* What a scrape shows of states, brought up to date. */
void status_metrics(const struct status_source *src);
/* True if every subscription runs; else one line a reason. */
bool status_ready(const struct status_source *src, struct buf *out);

#endif
