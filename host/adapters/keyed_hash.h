/* keyed_hash.h - SipHash-2-4 with 64 and 128 bits.
 *
 * Keyed, because ids and keys may be chosen by somebody who wants them to collide.
 *
 * Owns:    nothing.
 * Threads: any, after keyed_hash_setup.
 * Uses:    libsodium.
 */
#ifndef ADAPTERS_KEYED_HASH_H
#define ADAPTERS_KEYED_HASH_H

#include "base/bytes.h"

int keyed_hash_setup(void);		/* once, before threads; 0 or -errno */
void keyed_hash_128(const uint8_t key[16], struct bytes data, uint8_t ret_hash[16]);
uint64_t keyed_hash_64(const uint8_t key[16], struct bytes data);
void random_bytes(void *data, size_t len);

#endif
