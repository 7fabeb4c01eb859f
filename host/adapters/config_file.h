/* config_file.h - semel.conf and conf.d, read and judged.
 *
 * All problems are found in one go: one of syntax a file, the other files are
 * still read, then all of meaning.  A configuration with an error is none.
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
/* The same, for `semel check`: *ret_config is set even then, to what could be read, so that more can be judged.
 * It is not to be run: values may be missing. */
int config_examine(const char *file, bool lenient, struct config **ret_config, struct config_problems *problems);
void config_problem_add(struct config_problems *p, bool error, const char *file, unsigned line,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
void config_problems_free(struct config_problems *p);
/* By file and line, each once.  Loading has done it; problems that were added later need it again. */
void config_problems_sort(struct config_problems *p);
/* "file:line: error: text" lines; without a line where a file as a whole is meant. */
void config_problems_print(const struct config_problems *p, struct buf *out);
/* [{"severity","file","line","text"}] */
void config_problems_json(const struct config_problems *p, struct buf *out);

/* The effective configuration, each value with the place it came from as a comment; secrets hidden.  0, or -EINVAL
 * if there is an error in it. */
int config_print(const char *file, bool json, struct buf *out, struct config_problems *problems);
/* The reference of all keys, from the table: type, range, default, help.  As text, or as Markdown. */
void config_keys(bool markdown, struct buf *out);

/* Writes `out` (and conf.d beside it): the text `head`, then the subscriptions, handlers, routes and plugin_path of
 * `file`, each subscription with dynamic membership and start = "earliest".  For `semel dev`. */
int config_write_groups(const char *file, const char *head, const char *out);

/* Is this one of the topics of the subscription, by name or by pattern? */
bool config_consumes(const struct config_subscription *sub, const char *topic);

/* "30s" -> 30000; "64MB" -> 64000000.  0 or -EINVAL. */
int config_duration(const char *text, int64_t *ret_ms);
int config_size(const char *text, int64_t *ret_bytes);

#endif
