/* crc32c.h - the checksum of records (CRC-32C, Castagnoli, reflected; as in iSCSI, RFC 3720).
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef CORE_LEDGER_CRC32C_H
#define CORE_LEDGER_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`; 0 to begin. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
