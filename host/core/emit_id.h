/* emit_id.h - the derived id of a record that a handler emits.
 *
 * 32 hex digits of SipHash-2-4-128 under the public key "semel emitted id"
 * over subscription, event id and handler, each as length (4 bytes, big
 * endian) and bytes, and the record's number (4 bytes, big endian).  So every
 * run of an event emits the same ids, whatever ledger there was.  The hash
 * comes in as an argument: the host has libsodium's, the test kit, which shall
 * need no library, its own.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    base/bytes.
 */
#ifndef CORE_EMIT_ID_H
#define CORE_EMIT_ID_H

#include "base/bytes.h"

typedef void (*emit_hash_fn)(const uint8_t key[16], struct bytes data, uint8_t ret_hash[16]);

/* Of record number i of the event `id`.  subscription, handler: names of at most 63 bytes; id: at most 1024. */
void emit_id(emit_hash_fn hash, const char *subscription, struct bytes id, const char *handler, uint32_t i,
    char ret_id[33]);

#endif
