/* decode.h - from a record to an event: id, key, route, hashes.
 *
 * Headers and JSON are parsed only if the id or a route of the subscription
 * asks for them, JSON once an event.
 *
 * Owns:    scratch memory.
 * Threads: one at a time for one decoder.
 * Uses:    core/route, core/event_id, adapters/json, adapters/keyed_hash.
 */
#ifndef ENGINE_DECODE_H
#define ENGINE_DECODE_H

#include "core/config.h"
#include "core/event.h"

struct decoder;

/* `hash_key` of ids and payload checks (the ledger's), `lane_hash_key` of lanes (any, constant for the process). */
struct decoder *decoder_new(const struct config *c, const struct config_subscription *sub,
    const uint8_t hash_key[16], const uint8_t lane_hash_key[16]);
void decoder_free(struct decoder *d);		/* NULL is allowed */

/* ev->msg is filled: fills id, id_hash, check, lane_key, fate, route, handler.  now_ms: Unix time, for max_age.
 * Never fails: what is wrong with a record becomes its fate.  run.why says what, for the dead letter. */
void decode_event(struct decoder *d, struct event *ev, int64_t now_ms);

/* What decode_event leaves in ev beside msg. */
void event_clear(struct event *ev);		/* frees message, id and reason; ev itself stays */

/* The ledger id of a retry or replay: of (0, 0) it is that of the event itself. */
void decode_chain_id(const uint8_t key[16], const uint8_t id_hash[16], uint32_t replays, uint32_t retries, uint8_t ret[16]);

#endif
