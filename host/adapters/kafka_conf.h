/* kafka_conf.h - librdkafka's configuration from ours.
 *
 * Owns:    nothing; the rd_kafka_conf_t is the caller's.
 * Threads: any.
 * Uses:    librdkafka.
 */
#ifndef ADAPTERS_KAFKA_CONF_H
#define ADAPTERS_KAFKA_CONF_H

#include "core/config.h"

#include <librdkafka/rdkafka.h>

struct kafka_default {
	const char *name, *value;
};

/* The defaults (ended by one without name), the configuration's `kafka`, `more` (NULL: none) on top, then what
 * the host owns.  NULL with `why`. */
rd_kafka_conf_t *kafka_conf_new(const struct config *c, const struct kafka_default *defaults,
    const struct config_properties *more, const struct kafka_default *owned, char *why, size_t size);

/* librdkafka's log lines go to ours. */
void kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);

#endif
