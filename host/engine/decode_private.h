/* decode_private.h - what the files of decode share; nobody else includes it.
 *
 * decode.c        id, route, lane of a record
 * decode_retry.c  a record of the retry topic: what its headers say
 *
 * Owns:    -
 * Threads: the poller.
 * Uses:    engine/decode.
 */
#ifndef ENGINE_DECODE_PRIVATE_H
#define ENGINE_DECODE_PRIVATE_H

#include "base/buf.h"
#include "engine/decode.h"

struct json_doc;

struct decoder {
	const struct config *config;
	const struct config_subscription *sub;
	uint8_t hash_key[16], lane_hash_key[16];
	struct buf scratch, value, id;
	/* Of the event at hand. */
	struct event *ev;
	struct json_doc *doc; /* parsed at the first field that needs it */
	bool parsed;
	char why[256];
	/* Topics that records of the retry topic came from, by name. */
	char **origins;
	size_t n_origins;
};

/* The first thing that is found wrong is told. */
void decode_bad(struct decoder *d, enum fate fate, const char *format, ...) __attribute__((format(printf, 3, 4)));
void decode_set_id(struct decoder *d, struct bytes id);
/* Fate bad_id, with the reason, if it is none of ours. */
void decode_retry(struct decoder *d, int64_t now_ms);
void decode_retry_free(struct decoder *d);

#endif
