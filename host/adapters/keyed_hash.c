#include "adapters/keyed_hash.h"

#include <errno.h>
#include <sodium.h>

int keyed_hash_setup(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void keyed_hash_128(const uint8_t key[16], struct bytes data, uint8_t ret_hash[16])
{
	crypto_shorthash_siphashx24(ret_hash, data.data, data.len, key);
}

uint64_t keyed_hash_64(const uint8_t key[16], struct bytes data)
{
	uint8_t out[8];
	uint64_t value;

	crypto_shorthash_siphash24(out, data.data, data.len, key);
	memcpy(&value, out, sizeof(value));
	return value;
}

void random_bytes(void *data, size_t len)
{
	randombytes_buf(data, len);
}
