/* config_tree.h - what the files of the configuration's loader share; nobody else includes it.
 *
 * config_source.c        files: judged, read, parsed
 * config_read.c          typed values from a parsed tree, by the table
 * config_build.c         the main file's groups, and the named groups of all files
 * config_kafka.c         librdkafka's properties
 * config_ledger.c        ledger and http: addresses
 * config_subscription.c  subscriptions
 * config_handler.c       handlers
 * config_routes.c        routes
 * config_judge.c         what only shows when all is there
 * config_print.c         what is in effect
 * config_groups.c        the named groups written out again
 *
 * Owns:    the parsed files.
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
	char *file, *folder;		/* folder: with its slash, or "" */
	config_t tree;
	bool parsed, main;
};

/* Beside each subscription, handler and route of the configuration: where it was read from. */
struct config_origin {
	const config_setting_t *group;
	bool broken;			/* it refers to nothing, or a test of it is none: not to be compared with others */
};

struct config_loader {
	struct config_source *sources;
	size_t n;
	struct config_env env;
	struct config_problems *problems;
	bool lenient;
	bool incomplete;		/* a file could not be read: what seems to miss may stand there */
	struct config_place *misread;	/* lines with a number that libconfig changed: reported, its value means nothing */
	size_t n_misread;
	struct config *config;		/* being built */
	struct config_origin *subscriptions, *handlers, *routes;
};

/* ---- config_source.c */

/* Reads the main file and conf.d beside it; problems are added.  l->config is there. */
void config_tree_load(struct config_loader *l, const char *file);
void config_tree_free(struct config_loader *l);	/* all but the configuration */

struct config_place config_place_of(struct config_loader *l, const config_setting_t *s);
/* True if libconfig read a number of this line as another one, which was reported. */
bool config_is_misread(struct config_loader *l, const config_setting_t *s);
void config_fault(struct config_loader *l, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_warn(struct config_loader *l, const config_setting_t *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- config_read.c */

/* The name in the file; of an element of a list: the list's. */
const char *config_name_of(const config_setting_t *s);
const char *config_type_of(const config_setting_t *s);	/* "a string", "a group" */
/* `g`'s member; NULL if there is none, or g is NULL or no group. */
const config_setting_t *config_member(const config_setting_t *g, const char *name);
/* False, and a problem, if s is no group. */
bool config_is_group(struct config_loader *l, const config_setting_t *s);
/* A string with ${} replaced; NULL, and a problem, if it is not a string.  Owned. */
char *config_text_of(struct config_loader *l, const config_setting_t *s);
/* The same, of a path that must begin with /. */
char *config_path_of(struct config_loader *l, const config_setting_t *s);
/* A list, array or single string as texts; owned.  False, and a problem, if it is none of them. */
bool config_texts_of(struct config_loader *l, const config_setting_t *s, char ***ret_list, size_t *ret_n);
void config_texts_free(char **list, size_t n);
/* Numbers, booleans and strings as text; NULL for groups and lists.  Owned. */
char *config_scalar_of(struct config_loader *l, const config_setting_t *s);
/* True or false of a boolean; a problem if it is none. */
bool config_bool_of(struct config_loader *l, const config_setting_t *s);

/* Fill the members of `base` from group `g` (NULL: not there) by the scope's table: values, defaults, unknown
 * keys, missing ones.  `where`: the setting blamed for what is missing. */
void config_fill(struct config_loader *l, enum config_scope scope, const config_setting_t *g,
    const config_setting_t *where, void *base);

/* ---- The parts */

/* config_file.c: reads, builds and judges all; the trees are still there. */
void config_read_all(struct config_loader *l, const char *file);

void config_build(struct config_loader *l);
/* A list with room for one more, all zero.  Owned; takes `list`. */
void *config_grow(void *list, size_t n, size_t size);
void config_build_kafka(struct config_loader *l, const config_setting_t *root);
void config_build_ledger(struct config_loader *l, const config_setting_t *root);
void config_build_http(struct config_loader *l, const config_setting_t *root);
void config_take_subscription(struct config_loader *l, const config_setting_t *g, const char *name);
void config_take_handler(struct config_loader *l, const config_setting_t *g, const char *name);
void config_take_route(struct config_loader *l, const config_setting_t *g, const char *name);
/* "header:NAME", "json:/pointer", "key", ...: of an id (of_id), or of a route's test. */
bool config_parse_field(const char *text, bool of_id, struct field *ret_field);
void config_judge(struct config_loader *l);

#endif
