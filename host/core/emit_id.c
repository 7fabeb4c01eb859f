#include "core/emit_id.h"

#include <assert.h>
#include <stdio.h>

#define NAME_MAX_ 63
#define ID_MAX 1024

struct text {
	uint8_t data[4 * sizeof(uint32_t) + 2 * NAME_MAX_ + ID_MAX];
	size_t len;
};

static void put_number(struct text *t, uint32_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		t->data[t->len++] = (uint8_t)(n >> shift);
}

static void put_bytes(struct text *t, struct bytes b, size_t max)
{
	assert(b.len <= max);
	put_number(t, (uint32_t)b.len);
	if (b.len > 0)
		memcpy(t->data + t->len, b.data, b.len);
	t->len += b.len;
}

void emit_id(emit_hash_fn hash, const char *subscription, struct bytes id, const char *handler, uint32_t i,
    char ret_id[33])
{
	static const uint8_t key[17] = "semel emitted id";
	struct text text;
	uint8_t out[16];

	text.len = 0;
	put_bytes(&text, bytes_of_text(subscription), NAME_MAX_);
	put_bytes(&text, id, ID_MAX);
	put_bytes(&text, bytes_of_text(handler), NAME_MAX_);
	put_number(&text, i);
	hash(key, (struct bytes){ text.data, text.len }, out);
	for (unsigned k = 0; k < sizeof(out); k++)
		snprintf(ret_id + 2 * (size_t)k, 3, "%02x", out[k]);
}
