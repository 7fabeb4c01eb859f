#include "core/event_id.h"

void event_id_join(struct buf *out, struct bytes part)
{
	uint8_t length[4] = { (uint8_t)(part.len >> 24), (uint8_t)(part.len >> 16), (uint8_t)(part.len >> 8),
		(uint8_t)part.len };

	buf_add(out, length, sizeof(length));
	buf_add(out, part.data, part.len);
}

bool event_id_show(struct bytes id, struct buf *out)
{
	const uint8_t *p = id.data;
	size_t i = 0, start = out->len;

	while (i + 4 <= id.len) {
		size_t len = (size_t)p[i] << 24 | (size_t)p[i + 1] << 16 | (size_t)p[i + 2] << 8 | p[i + 3];

		if (len > id.len - i - 4)
			break;
		if (i > 0)
			buf_char(out, '|');
		buf_add(out, p + i + 4, len);
		i += 4 + len;
	}
	if (i == id.len && i > 0)
		return true;
	out->len = start;
	return false;
}
