/* ledger_meta.h - what a ledger's metadata has to say for a subscription as configured.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    core/ledger/store (types), adapters/keyed_hash.
 */
#ifndef ENGINE_LEDGER_META_H
#define ENGINE_LEDGER_META_H

#include "core/config.h"
#include "core/ledger/store.h"

/* What defines an id: two hosts that differ in it would settle each other's events. */
uint64_t ledger_id_rule(const struct config_subscription *conf);
/* A new ledger's, with random identity, key and version. */
void ledger_fresh_meta(const struct config *c, const struct config_subscription *conf, const char *cluster,
    struct ledger_meta *ret_meta);
/* A ledger of another Kafka cluster, group or id rule, or of a newer format: false, and why with the remedy. */
bool ledger_meta_fits(const struct config *c, const struct config_subscription *conf, const char *cluster,
    const struct ledger_meta *meta, char *why, size_t size);

#endif
