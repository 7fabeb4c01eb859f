/* config_table.h - every configuration key: type, range, default, help.
 *
 * The loader, `semel config` and docs/configuration.md all read this table.
 *
 * Owns:    constants.
 * Threads: any.
 * Uses:    core/config.
 */
#ifndef ADAPTERS_CONFIG_TABLE_H
#define ADAPTERS_CONFIG_TABLE_H

#include "core/config.h"

#include <stddef.h>

enum key_type {
	KEY_TEXT,
	KEY_PATH,			/* a text that begins with / */
	KEY_DURATION, KEY_SIZE, KEY_NUMBER, KEY_CHOICE, KEY_TEXTS,
	KEY_GROUP,			/* a scope of its own */
	KEY_SPECIAL			/* read by code: id, url, properties, settings, when */
};

#define KEY_NO_MEMBER SIZE_MAX

struct config_key {
	const char *name;
	enum key_type type;
	const char *fallback;		/* as written in a file; NULL: must be given; "": none */
	int64_t min, max;		/* of durations (ms), sizes (bytes), numbers */
	const char *choices;		/* "a b c", in the order of the enum; of KEY_SPECIAL: what it takes, in words */
	const char *later;		/* choices that this version knows and cannot do; "": so is the whole key */
	size_t offset;			/* in the scope's structure; of KEY_TEXTS: the pointer, its count behind it */
	const char *help;
};

enum config_scope {
	SCOPE_ROOT, SCOPE_LEDGER, SCOPE_TLS, SCOPE_HTTP, SCOPE_ADMIN, SCOPE_LOG, SCOPE_SUBSCRIPTION, SCOPE_RETRY,
	SCOPE_DEAD_LETTER, SCOPE_HANDLER, SCOPE_ROUTE, SCOPE_TEST, SCOPE_N
};

/* The keys of a scope, ended by one without a name. */
const struct config_key *config_keys_of(enum config_scope scope);
/* "", "ledger", "subscriptions.NAME", ... */
const char *config_scope_title(enum config_scope scope);
/* The key of that name, NULL if there is none. */
const struct config_key *config_key_find(enum config_scope scope, const char *name);
/* The known name nearest to a mistyped one, NULL if none is near. */
const char *config_key_near(enum config_scope scope, const char *name);
/* Where else a key of that name stands; SCOPE_N: nowhere. */
enum config_scope config_key_elsewhere(enum config_scope scope, const char *name);
/* Optimal string alignment distance of two words, for suggestions. */
unsigned config_distance(const char *a, const char *b);
/* Whether `word` is one of the words of "a b c"; *ret_index (NULL: not wanted) is then its place. */
bool config_word_in(const char *words, const char *word, int *ret_index);

#endif
