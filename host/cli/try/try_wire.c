#include "cli/try/try_wire.h"

#include <errno.h>
#include <stdlib.h>

#define ABSENT UINT32_MAX
/* A call is bounded by what a record can hold, an answer by what a read asks for. */
#define FRAME_MAX (256u << 20)
#define PARTS_MAX (1u << 20)

struct head {
	uint32_t len;
	int32_t code;
	uint32_t n;
};

void wire_write(struct buf *out, int32_t code, const struct bytes *parts, size_t n)
{
	struct head h = {
		.len = (uint32_t)(sizeof(h) + n * sizeof(uint32_t)), .code = code, .n = (uint32_t)n
	};

	for (size_t i = 0; i < n; i++)
		h.len += (uint32_t)parts[i].len;
	buf_reserve(out, h.len);
	buf_add(out, &h, sizeof(h));
	for (size_t i = 0; i < n; i++) {
		uint32_t len = parts[i].data == NULL ? ABSENT : (uint32_t)parts[i].len;

		buf_add(out, &len, sizeof(len));
	}
	for (size_t i = 0; i < n; i++)
		if (parts[i].len > 0)
			buf_add(out, parts[i].data, parts[i].len);
}

static bool read_parts(struct bytes in, const struct head *h, struct wire_frame *f)
{
	const char *lens = (const char *)in.data + sizeof(*h), *at = lens + h->n * sizeof(uint32_t);
	const char *end = (const char *)in.data + h->len;

	for (size_t i = 0; i < h->n; i++) {
		uint32_t len;

		memcpy(&len, lens + i * sizeof(len), sizeof(len));
		f->parts[i] = (struct bytes){ len == ABSENT ? NULL : at, len == ABSENT ? 0 : len };
		if (f->parts[i].len > (size_t)(end - at))
			return false;
		at += f->parts[i].len;
	}
	return at == end;
}

int64_t wire_read(struct bytes in, struct wire_frame *f)
{
	struct head h;

	if (in.len < sizeof(h))
		return 0;
	memcpy(&h, in.data, sizeof(h));
	if (h.len > FRAME_MAX || h.n > PARTS_MAX || h.len < sizeof(h) + h.n * sizeof(uint32_t))
		return -EBADMSG;
	if (in.len < h.len)
		return 0;
	if (f->cap < h.n) {
		f->cap = h.n;
		f->parts = realloc(f->parts, f->cap * sizeof(*f->parts));
		if (f->parts == NULL)
			abort();
	}
	f->code = h.code;
	f->n = h.n;
	return read_parts(in, &h, f) ? (int64_t)h.len : -EBADMSG;
}

void wire_free(struct wire_frame *f)
{
	free(f->parts);
	*f = (struct wire_frame){ .parts = NULL };
}

struct bytes wire_part(const struct wire_frame *f, size_t i)
{
	return i < f->n ? f->parts[i] : (struct bytes){ NULL, 0 };
}

bool wire_take(const struct wire_frame *f, size_t i, void *ret, size_t size)
{
	struct bytes part = wire_part(f, i);

	if (part.data == NULL || part.len != size)
		return false;
	memcpy(ret, part.data, size);
	return true;
}
