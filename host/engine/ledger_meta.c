#include "engine/ledger_meta.h"

#include "adapters/keyed_hash.h"
#include "base/buf.h"

#include <stdio.h>

uint64_t ledger_id_rule(const struct config_subscription *conf)
{
	static const uint8_t key[16]; /* public on purpose: all hosts must agree */
	struct buf text = { NULL, 0, 0 };
	uint64_t rule;

	buf_printf(&text, "%d %d", conf->id_cloudevents, conf->missing_id);
	for (size_t i = 0; i < conf->n_id; i++)
		buf_printf(
		    &text, " %d:%s", conf->id[i].kind, conf->id[i].name == NULL ? "" : conf->id[i].name);
	rule = keyed_hash_64(key, (struct bytes){ text.data, text.len });
	buf_free(&text);
	return rule;
}

void ledger_fresh_meta(const struct config *c, const struct config_subscription *conf, const char *cluster,
    struct ledger_meta *meta)
{
	*meta = (struct ledger_meta){ .format = LEDGER_FORMAT,
		.rules = LEDGER_RULES,
		.generation = 1,
		.oldest = 1,
		.id_rule = ledger_id_rule(conf),
		.retention_ms = (uint64_t)c->ledger.retention_ms };
	random_bytes(meta->identity, sizeof(meta->identity));
	random_bytes(meta->hash_key, sizeof(meta->hash_key));
	random_bytes(meta->version.b, sizeof(meta->version.b));
	snprintf(meta->cluster, sizeof(meta->cluster), "%s", cluster);
	snprintf(meta->group, sizeof(meta->group), "%s", conf->group);
}

bool ledger_meta_fits(const struct config *c, const struct config_subscription *conf, const char *cluster,
    const struct ledger_meta *meta, char *why, size_t size)
{
	const char *prefix = c->ledger.prefix;

	if (meta->format != LEDGER_FORMAT || meta->rules > LEDGER_RULES)
		snprintf(why, size,
		    "ledger %s:{%s} has format %u with rules %u, this version knows %d and %d: upgrade this host",
		    prefix, conf->name, meta->format, meta->rules, LEDGER_FORMAT, LEDGER_RULES);
	else if (strcmp(meta->cluster, cluster) != 0)
		snprintf(why, size,
		    "ledger %s:{%s} belongs to Kafka cluster %s, this host consumes %s: set another ledger.prefix, or, if "
		    "the cluster is a new one with the same events: semel ledger accept-config %s",
		    prefix, conf->name, meta->cluster, cluster, conf->name);
	else if (strcmp(meta->group, conf->group) != 0)
		snprintf(why, size,
		    "ledger %s:{%s} belongs to group %s, this host is in %s: set another ledger.prefix or group, or, if that "
		    "is meant: semel ledger accept-config %s",
		    prefix, conf->name, meta->group, conf->group, conf->name);
	else if (meta->id_rule != ledger_id_rule(conf))
		snprintf(why, size,
		    "ledger %s:{%s} was made with other settings of id or missing_id: restore them, set another "
		    "ledger.prefix, or, if that is meant: semel ledger accept-config %s",
		    prefix, conf->name, conf->name);
	else
		return true;
	return false;
}
