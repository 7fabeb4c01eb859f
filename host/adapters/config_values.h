/* config_values.h - texts of the configuration: units, ${VAR}, secrets.
 *
 * Owns:    struct config_env: what /etc/default/semel sets.
 * Threads: setup only.
 * Uses:    libc.
 */
#ifndef ADAPTERS_CONFIG_VALUES_H
#define ADAPTERS_CONFIG_VALUES_H

#include "base/buf.h"

struct config_env {
	char **lines;			/* NAME=value */
	size_t n;
};

/* Reads the defaults file: $SEMEL_DEFAULTS, else /etc/default/semel.  A file that is not there is fine. */
void config_env_load(struct config_env *e);
void config_env_free(struct config_env *e);

/* `text` with ${VAR} and ${VAR:-default} replaced; the defaults file first, then the environment overrides it.
 * -ENOENT: *ret_name (owned) is not set and has no default; -EINVAL: a ${ without }. */
int config_expand(const struct config_env *e, const char *text, struct buf *out, char **ret_name);

/* The content of a secret's file, without the newline at its end; owned.  -errno with `why`. */
int config_secret(const char *file, bool lenient, char **ret_text, char *why, size_t size);

#endif
