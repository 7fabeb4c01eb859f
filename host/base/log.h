/* log.h - structured lines to stderr.
 *
 * One line a call, logfmt or JSON; where stderr is systemd's journal, an entry
 * with each field as the journal's own, or a line if its socket is not there.  A line that would block is dropped and
 * counted; the same message more often than `rate` a second is suppressed
 * and counted (one line tells how many).
 *
 * Owns:    process-wide settings, made by log_setup before threads start;
 *          log_level may be changed later.
 * Threads: any.
 * Uses:    base/buf.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum log_kind { LOG_KIND_TEXT, LOG_KIND_INT, LOG_KIND_BYTES, LOG_KIND_REAL };

struct log_field {
	const char *name;
	enum log_kind kind;
	const char *text;
	int64_t integer;
	double real;
	struct bytes bytes;
};

#define LOG_TEXT(name_, text_) ((struct log_field){ .name = (name_), .kind = LOG_KIND_TEXT, .text = (text_) })
#define LOG_INT(name_, int_) ((struct log_field){ .name = (name_), .kind = LOG_KIND_INT, .integer = (int64_t)(int_) })
#define LOG_REAL(name_, real_) ((struct log_field){ .name = (name_), .kind = LOG_KIND_REAL, .real = (real_) })
#define LOG_BYTES(name_, bytes_) ((struct log_field){ .name = (name_), .kind = LOG_KIND_BYTES, .bytes = (bytes_) })

void log_setup(enum log_level level, enum log_format format, unsigned rate);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_wanted(enum log_level level);
int log_level_parse(const char *text, enum log_level *ret_level);	/* 0 or -EINVAL */
const char *log_level_name(enum log_level level);
/* Another than systemd's, before log_setup: for tests. */
void log_journal_socket(const char *path);
uint64_t log_suppressed(void);			/* lines not written so far, for the metric */

/* `message` is a constant sentence: the rate limit goes by its address; what varies belongs into fields.
 * log_write_dynamic is for text made by others (libraries, plugins): limited by its content. */
void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n);
void log_write_dynamic(enum log_level level, const char *message, const struct log_field *fields, size_t n);

#define LOG_FIELDS_(...) (const struct log_field[]){ __VA_ARGS__ }, sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field)
/* log_at(LOG_WARNING, "redis is unreachable", LOG_TEXT("address", a), LOG_INT("errno", e)); at least one field */
#define log_at(level, message, ...) \
	do { \
		if (log_wanted(level)) \
			log_write(level, message, LOG_FIELDS_(__VA_ARGS__)); \
	} while (0)
#define log_plain(level, message) log_write(level, message, NULL, 0)

#endif
