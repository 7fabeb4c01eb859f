#include "cli/connect_private.h"

#include "adapters/keyed_hash.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_MS 86400000LL

/* ---- Kafka */

static void check_retention(struct checking *k, const struct config_subscription *sub, const char *topic)
{
	char value[64];
	long long ms;

	if (kafka_admin_topic_config(
		k->admin, topic, "retention.ms", CONNECT_TIMEOUT_MS, value, sizeof(value)) < 0)
		return; /* an ACL may deny it: it is for advice */
	ms = strtoll(value, NULL, 10);
	if (ms < 0 || ms > k->c->ledger.retention_ms)
		findings_add(k->f, AREA_KAFKA, false, sub,
		    "raise ledger.retention (about 14 bytes of Redis an id), or set retention.ms of the topic lower",
		    "topic %s keeps records for %s%lld s, longer than ledger.retention (%lld s): a record that is replayed from "
		    "there after its id is forgotten is handled again",
		    topic, ms < 0 ? "ever: " : "", ms / 1000, (long long)k->c->ledger.retention_ms / 1000);
}

/* Topics of our own: records are not to go before they were looked at, and those of one key are different events. */
static void check_own_topic(struct checking *k, const struct config_subscription *sub, const char *topic,
    const char *what, int64_t least_ms)
{
	char value[64];
	long long ms;

	if (kafka_admin_topic_config(
		k->admin, topic, "cleanup.policy", CONNECT_TIMEOUT_MS, value, sizeof(value)) == 0 &&
	    strstr(value, "compact") != NULL)
		findings_add(k->f, AREA_KAFKA, true, sub, "set cleanup.policy=delete",
		    "the %s %s is compacted: of the events of one key only the last would be kept", what,
		    topic);
	if (kafka_admin_topic_config(
		k->admin, topic, "retention.ms", CONNECT_TIMEOUT_MS, value, sizeof(value)) < 0)
		return;
	ms = strtoll(value, NULL, 10);
	if (ms >= 0 && ms < least_ms)
		findings_add(k->f, AREA_KAFKA, false, sub, "raise its retention.ms",
		    "the %s %s keeps records for %lld s only: what waits there longer is lost", what, topic,
		    ms / 1000);
}

static void check_topics(struct checking *k, const struct config_subscription *sub)
{
	for (size_t i = 0; i < sub->n_topics; i++) {
		int n;

		if (sub->topics[i][0] == '^')
			continue;
		n = kafka_admin_topic_exists(k->admin, sub->topics[i], CONNECT_TIMEOUT_MS);
		if (n == 0)
			findings_add(k->f, AREA_KAFKA, true, sub, "make it, or correct topics",
			    "topic %s does not exist", sub->topics[i]);
		else if (n > 0)
			check_retention(k, sub, sub->topics[i]);
	}
	if (kafka_admin_topic_exists(k->admin, sub->dead_letter.topic, CONNECT_TIMEOUT_MS) == 0)
		findings_add(k->f, AREA_KAFKA, false, sub, "make it, with long retention",
		    "the dead-letter topic %s does not exist: an event that needs it waits",
		    sub->dead_letter.topic);
	else
		check_own_topic(k, sub, sub->dead_letter.topic, "dead-letter topic", 7 * DAY_MS);
	if (kafka_admin_topic_exists(k->admin, sub->retry.topic, CONNECT_TIMEOUT_MS) > 0)
		check_own_topic(k, sub, sub->retry.topic, "retry topic", 2 * DAY_MS);
	else if (sub->retry.mode == RETRY_TOPIC)
		findings_add(k->f, AREA_KAFKA, true, sub, "make it, or set retry.mode = \"hold\"",
		    "the retry topic %s does not exist: an event that needs it waits", sub->retry.topic);
}

void connect_check(const struct config *c, struct findings *f)
{
	struct checking k = { .c = c, .f = f };
	char why[512] = "";

	if (keyed_hash_setup() < 0 || c->n_subscriptions == 0)
		return;
	k.topics_ask = kafka_admin_new(c, &k.admin, why, sizeof(why)) == 0;
	if (k.topics_ask &&
	    kafka_admin_cluster(k.admin, CONNECT_TIMEOUT_MS, k.cluster, sizeof(k.cluster)) < 0) {
		k.topics_ask = false;
		snprintf(why, sizeof(why), "no broker of kafka.bootstrap_servers answers");
	}
	if (!k.topics_ask)
		findings_add(f, AREA_KAFKA, true, &c->subscriptions[0],
		    "kafka.bootstrap_servers, the network, security_protocol and its secrets", "Kafka: %s",
		    why);
	for (size_t i = 0; i < c->n_subscriptions; i++) {
		if (k.topics_ask)
			check_topics(&k, &c->subscriptions[i]);
		connect_ledger(&k, &c->subscriptions[i]);
	}
	kafka_admin_free(k.admin);
}
