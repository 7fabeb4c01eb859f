#include "base/box_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC "SEMELBOX"
#define VERSION 1

_Static_assert(sizeof(struct box_header) <= BOX_HEADER_SIZE, "the header fits");
_Static_assert(sizeof(struct box_slot) == 256, "slots lie on cache lines of their own");

const char *box_cause_name(enum box_cause c)
{
#define X(id, text) text,
	static const char *const names[] = { BOX_CAUSES(X) };
#undef X

	return names[c];
}

bool box_cause_restarts(enum box_cause c)
{
	return c != BOX_STOP && c != BOX_LOST;
}

uint32_t box_restarts(const struct box_facts *f)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < BOX_N_CAUSES; i++)
		sum += atomic_load(&f->restarts[i]);
	return sum;
}

void box_restarts_json(const struct box_facts *f, struct buf *out)
{
	const char *comma = "";

	buf_text(out, "\"restarts_by\":{");
	for (unsigned i = 0; i < BOX_N_CAUSES; i++) {
		if (!box_cause_restarts((enum box_cause)i))
			continue;
		buf_printf(out, "%s\"%s\":%u", comma, box_cause_name((enum box_cause)i),
		    atomic_load(&f->restarts[i]));
		comma = ",";
	}
	buf_char(out, '}');
}

struct box_facts *box_facts(struct box *b)
{
	return &b->header->facts;
}

/* ---- The file */

void box_read_boot_id(char out[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 36);

	if (fd >= 0)
		close(fd);
	memset(out + (n == 36 ? 36 : 0), 0, n == 36 ? 4 : 40);
}

/* Map as much as there is.  A mapping that stayed would hold the lock, as the descriptor does. */
int box_map_all(struct box *b)
{
	off_t size = lseek(b->fd, 0, SEEK_END);
	void *map;

	if (size < 0)
		return -errno;
	if ((size_t)size == b->mapped)
		return 0;
	map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (b->map != NULL)
		munmap(b->map, b->mapped);
	b->map = map;
	b->mapped = (size_t)size;
	return 0;
}

static bool area_is_good(const struct box *b, const struct box_area *a)
{
	return a->offset >= BOX_HEADER_SIZE && a->offset % BOX_ALIGN == 0 && a->size <= b->mapped &&
	       a->offset <= b->mapped - a->size &&
	       (uint64_t)a->n_sections * sizeof(struct box_section) <= a->size;
}

static bool header_is_good(const struct box_header *h)
{
	return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->version == VERSION &&
	       h->slot_size == sizeof(struct box_slot) && atomic_load(&h->active) <= 2;
}

static int set_up(struct box *b)
{
	char boot[40];
	struct box_header *h;
	/* Not ftruncate: a store into a block that a full disk does not have is a SIGBUS. */
	int r = posix_fallocate(b->fd, 0, BOX_HEADER_SIZE);

	if (r != 0)
		return -r;
	h = mmap(NULL, BOX_HEADER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (h == MAP_FAILED)
		return -errno;
	b->header = h;
	box_read_boot_id(boot);
	if (!header_is_good(h)) {
		memset(h, 0, sizeof(*h));
		atomic_store(&h->active, 2);
		memcpy(h->magic, MAGIC, sizeof(h->magic));
		h->version = VERSION;
		h->slot_size = sizeof(struct box_slot);
		memcpy(h->boot, boot, sizeof(boot));
	}
	memset(&h->facts, 0, sizeof(h->facts));
	return 0;
}

int box_open(const char *path, struct box **ret_box)
{
	struct box *b = calloc(1, sizeof(*b));
	int r;

	if (b == NULL)
		return -ENOMEM;
	/* Children inherit the descriptor, and with it the lock. */
	b->fd = path == NULL ? memfd_create("semel-box", 0) : open(path, O_RDWR | O_CREAT, 0600);
	if (b->fd < 0 || (path != NULL && flock(b->fd, LOCK_EX | LOCK_NB) < 0))
		r = -errno;
	else
		r = set_up(b);
	if (r < 0) {
		box_close(b);
		return r;
	}
	*ret_box = b;
	return 0;
}

void box_close(struct box *b)
{
	if (b == NULL)
		return;
	if (b->map != NULL)
		munmap(b->map, b->mapped);
	if (b->header != NULL)
		munmap(b->header, BOX_HEADER_SIZE);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

/* ---- Sections and slots */

struct box_area *box_active(struct box *b)
{
	uint32_t i = atomic_load_explicit(&b->header->active, memory_order_acquire);

	return i > 1 || !area_is_good(b, &b->header->areas[i]) ? NULL : &b->header->areas[i];
}

struct box_section *box_section_at(struct box *b, const struct box_area *a, size_t i)
{
	return (struct box_section *)(b->map + a->offset) + i;
}

bool box_section_is_good(const struct box *b, const struct box_section *s)
{
	return s->slots % BOX_ALIGN == 0 && s->slots <= b->mapped &&
	       s->n_slots <= (b->mapped - s->slots) / sizeof(struct box_slot) &&
	       atomic_load(&s->n_past) <= BOX_MAX_SESSIONS && memchr(s->name, '\0', sizeof(s->name)) != NULL;
}

struct box_section *box_section(struct box *b, size_t i)
{
	return box_section_at(b, box_active(b), i);
}

struct box_slot *box_slot(struct box *b, const struct box_section *s, uint32_t i)
{
	return (struct box_slot *)(b->map + s->slots) + i;
}

static uint32_t mix(uint32_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; p += 8, len -= 8) {
		uint64_t x;

		memcpy(&x, p, 8);
		x = (x ^ h) * UINT64_C(0x9e3779b97f4a7c15);
		h = (uint32_t)(x >> 32) ^ (uint32_t)x;
	}
	return h;
}

static uint32_t sum_of(const struct box_slot *s)
{
	uint32_t h = 1;

	h = mix(h, s->id, offsetof(struct box_slot, start_ms) - offsetof(struct box_slot, id));
	return mix(h, s->topic, offsetof(struct box_slot, why) - offsetof(struct box_slot, topic));
}

bool box_slot_is_whole(const struct box_slot *slot)
{
	return slot->sum == sum_of(slot) && slot->id_len <= sizeof(slot->id_text) &&
	       memchr(slot->topic, '\0', sizeof(slot->topic)) != NULL &&
	       memchr(slot->handler, '\0', sizeof(slot->handler)) != NULL &&
	       memchr(slot->why, '\0', sizeof(slot->why)) != NULL;
}

/* ---- A run */

void box_put_text(char *out, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	memcpy(out, text, n);
	memset(out + n, 0, size - n);
}

void box_give(struct box_slot *s, const struct box_run *run)
{
	memcpy(s->id, run->id, sizeof(s->id));
	s->attempt = run->attempt;
	s->fence = run->fence;
	s->offset = run->offset;
	s->partition = run->partition;
	s->check = run->check;
	atomic_store_explicit(&s->outcome, -1, memory_order_relaxed);
	atomic_store_explicit(&s->overran, 0, memory_order_relaxed);
	s->blame = BOX_UNJUDGED;
	s->retry_ms = -1;
	box_put_text(s->topic, sizeof(s->topic), run->topic);
	box_put_text(s->handler, sizeof(s->handler), run->handler);
	s->id_len = (uint16_t)(run->id_text.len < sizeof(s->id_text) ? run->id_text.len : sizeof(s->id_text));
	memset(s->id_text, 0, sizeof(s->id_text));
	if (s->id_len > 0)
		memcpy(s->id_text, run->id_text.data, s->id_len);
	s->why[0] = '\0';
	s->sum = sum_of(s);
	atomic_store_explicit(&s->state, BOX_GIVEN, memory_order_release);
}

void box_start(struct box_slot *slot, int64_t now_ms)
{
	atomic_store_explicit(&slot->start_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&slot->state, BOX_RUNNING, memory_order_release);
}

void box_end(struct box_slot *slot, int outcome, int64_t retry_ms, const char *why)
{
	slot->retry_ms = retry_ms;
	if (why != NULL)
		box_put_text(slot->why, sizeof(slot->why), why);
	atomic_store_explicit(&slot->outcome, outcome, memory_order_relaxed);
	atomic_store_explicit(&slot->state, BOX_ENDED, memory_order_release);
}

void box_free(struct box_slot *slot)
{
	atomic_store_explicit(&slot->state, BOX_FREE, memory_order_release);
}
