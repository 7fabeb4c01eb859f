/* SipHash-2-4 with 128 bits, after the reference implementation (CC0) of Jean-Philippe Aumasson and Daniel J. Bernstein.
 * The host takes libsodium's; the kit shall need no library, and a unit test holds the two together. */
#include "kit_private.h"

struct sip {
	uint64_t v[4];
};

static uint64_t rotl(uint64_t x, unsigned b)
{
	return x << b | x >> (64 - b);
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

static void rounds(struct sip *s, unsigned n)
{
	uint64_t *v = s->v;

	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void absorb(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	rounds(s, 2);
	s->v[0] ^= word;
}

static void squeeze(struct sip *s, uint8_t *out)
{
	uint64_t x;

	rounds(s, 4);
	x = s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(x >> (8 * i));
}

void semel_kit_siphash128(const uint8_t key[16], struct bytes data, uint8_t ret_hash[16])
{
	uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
	const uint8_t *p = data.data;
	size_t left = data.len;
	struct sip s = { { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261,
	    k1 ^ 0x7465646279746573 } };

	for (; left >= 8; left -= 8, p += 8)
		absorb(&s, little_endian(p, 8));
	absorb(&s, (uint64_t)data.len << 56 | little_endian(p, left));
	s.v[2] ^= 0xee;
	squeeze(&s, ret_hash);
	s.v[1] ^= 0xdd;
	squeeze(&s, ret_hash + 8);
}
