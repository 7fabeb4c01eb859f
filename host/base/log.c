#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define VALUE_MAX 256
#define RATE_SLOTS 256

/* One message's second: how many lines were written, how many were not. */
struct rate {
	uint64_t key;
	int64_t second;
	unsigned written, suppressed;
};

static _Atomic int level_now = LOG_INFO;
static enum log_format format_now = LOG_LOGFMT;
static unsigned rate_now = 20;
static bool to_journal;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of rates, and of whole lines */
static struct rate rates[RATE_SLOTS];
static _Atomic uint64_t suppressed_total;

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void log_setup(enum log_level level, enum log_format format, unsigned rate)
{
	level_now = (int)level;
	format_now = format;
	rate_now = rate;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level level)
{
	level_now = (int)level;
}

enum log_level log_get_level(void)
{
	return (enum log_level)level_now;
}

bool log_wanted(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

uint64_t log_suppressed(void)
{
	return suppressed_total;
}

/* ---- Lines */

static void put_time(struct buf *b)
{
	int64_t ms = wall_ms();
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static struct bytes capped(struct bytes value)
{
	if (value.len > VALUE_MAX)
		value.len = VALUE_MAX;
	return value;
}

static void put_logfmt(struct buf *b, const struct log_field *f)
{
	buf_printf(b, " %s=", f->name);
	switch (f->kind) {
	case LOG_KIND_TEXT: buf_logfmt(b, bytes_of_text(f->text == NULL ? "" : f->text), VALUE_MAX); break;
	case LOG_KIND_BYTES: buf_logfmt(b, f->bytes, VALUE_MAX); break;
	case LOG_KIND_INT: buf_printf(b, "%lld", (long long)f->integer); break;
	case LOG_KIND_REAL: buf_printf(b, "%g", f->real); break;
	}
}

static void put_json(struct buf *b, const struct log_field *f)
{
	buf_char(b, ',');
	if (f->kind == LOG_KIND_BYTES) {
		buf_json_bytes(b, f->name, capped(f->bytes));
		return;
	}
	buf_printf(b, "\"%s\":", f->name);
	if (f->kind == LOG_KIND_TEXT)
		buf_json_string(b, capped(bytes_of_text(f->text == NULL ? "" : f->text)));
	else if (f->kind == LOG_KIND_INT)
		buf_printf(b, "%lld", (long long)f->integer);
	else
		buf_printf(b, "%g", f->real);
}

static void put_line(
    struct buf *b, enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	static const int priorities[] = { 7, 6, 4, 3 };

	if (to_journal)
		buf_printf(b, "<%d>", priorities[level]);
	if (format_now == LOG_JSON) {
		buf_text(b, "{\"time\":\"");
		put_time(b);
		buf_printf(b, "\",\"level\":\"%s\",\"msg\":", level_names[level]);
		buf_json_string(b, bytes_of_text(message));
		for (size_t i = 0; i < n; i++)
			put_json(b, &fields[i]);
		buf_text(b, "}\n");
		return;
	}
	buf_text(b, "time=");
	put_time(b);
	buf_printf(b, " level=%s msg=", level_names[level]);
	buf_logfmt(b, bytes_of_text(message), 4096);
	for (size_t i = 0; i < n; i++)
		put_logfmt(b, &fields[i]);
	buf_char(b, '\n');
}

/* A reader of stderr that stands still must not stop us: what does not fit is dropped.  stderr may be shared, so
 * it is asked, not made non-blocking. */
static void emit(const struct buf *b)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLOUT) == 0 ||
	    write(STDERR_FILENO, b->data, b->len) < 0)
		atomic_fetch_add(&suppressed_total, 1);
}

/* False: the message has had its lines for this second.  *ret_before: how many were held back in the last. */
static bool admit(uint64_t key, unsigned *ret_before)
{
	struct rate *r = &rates[(key ^ key >> 17) % RATE_SLOTS];
	int64_t second = mono_now().us / 1000000;

	*ret_before = 0;
	if (rate_now == 0)
		return true;
	if (r->key != key || r->second != second) {
		*ret_before = r->key == key ? r->suppressed : 0;
		*r = (struct rate){ .key = key, .second = second };
	}
	if (r->written < rate_now) {
		r->written++;
		return true;
	}
	r->suppressed++;
	atomic_fetch_add(&suppressed_total, 1);
	return false;
}

static void write_keyed(
    uint64_t key, enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	struct buf b = { NULL, 0, 0 };
	unsigned before;

	pthread_mutex_lock(&lock);
	if (admit(key, &before)) {
		if (before > 0) {
			struct log_field f[] = { LOG_TEXT("message", message), LOG_INT("lines", before) };

			put_line(&b, LOG_WARNING, "lines suppressed by log.rate", f, 2);
		}
		put_line(&b, level, message, fields, n);
		emit(&b);
	}
	pthread_mutex_unlock(&lock);
	buf_free(&b);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	if (log_wanted(level))
		write_keyed((uint64_t)(uintptr_t)message, level, message, fields, n);
}

void log_write_dynamic(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	uint64_t key = 1469598103934665603u; /* FNV-1a */

	if (!log_wanted(level))
		return;
	for (const char *p = message; *p != '\0'; p++)
		key = (key ^ (unsigned char)*p) * 1099511628211u;
	write_keyed(key, level, message, fields, n);
}
