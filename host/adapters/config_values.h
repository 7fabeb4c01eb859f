/* config_values.h - texts of the configuration: units, ${VAR}, secrets.
 *
 * config_units.c    durations and sizes, read and written
 * config_expand.c   ${VAR} and /etc/default/semel
 * config_secret.c   the content of *_file
 *
 * Owns:    struct config_env: what /etc/default/semel sets.
 * Threads: setup only.
 * Uses:    libc.
 */
#ifndef ADAPTERS_CONFIG_VALUES_H
#define ADAPTERS_CONFIG_VALUES_H

#include "adapters/config_file.h"
#include "base/buf.h"

struct config_env {
	char **lines;			/* NAME=value */
	size_t n;
};

/* Reads the defaults file: $SEMEL_DEFAULTS, else /etc/default/semel.  A file that is not there is fine; one that
 * cannot be read or judged safe, and a line that is no NAME=value, is a problem. */
void config_env_load(struct config_env *e, bool lenient, struct config_problems *problems);
void config_env_free(struct config_env *e);

/* `text` with ${VAR} and ${VAR:-default} replaced; the defaults file first, then the environment overrides it.
 * -ENOENT: *ret_name (owned) is not set and has no default; -EINVAL: what follows ${ is no NAME and }. */
int config_expand(const struct config_env *e, const char *text, struct buf *out, char **ret_name);

/* The content of a secret's file, without the newline at its end; owned.  -errno with `why`, which names the file. */
int config_secret(const char *file, bool lenient, char **ret_text, char *why, size_t size);

/* The shortest way to write an amount: "90s", "64MiB". */
void config_duration_text(int64_t ms, struct buf *out);
void config_size_text(int64_t bytes, struct buf *out);

#endif
