/* config_tree.h - the files of a configuration, parsed, and reading typed values from them.
 *
 * Owns:    the parsed files and their texts.
 * Threads: setup only.
 * Uses:    libconfig.
 */
#ifndef ADAPTERS_CONFIG_TREE_H
#define ADAPTERS_CONFIG_TREE_H

#include "adapters/config_file.h"
#include "adapters/config_table.h"
#include "adapters/config_values.h"

#include <libconfig.h>

struct config_source {
	char *file;
	config_t tree;
	bool parsed, main;
};

struct config_loader {
	struct config_source *sources;
	size_t n;
	struct config_env env;
	struct config_problems *problems;
	bool lenient;
	struct config *config;		/* being built */
	char **places;			/* file names that struct config_place borrows; taken over by the config */
};

/* Reads the main file and conf.d beside it; problems are added. */
void config_tree_load(struct config_loader *l, const char *file);
void config_tree_free(struct config_loader *l);

struct config_place config_place_of(const struct config_loader *l, const config_setting_t *s);
void config_fault(struct config_loader *l, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_warn(struct config_loader *l, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A string with ${} replaced; NULL, and a problem, if it is not a string.  Owned. */
char *config_text_of(struct config_loader *l, const config_setting_t *s);
/* A list, array or single string as texts; owned. */
bool config_texts_of(struct config_loader *l, const config_setting_t *s, char ***ret_list, size_t *ret_n);
/* Numbers, booleans and strings as text; NULL for groups and lists.  Owned. */
char *config_scalar_of(struct config_loader *l, const config_setting_t *s);

/* Fill the members of `base` from group `g` (NULL: not there) by the scope's table: values, defaults, unknown
 * keys, missing ones.  `where`: the setting blamed for what is missing. */
void config_fill(
    struct config_loader *l, enum config_scope scope, const config_setting_t *g, const config_setting_t *where, void *base);

/* config_build.c: the named groups. */
void config_build(struct config_loader *l);
/* A list with room for one more, zeroed. */
void *config_grow(void *list, size_t n, size_t size);
/* A key that this version knows and cannot do: only `value` is allowed; NULL: nothing is. */
void config_only(struct config_loader *l, const config_setting_t *g, const char *key, const char *value);
/* config_services.c: groups of the main file. */
void config_build_kafka(struct config_loader *l, const config_setting_t *root);
void config_build_ledger(struct config_loader *l, const config_setting_t *root);
void config_build_http(struct config_loader *l, const config_setting_t *root);
bool config_parse_test_field(const char *text, struct field *ret_field);
/* config_routes.c: routes, after subscriptions and handlers. */
void config_take_route(struct config_loader *l, const config_setting_t *g, const char *name);
/* config_judge.c: what only shows when all is there. */
void config_judge(struct config_loader *l);

#endif
