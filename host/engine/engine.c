#include "engine/engine_private.h"

#include "adapters/config_file.h"
#include "adapters/keyed_hash.h"
#include "core/flow.h"
#include "engine/holds.h"
#include "generated/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* A plugin whose open failed for now is opened again after this. */
#define OPEN_AGAIN_MS 5000
/* Of the time to stop, kept for what comes after the drain. */
#define STOP_RESERVE_MS 1000

/* ---- Handlers */

/* Why subscriptions routed to handler i do not run; empty: they do. */
static void block_subscriptions(struct engine *e)
{
	const struct config *c = e->config;

	for (size_t s = 0; s < c->n_subscriptions; s++) {
		struct sub_status *st = &e->subs[s]->status;
		char reason[sizeof(st->blocked_reason)] = "";

		for (size_t r = 0; r < c->subscriptions[s].n_routes && reason[0] == '\0'; r++) {
			unsigned h = c->routes[c->subscriptions[s].routes[r]].handler;

			if (e->pools[h] == NULL)
				snprintf(reason, sizeof(reason), "handler %s: %.400s", c->handlers[h].name,
				    e->handlers[h].reason);
		}
		pthread_mutex_lock(&st->lock);
		memcpy(st->blocked_reason, reason, sizeof(reason));
		pthread_mutex_unlock(&st->lock);
		atomic_store(&e->subs[s]->blocked, reason[0] != '\0');
	}
}

size_t engine_max_running(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_subscriptions; i++)
		n += FLOW_MAX_RUNNING(&c->subscriptions[i]);
	return n;
}

static void open_handler(struct engine *e, size_t i)
{
	struct status_handler *h = &e->handlers[i];
	int r = plugin_open(e->plugins[i], h->reason, sizeof(h->reason));

	if (r == 0)
		r = pool_start(e->plugins[i], h->conf, engine_max_running(e->config), e->metrics, h, e->subs,
		    &e->pools[i]);
	if (r == 0) {
		h->reason[0] = '\0';
		return;
	}
	log_at(LOG_ERROR, "handler cannot be opened", LOG_TEXT("handler", h->conf->name),
	    LOG_TEXT("why", h->reason), LOG_TEXT("then", r == -EINVAL ? "refused for good" : "tried again"));
	if (r == -EINVAL) {
		plugin_close(e->plugins[i]);
		e->plugins[i] = NULL;
	} else {
		e->to_open = true;
	}
}

static void load_handler(struct engine *e, size_t i)
{
	struct status_handler *h = &e->handlers[i];
	struct config_problems problems = { NULL, 0, 0 };
	const struct plugin_facts *facts;
	int r = plugin_load(h->conf, e->outside->setup->lenient, e->metrics, &problems, &e->plugins[i],
	    h->reason, sizeof(h->reason));

	if (r < 0) {
		struct buf text = { NULL, 0, 0 };

		config_problems_print(&problems, &text);
		if (h->reason[0] == '\0' && text.data != NULL)
			snprintf(h->reason, sizeof(h->reason), "%s", text.data);
		log_at(LOG_ERROR, "plugin refused", LOG_TEXT("handler", h->conf->name),
		    LOG_TEXT("why", h->reason));
		buf_free(&text);
	} else {
		facts = plugin_facts(e->plugins[i]);
		snprintf(h->plugin_name, sizeof(h->plugin_name), "%s", facts->name);
		snprintf(h->version, sizeof(h->version), "%s", facts->version);
		open_handler(e, i);
	}
	config_problems_free(&problems);
}

void engine_tick(struct engine *e)
{
	web_tick(e->web);
	if (!e->to_open || mono_before(mono_now(), e->open_at))
		return;
	e->to_open = false;
	for (size_t i = 0; i < e->config->n_handlers; i++)
		if (e->plugins[i] != NULL && e->pools[i] == NULL)
			open_handler(e, i);
	e->open_at = mono_add_ms(mono_now(), OPEN_AGAIN_MS);
	block_subscriptions(e);
}

bool engine_progresses(struct engine *e)
{
	for (size_t i = 0; i < e->config->n_subscriptions; i++)
		if (atomic_load(&e->subs[i]->stuck_events) || atomic_load(&e->subs[i]->stuck_fetch))
			return false;
	return true;
}

bool engine_must_end(struct engine *e)
{
	int64_t patience_ms = 0;

	for (size_t i = 0; i < e->config->n_handlers; i++)
		if (e->config->handlers[i].timeout_ms > patience_ms)
			patience_ms = e->config->handlers[i].timeout_ms;
	return gate_is_empty(&e->gate, mono_now(), patience_ms);
}

/* ---- Start */

static int start_subscriptions(struct engine *e)
{
	for (size_t i = 0; i < e->config->n_subscriptions; i++) {
		struct ledger_io_deps deps = { .s = e->subs[i],
			.pools = e->pools,
			.plugins = e->plugins,
			.letters = e->letters,
			.gate = &e->gate };
		int r = ledger_io_start(&deps, &e->ledgers[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The listening sockets are the manager's: ours are duplicates, and end with the servers. */
static int start_web(struct engine *e, char *why, size_t size)
{
	const struct engine_links *l = e->outside->links;
	int tcp = l->http < 0 ? -1 : fcntl(l->http, F_DUPFD_CLOEXEC, 3);
	int admin = fcntl(l->admin, F_DUPFD_CLOEXEC, 3);

	return web_start(&e->status, tcp, admin, &e->web, why, size);
}

/* The part of each subscription in the black box, with what an earlier engine left in it. */
static int lay_out_box(struct engine *e, char *why, size_t size)
{
	const struct config *c = e->config;
	struct box *box = e->outside->links->box;
	struct box_spec *specs = calloc(c->n_subscriptions + 1, sizeof(*specs));
	int r;

	if (specs == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_subscriptions; i++)
		specs[i] = (struct box_spec){ c->subscriptions[i].name,
			(uint32_t)FLOW_MAX_RUNNING(&c->subscriptions[i]) };
	r = box_layout(box, specs, c->n_subscriptions);
	free(specs);
	if (r < 0)
		snprintf(why, size, "%s/box-%s: %s", c->state_dir, c->node, strerror(-r));
	for (size_t i = 0; i < c->n_subscriptions && r == 0; i++) {
		e->subs[i]->box = box;
		e->subs[i]->section = box_section(box, i);
	}
	return r;
}

/* What the manager counted. */
static void show_restarts(struct engine *e)
{
	struct box_facts *facts = box_facts(e->outside->links->box);

	for (unsigned i = 0; i < BOX_N_CAUSES; i++)
		if (box_cause_restarts((enum box_cause)i))
			series_add(metrics_series(
				       e->metrics, METRIC_ENGINE_RESTARTS, box_cause_name((enum box_cause)i)),
			    atomic_load(&facts->restarts[i]));
}

static int start_all(struct engine *e, char *why, size_t size)
{
	const struct config *c = e->config;
	const struct engine_setup *setup = e->outside->setup;
	int r = keyed_hash_setup();

	for (size_t i = 0; r == 0 && i < c->n_subscriptions; i++) {
		e->subs[i] = calloc(1, sizeof(*e->subs[i]));
		r = e->subs[i] == NULL ? -ENOMEM
				       : subscription_init(e->subs[i], c, (unsigned)i, setup->backend,
					     setup->observer, e->metrics);
	}
	if (r == 0)
		r = lay_out_box(e, why, size);
	for (size_t i = 0; r == 0 && i < c->n_handlers; i++) {
		e->handlers[i].conf = &c->handlers[i];
		load_handler(e, i);
	}
	if (r < 0)
		return r;
	show_restarts(e);
	block_subscriptions(e);
	holds_read(c, e->subs, c->n_subscriptions);
	e->open_at = mono_add_ms(mono_now(), OPEN_AGAIN_MS);
	series_set(metrics_series(e->metrics, METRIC_ENGINE_UP), 1);
	series_set(metrics_series(e->metrics, METRIC_BUILD_INFO, SEMEL_VERSION, "1.0"), 1);
	e->gate.subs = e->subs;
	e->gate.n = c->n_subscriptions;
	r = letters_start(c, setup->backend, e->subs, e->metrics, &e->letters, why, size);
	if (r == 0)
		r = start_subscriptions(e);
	if (r < 0)
		return r;
	engine_admin(e, &e->status);
	return start_web(e, why, size);
}

int engine_start(const struct config *c, const struct engine_outside *outside, struct engine **ret_engine,
    char *why, size_t size)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	snprintf(why, size,
	    "out of memory, threads or file descriptors (ulimit, LimitNOFILE, MemoryMax, TasksMax)");
	if (e == NULL)
		return -ENOMEM;
	e->config = c;
	e->outside = outside;
	e->metrics = metrics_new();
	e->subs = calloc(c->n_subscriptions + 1, sizeof(struct subscription *));
	e->handlers = calloc(c->n_handlers + 1, sizeof(*e->handlers));
	e->plugins = calloc(c->n_handlers + 1, sizeof(struct plugin *));
	e->pools = calloc(c->n_handlers + 1, sizeof(struct pool *));
	e->ledgers = calloc(c->n_subscriptions + 1, sizeof(struct ledger_io *));
	r = e->metrics == NULL || e->subs == NULL || e->handlers == NULL || e->plugins == NULL ||
		    e->pools == NULL || e->ledgers == NULL
		? -ENOMEM
		: start_all(e, why, size);
	if (r < 0) {
		engine_stop(e);
		return r;
	}
	*ret_engine = e;
	return 0;
}

/* ---- Stop */

static bool stop_ledgers(struct engine *e, struct mono until)
{
	bool all = true;

	for (size_t i = 0; i < e->config->n_subscriptions; i++)
		if (e->ledgers[i] != NULL)
			ledger_io_stop(e->ledgers[i]);
	for (size_t i = 0; i < e->config->n_subscriptions; i++)
		if (e->ledgers[i] != NULL && !ledger_io_wait(e->ledgers[i], until))
			all = false;
	return all;
}

static bool stop_pools(struct engine *e, struct mono until)
{
	bool all = true;

	for (size_t i = 0; i < e->config->n_handlers; i++)
		if (e->pools[i] != NULL && !pool_stop(e->pools[i], until))
			all = false;
	return all;
}

static void free_all(struct engine *e)
{
	for (size_t i = 0; i < e->config->n_handlers; i++) {
		pool_free(e->pools[i]);
		plugin_close(e->plugins[i]);
	}
	for (size_t i = 0; i < e->config->n_subscriptions; i++) {
		ledger_io_free(e->ledgers[i]);
		if (e->subs[i] != NULL)
			subscription_destroy(e->subs[i]);
		free(e->subs[i]);
	}
	letters_stop(e->letters, STOP_RESERVE_MS);
	metrics_free(e->metrics);
	free(e->subs);
	free(e->handlers);
	free(e->plugins);
	free(e->pools);
	free(e->ledgers);
	free(e);
}

bool engine_stop(struct engine *e)
{
	struct mono until = mono_add_ms(mono_now(), e->config->stop_timeout_ms);

	if (!stop_ledgers(e, until) || !stop_pools(e, mono_add_ms(until, STOP_RESERVE_MS))) {
		log_plain(LOG_WARNING,
		    "stop_timeout passed with handlers still running; their claims are left to the lease");
		return false;
	}
	web_stop(e->web);
	free_all(e);
	return true;
}
