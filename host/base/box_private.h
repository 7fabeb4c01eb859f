/* box_private.h - the file's layout; nobody else includes it.
 *
 * box.c        the file, sections, slots, a run
 * box_layout.c after a death: the blame, and the next engine's area
 *
 * Owns:    -
 * Threads: as base/box.h.
 * Uses:    base/box.
 */
#ifndef BASE_BOX_PRIVATE_H
#define BASE_BOX_PRIVATE_H

#include "base/box.h"

#define BOX_HEADER_SIZE 32768
#define BOX_ALIGN 4096

struct box_area {
	uint64_t offset, size;
	uint32_t n_sections, unused;
};

struct box_header {
	char magic[8];
	uint32_t version, slot_size;
	char boot[40];
	struct box_area areas[2];
	_Atomic uint32_t active; /* 0, 1; 2: none yet */
	struct box_facts facts;
};

struct box {
	int fd;
	struct box_header *header;
	uint8_t *map; /* the whole file, as far as it is mapped */
	size_t mapped;
};

void box_read_boot_id(char out[40]);
/* Map as much as there is; sections and slots found before are void.  0 or -errno. */
int box_map_all(struct box *b);
struct box_area *box_active(struct box *b);	/* NULL: there is none, or it is damaged */
struct box_section *box_section_at(struct box *b, const struct box_area *a, size_t i);
bool box_section_is_good(const struct box *b, const struct box_section *s);
void box_put_text(char *out, size_t size, const char *text);	/* cut, filled up with NUL */

#endif
