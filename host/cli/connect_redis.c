#include "cli/connect_private.h"

#include "adapters/redis_store.h"
#include "engine/ledger_meta.h"

#include <errno.h>

/* Bytes of Redis a remembered id, and of an id's share of the current list. */
#define BYTES_AN_ID 14

static void check_server(struct checking *k, const struct store_stats *stats)
{
	if (!stats->append_only && stats->replicas == 0)
		findings_add(k->f, AREA_REDIS, false, NULL,
		    "appendonly yes in redis.conf, and CONFIG SET appendonly yes at once",
		    "Redis has neither an append-only file nor a replica: a restart loses the ledger");
	if (k->c->ledger.mode != LEDGER_SINGLE && stats->replicas == 0)
		findings_add(k->f, AREA_REDIS, false, NULL, "start one, with min-replicas-to-write 1",
		    "the ledger's master has no replica to fail over to");
	if (k->c->ledger.replicas > stats->replicas)
		findings_add(k->f, AREA_REDIS, true, NULL, "start replicas, or lower ledger.durability",
		    "ledger.durability asks for %u replicas, the server has %u", k->c->ledger.replicas,
		    stats->replicas);
	if (stats->memory_limit == 0)
		findings_add(k->f, AREA_REDIS, false, NULL,
		    "maxmemory in redis.conf: rate x retention x 14 bytes, and room",
		    "Redis has no maxmemory: it grows until the machine has none left");
	else if (stats->memory > stats->memory_limit / 10 * 9)
		findings_add(k->f, AREA_REDIS, false, NULL, "raise maxmemory, or lower ledger.retention",
		    "Redis uses %llu of %llu bytes: a full one takes no claims",
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
		findings_add(k->f, AREA_REDIS, false, sub, "raise maxmemory, or lower ledger.retention",
		    "at the rate so far its ids need about %.0f MB, maxmemory is %llu MB", need / 1e6,
		    (unsigned long long)stats->memory_limit / 1000000);
}

static void check_empty(struct checking *k, const struct config_subscription *sub)
{
	char why[256];
	int used = kafka_group_used(k->c, sub->group, CONNECT_TIMEOUT_MS, why, sizeof(why));

	if (used > 0)
		findings_add(k->f, AREA_REDIS, false, sub,
		    "restore Redis; or, if there never was a ledger, start semeld and type semel ledger accept-loss",
		    "group %s has committed offsets and there is no ledger: the start waits for a decision",
		    sub->group);
}

static bool says(struct bytes info, const char *name, const char *value)
{
	return bytes_equal(redis_info(info, name), bytes_of_text(value));
}

static void check_health(struct checking *k, struct bytes info)
{
	if (says(info, "aof_enabled", "1") && !says(info, "aof_last_write_status", "ok"))
		findings_add(k->f, AREA_REDIS, true, NULL,
		    "look for a full or broken disk in the log of Redis",
		    "Redis could not write its append-only file");
	if (!says(info, "rdb_last_bgsave_status", "ok"))
		findings_add(k->f, AREA_REDIS, true, NULL,
		    "look in the log of Redis: memory to fork (vm.overcommit_memory=1), disk",
		    "the last snapshot of Redis failed: it may refuse writes (stop-writes-on-bgsave-error)");
	if (redis_info(info, "evicted_keys").len > 0 && !says(info, "evicted_keys", "0"))
		findings_add(k->f, AREA_REDIS, true, NULL,
		    "maxmemory-policy noeviction; then semel ledger status, semel ledger accept-loss if it is damaged",
		    "Redis has evicted keys since it was started: a ledger on it may have forgotten ids");
}

/* Also one that could hold no ledger: then there is more to be told than why it is refused. */
static void look_at_server(struct checking *k, const struct config_subscription *sub)
{
	struct store *s = redis_store_new(k->c, sub->name);
	struct store_stats stats = { .replicas = 0 };
	struct buf info = { NULL, 0, 0 };

	if (s != NULL && redis_store_info(s, &info) == 0) {
		struct bytes text = { info.data, info.len };

		redis_stats_parse(text, &stats);
		check_server(k, &stats);
		check_health(k, text);
	}
	if (s != NULL)
		s->ops->free(s);
	buf_free(&info);
}

void connect_ledger(struct checking *k, const struct config_subscription *sub)
{
	struct store *s = redis_store_new(k->c, sub->name);
	struct ledger_meta meta;
	struct store_stats stats;
	char why[400];
	int r;

	if (s == NULL)
		return;
	look_at_server(k, sub);
	r = s->ops->meta_read(s, &meta);
	if (r < 0 && r != -ENOENT) {
		findings_add(k->f, AREA_REDIS, true, NULL,
		    "see the message; how Redis is run is in docs/ledger.md", "ledger: %s", s->text);
		s->ops->free(s);
		return;
	}
	if (r == -ENOENT && k->topics_ask)
		check_empty(k, sub);
	else if (r == 0 && k->cluster[0] != '\0' &&
		 !ledger_meta_fits(k->c, sub, k->cluster, &meta, why, sizeof(why)))
		findings_add(k->f, AREA_REDIS, true, sub, "see the message", "%s", why);
	if (r == 0 && s->ops->stats(s, meta.generation, &stats) == 0)
		check_memory(k, sub, &meta, &stats);
	s->ops->free(s);
}
