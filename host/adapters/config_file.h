/* config_file.h - semel.conf and conf.d, read and judged.
 *
 * Owns:    nothing; what it returns is the caller's.
 * Threads: setup only.
 * Uses:    libconfig.
 */
#ifndef ADAPTERS_CONFIG_FILE_H
#define ADAPTERS_CONFIG_FILE_H

#include "base/buf.h"
#include "core/config.h"

struct config_problem {
	bool error;			/* false: warning */
	char *file;
	unsigned line;
	char *text;
};

struct config_problems {
	struct config_problem *list;
	size_t n, errors;
};

/* Reads `file` and conf.d/\*.conf beside it.  *ret_config is set only if there is no error; problems are added
 * in order of file and line.  `lenient` turns wrong ownership into warnings (semel try, semel dev). */
int config_load(const char *file, bool lenient, struct config **ret_config, struct config_problems *problems);
void config_problem_add(struct config_problems *p, bool error, const char *file, unsigned line,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
void config_problems_free(struct config_problems *p);
/* "file:line: error: text" lines, sorted; at most one a place and text. */
void config_problems_print(const struct config_problems *p, struct buf *out);

/* The effective configuration, each value with the place it came from as a comment; secrets hidden. */
int config_print(const char *file, bool json, struct buf *out, struct config_problems *problems);
/* The reference of all keys, from the table: type, range, default, help.  As text, or as Markdown. */
void config_keys(bool markdown, struct buf *out);

/* Writes `out` (and conf.d beside it): the text `head`, then the subscriptions, handlers, routes and plugin_path of
 * `file`, each subscription with dynamic membership and start = "earliest".  For `semel dev`. */
int config_write_groups(const char *file, const char *head, const char *out);

/* "30s" -> 30000; "64MB" -> 64000000.  0 or -EINVAL. */
int config_duration(const char *text, int64_t *ret_ms);
int config_size(const char *text, int64_t *ret_bytes);

#endif
