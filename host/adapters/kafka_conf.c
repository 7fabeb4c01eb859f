#include "adapters/kafka_conf.h"

#include "base/log.h"

#include <stdio.h>

void kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	enum log_level l = level <= 3   ? LOG_ERROR
			   : level <= 4 ? LOG_WARNING
			   : level <= 6 ? LOG_INFO
					: LOG_DEBUG;
	struct log_field f[] = { LOG_TEXT("client", rk == NULL ? "" : rd_kafka_name(rk)),
		LOG_TEXT("facility", facility) };

	log_write_dynamic(l, text, f, 2);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct config_place place,
    char *why, size_t size)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return true;
	if (place.file != NULL)
		snprintf(why, size, "%s:%u: kafka: %s", place.file, place.line, text);
	else
		snprintf(why, size, "kafka: %s", text);
	return false;
}

/* What only consumers know: librdkafka warns at each start if a producer gets it. */
static bool is_consumer_only(const char *name)
{
	static const char *const prefixes[] = { "session.timeout", "heartbeat.", "max.poll.", "fetch.",
		"queued.", "max.partition.fetch", "isolation.level", "auto.commit.", "check.crcs",
		"partition.assignment.", "group.", "consume.", "coordinator." };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static bool set_all(
    rd_kafka_conf_t *conf, const struct config_properties *p, bool consumer, char *why, size_t size)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!consumer && is_consumer_only(p->list[i].name))
			continue;
		if (!set(conf, p->list[i].name, p->list[i].value, p->list[i].place, why, size))
			return false;
	}
	return true;
}

rd_kafka_conf_t *kafka_conf_new(const struct config *c, const struct kafka_default *defaults,
    const struct config_properties *more, const struct kafka_default *owned, char *why, size_t size)
{
	static const struct config_place nowhere = { NULL, 0 };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool ok = true;

	rd_kafka_conf_set_log_cb(conf, kafka_log);
	for (; ok && defaults->name != NULL; defaults++)
		ok = set(conf, defaults->name, defaults->value, nowhere, why, size);
	ok = ok && set_all(conf, &c->kafka, more == NULL, why, size);
	if (more != NULL)
		ok = ok && set_all(conf, more, false, why, size);
	for (; ok && owned->name != NULL; owned++)
		ok = set(conf, owned->name, owned->value, nowhere, why, size);
	if (ok)
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}
