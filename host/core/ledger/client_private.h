/* client_private.h - what the files of the client share; nobody else includes it.
 *
 * client.c       the view, building calls
 * client_reply.c replies, results
 * client_look.c  look-ups in segments
 *
 * Owns:    -
 * Threads: as core/ledger/client.h.
 * Uses:    core/ledger/client.
 */
#ifndef CORE_LEDGER_CLIENT_PRIVATE_H
#define CORE_LEDGER_CLIENT_PRIVATE_H

#include "core/ledger/client.h"
#include "core/ledger/watch.h"

#define CLIENT_MAX_ASK 255
/* Items, and what is carried for them. */
#define CLIENT_MAX_IN_RECORD (2 * LEDGER_MAX_ITEMS + CLIENT_MAX_HEALS)
#define CLIENT_MAX_HEALS 2048

struct item {
	enum client_op op;
	void *cookie;
	uint16_t place; /* its number in its section */
	uint8_t id[LEDGER_ID];
};

struct look {
	void *cookie;
	uint8_t id[LEDGER_ID];
	uint64_t hash[2];
	size_t first, n; /* pages */
};

struct look_page {
	const struct segment *segment;
	uint32_t page;
	size_t chunk; /* index of its first piece */
	unsigned pieces; /* 1, or 2 where it lies across the border of two chunks */
};

struct client {
	struct client_view view;
	bool has_view;
	uint64_t epoch;
	struct watch watch;
	uint64_t random;
	struct session_id *sessions; /* ours, the current one last */
	size_t n_sessions;
	uint64_t foreign;

	/* The call: built, then under way until answered. */
	struct record_builder builder;
	struct item *items; /* LEDGER_MAX_ITEMS of them */
	size_t n_items;
	struct session_id ask[CLIENT_MAX_ASK];
	uint8_t n_ask;
	bool under_way, lapsed;
	struct store_append append;
	struct buf body;
	bool *took; /* CLIENT_MAX_IN_RECORD */

	/* Its look-ups. */
	struct look *looks; /* CLIENT_MAX_LOOKS */
	size_t n_looks;
	struct look_page *pages;
	size_t n_pages, cap_pages;
	struct store_chunk *chunks;
	size_t n_chunks, cap_chunks;
	char damage[160];

	/* Final states to be written again; the first `heals_sent` are in the call. */
	struct record_heal *heals;
	size_t n_heals, cap_heals, heals_sent;
	uint64_t healed;

	struct client_result *results; /* LEDGER_MAX_ITEMS + CLIENT_MAX_LOOKS */
	size_t n_results;
};

static inline bool client_same_session(const struct session_id *a, const struct session_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What was built is no more to be sent. */
void client_forget_call(struct client *c);
void client_forget_looks(struct client *c);

#endif
