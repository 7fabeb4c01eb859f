/* load.h - semel-load: makes topics, produces numbered events, and counts what became of them.
 *
 * Event number i has the id PREFIX-i, the key k<i mod keys> and a payload
 * that names both.  A duplicate has the same id and payload under the key
 * d<i mod keys>, and so most often another partition; it comes up to
 * `distance` events later.  Everything follows from the seed.
 *
 * Owns:    -
 * Threads: main only.
 * Uses:    librdkafka.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load {
	const char *brokers, *topic, *prefix, *dead_topic;
	const char *transaction;	/* produce in one, of this id; committed once stdin ends; NULL: none */
	long count, keys, size, rate, partitions, crash, hang, delays;
	double duplicates, flaky, poison;	/* percent */
	uint64_t seed;
	bool json;
	int n_files;
	char **files;			/* witnesses */
};

/* With the topics --topic and --dead-topic. */
int load_broker(const struct load *l);
int load_topic(const struct load *l);
int load_ends(const struct load *l);
int load_produce(const struct load *l);
int load_verify(const struct load *l);

/* The header `debug` of event i, and the reason of the dead letter that it comes to; NULL: none. */
const char *load_debug(const struct load *l, long i, const char **ret_reason, char text[32]);
/* What is special about event i: percent of `share` by a hash of seed, i and salt. */
bool load_chance(const struct load *l, long i, unsigned salt, double share);

#endif
