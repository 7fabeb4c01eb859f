#include "cli/connect.h"

#include "adapters/kafka.h"
#include "adapters/keyed_hash.h"
#include "adapters/redis_store.h"
#include "engine/ledger_meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 10000
/* Bytes of Redis a remembered id, and of an id's share of the current list. */
#define BYTES_AN_ID 14

struct checking {
	const struct config *c;
	struct config_problems *problems;
	struct kafka_admin *admin;
	char cluster[64];
	bool topics_ask;
};

static void add(struct checking *k, const struct config_subscription *sub, bool error, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

static void add(
    struct checking *k, const struct config_subscription *sub, bool error, const char *format, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	config_problem_add(
	    k->problems, error, sub->place.file, sub->place.line, "subscription %s: %s", sub->name, text);
}

/* ---- Kafka */

static void check_retention(struct checking *k, const struct config_subscription *sub, const char *topic)
{
	char value[64];
	long long ms;

	if (kafka_admin_topic_config(k->admin, topic, "retention.ms", TIMEOUT_MS, value, sizeof(value)) < 0)
		return; /* an ACL may deny it: it is for advice */
	ms = strtoll(value, NULL, 10);
	if (ms < 0 || ms > k->c->ledger.retention_ms)
		add(k, sub, false,
		    "topic %s keeps records for %s%lld s, longer than ledger.retention (%lld s): a record that is replayed from "
		    "there after its id is forgotten is handled again",
		    topic, ms < 0 ? "ever: " : "", ms / 1000, (long long)k->c->ledger.retention_ms / 1000);
}

static void check_topics(struct checking *k, const struct config_subscription *sub)
{
	for (size_t i = 0; i < sub->n_topics; i++) {
		int n;

		if (sub->topics[i][0] == '^')
			continue;
		n = kafka_admin_topic_exists(k->admin, sub->topics[i], TIMEOUT_MS);
		if (n == 0)
			add(k, sub, true, "topic %s does not exist", sub->topics[i]);
		else if (n > 0)
			check_retention(k, sub, sub->topics[i]);
	}
	if (kafka_admin_topic_exists(k->admin, sub->dead_letter.topic, TIMEOUT_MS) == 0)
		add(k, sub, false, "the dead-letter topic %s does not exist: an event that needs it waits",
		    sub->dead_letter.topic);
}

/* ---- Redis */

static void check_server(
    struct checking *k, const struct config_subscription *sub, const struct store_stats *stats)
{
	if (!stats->append_only && stats->replicas == 0)
		add(k, sub, false,
		    "Redis has neither an append-only file nor a replica: a restart loses the ledger (appendonly yes)");
	if (k->c->ledger.mode != LEDGER_SINGLE && stats->replicas == 0)
		add(k, sub, false, "the ledger's master has no replica to fail over to");
	if (k->c->ledger.replicas > stats->replicas)
		add(k, sub, true, "ledger.durability asks for %u replicas, the server has %u",
		    k->c->ledger.replicas, stats->replicas);
	if (stats->memory_limit == 0)
		add(k, sub, false, "Redis has no maxmemory: it grows until the machine has none left");
	else if (stats->memory > stats->memory_limit / 10 * 9)
		add(k, sub, false, "Redis uses %llu of %llu bytes: a full one takes no claims",
		    (unsigned long long)stats->memory, (unsigned long long)stats->memory_limit);
}

/* What it will need at the rate of the last generations. */
static void check_memory(struct checking *k, const struct config_subscription *sub,
    const struct ledger_meta *meta, const struct store_stats *stats)
{
	uint64_t ids = 0, from = UINT64_MAX, to = 0, span;
	double need;

	for (size_t i = 0; i < meta->n_segments; i++) {
		ids += meta->segments[i].n;
		from = meta->segments[i].t_min < from ? meta->segments[i].t_min : from;
		to = meta->segments[i].t_max > to ? meta->segments[i].t_max : to;
	}
	span = ids == 0 || to <= from ? 0 : to - from;
	if (span < 60 || stats->memory_limit == 0)
		return;
	need = (double)ids / (double)span * (double)meta->retention_ms / 1000 * BYTES_AN_ID;
	if (need > (double)stats->memory_limit)
		add(k, sub, false, "at the rate so far its ids need about %.0f MB, maxmemory is %llu MB",
		    need / 1e6, (unsigned long long)stats->memory_limit / 1000000);
}

static void check_empty(struct checking *k, const struct config_subscription *sub)
{
	char why[256];
	int used = kafka_admin_group_used(k->admin, sub->group, TIMEOUT_MS, why, sizeof(why));

	if (used > 0)
		add(k, sub, false,
		    "group %s has committed offsets and there is no ledger: the start waits for semel ledger accept-loss %s",
		    sub->group, sub->name);
}

static void check_ledger(struct checking *k, const struct config_subscription *sub)
{
	struct store *s = redis_store_new(k->c, sub->name);
	struct ledger_meta meta;
	struct store_stats stats;
	char why[400];
	int r;

	if (s == NULL)
		return;
	r = s->ops->meta_read(s, &meta);
	if (r < 0 && r != -ENOENT) {
		add(k, sub, true, "ledger: %s", s->text);
		s->ops->free(s);
		return;
	}
	if (r == -ENOENT && k->topics_ask)
		check_empty(k, sub);
	else if (r == 0 && k->cluster[0] != '\0' &&
		 !ledger_meta_fits(k->c, sub, k->cluster, &meta, why, sizeof(why)))
		add(k, sub, true, "%s", why);
	if (s->ops->stats(s, r == 0 ? meta.generation : 1, &stats) == 0) {
		check_server(k, sub, &stats);
		if (r == 0)
			check_memory(k, sub, &meta, &stats);
	}
	s->ops->free(s);
}

void connect_check(const struct config *c, struct config_problems *problems)
{
	struct checking k = { .c = c, .problems = problems };
	char why[512] = "";

	if (keyed_hash_setup() < 0 || c->n_subscriptions == 0)
		return;
	k.topics_ask = kafka_admin_new(c, &k.admin, why, sizeof(why)) == 0;
	if (k.topics_ask && kafka_admin_cluster(k.admin, TIMEOUT_MS, k.cluster, sizeof(k.cluster)) < 0) {
		k.topics_ask = false;
		snprintf(why, sizeof(why), "no broker of kafka.bootstrap_servers answers");
	}
	if (!k.topics_ask)
		add(&k, &c->subscriptions[0], true, "Kafka: %s", why);
	for (size_t i = 0; i < c->n_subscriptions; i++) {
		if (k.topics_ask)
			check_topics(&k, &c->subscriptions[i]);
		check_ledger(&k, &c->subscriptions[i]);
	}
	kafka_admin_free(k.admin);
	config_problems_sort(problems);
}
