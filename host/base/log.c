#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/journal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define VALUE_MAX 256
#define MESSAGE_MAX 4096
#define FIELD_MAX 1024 /* in the journal: a whole event id, so that it can be looked for */
#define RATE_SLOTS 256

/* One message's second: how many lines were written, how many were not. */
struct rate {
	uint64_t key;
	int64_t second;
	unsigned written, suppressed;
	char message[80]; /* its beginning, once lines were suppressed */
};

static _Atomic int level_now = LOG_INFO;
static enum log_format format_now = LOG_LOGFMT;
static unsigned rate_now = 20;
static bool to_journal; /* stderr is the journal's */
static int journal = -1; /* its socket; then stderr is for when that fails */
static const char *journal_path = "/run/systemd/journal/socket";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of rates, and of whole lines */
static struct rate rates[RATE_SLOTS];
static unsigned untold; /* slots with suppressed lines */
static _Atomic uint64_t suppressed_total;

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void log_setup(enum log_level level, enum log_format format, unsigned rate)
{
	level_now = (int)level;
	format_now = format;
	rate_now = rate;
	to_journal = journal_has_stderr();
	if (to_journal && journal < 0)
		journal = journal_open();
}

void log_journal_socket(const char *path)
{
	journal_path = path;
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

static struct bytes capped(struct bytes value, size_t cap)
{
	value.len = bytes_cut(value, cap);
	return value;
}

/* A name as it may stand in a line: of plugins, anything can come. */
static void put_name(struct buf *b, const char *name)
{
	size_t n = 0;

	for (; name[n] != '\0' && n < 64; n++) {
		bool good = (name[n] >= 'a' && name[n] <= 'z') || (name[n] >= 'A' && name[n] <= 'Z') ||
			    (name[n] >= '0' && name[n] <= '9') || name[n] == '.' || name[n] == '-';

		buf_char(b, good ? name[n] : '_');
	}
	if (n == 0)
		buf_char(b, '_');
}

static void put_logfmt(struct buf *b, const struct log_field *f)
{
	buf_char(b, ' ');
	put_name(b, f->name);
	buf_char(b, '=');
	switch (f->kind) {
	case LOG_KIND_TEXT: buf_logfmt(b, bytes_of_text(f->text == NULL ? "" : f->text), VALUE_MAX); break;
	case LOG_KIND_BYTES: buf_logfmt(b, f->bytes, VALUE_MAX); break;
	case LOG_KIND_INT: buf_printf(b, "%lld", (long long)f->integer); break;
	case LOG_KIND_REAL: buf_printf(b, "%g", f->real); break;
	}
}

static void put_json(struct buf *b, const struct log_field *f)
{
	struct buf name = { NULL, 0, 0 };

	put_name(&name, f->name);
	buf_char(b, ',');
	if (f->kind == LOG_KIND_BYTES)
		buf_json_bytes(b, name.data, capped(f->bytes, VALUE_MAX));
	else
		buf_printf(b, "\"%s\":", name.data);
	if (f->kind == LOG_KIND_TEXT)
		buf_json_string(b, capped(bytes_of_text(f->text == NULL ? "" : f->text), VALUE_MAX));
	else if (f->kind == LOG_KIND_INT)
		buf_printf(b, "%lld", (long long)f->integer);
	else if (f->kind == LOG_KIND_REAL)
		buf_printf(b, isfinite(f->real) ? "%g" : "null", f->real);
	buf_free(&name);
}

static void put_line(
    struct buf *b, enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	if (format_now == LOG_JSON) {
		buf_text(b, "{\"time\":\"");
		put_time(b);
		buf_printf(b, "\",\"level\":\"%s\",\"msg\":", level_names[level]);
		buf_json_string(b, capped(bytes_of_text(message), MESSAGE_MAX));
		for (size_t i = 0; i < n; i++)
			put_json(b, &fields[i]);
		buf_text(b, "}\n");
		return;
	}
	buf_text(b, "time=");
	put_time(b);
	buf_printf(b, " level=%s msg=", level_names[level]);
	buf_logfmt(b, bytes_of_text(message), MESSAGE_MAX);
	for (size_t i = 0; i < n; i++)
		put_logfmt(b, &fields[i]);
	buf_char(b, '\n');
}

/* ---- Where they go */

static const int priorities[] = { 7, 6, 4, 3 };

static void put_journal_field(struct buf *b, const struct log_field *f)
{
	char number[32];

	switch (f->kind) {
	case LOG_KIND_TEXT:
		journal_field(b, f->name, capped(bytes_of_text(f->text == NULL ? "" : f->text), FIELD_MAX));
		return;
	case LOG_KIND_BYTES: journal_field(b, f->name, capped(f->bytes, FIELD_MAX)); return;
	case LOG_KIND_INT: snprintf(number, sizeof(number), "%lld", (long long)f->integer); break;
	case LOG_KIND_REAL: snprintf(number, sizeof(number), "%g", f->real); break;
	}
	journal_field(b, f->name, bytes_of_text(number));
}

/* To the journal with its fields; -errno: not taken.  MESSAGE is the line as it would be on stderr, without the time and
 * the level, which the journal has itself. */
static int send_to_journal(
    enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	struct buf b = { NULL, 0, 0 }, text = { NULL, 0, 0 };
	char priority[] = { (char)('0' + priorities[level]), '\0' };
	int r;

	if (format_now == LOG_JSON) {
		put_line(&text, level, message, fields, n);
		text.len--;
	} else {
		buf_shown(&text, bytes_of_text(message), MESSAGE_MAX);
		for (size_t i = 0; i < n; i++)
			put_logfmt(&text, &fields[i]);
	}
	journal_own_field(&b, "MESSAGE", (struct bytes){ text.data, text.len });
	journal_own_field(&b, "PRIORITY", bytes_of_text(priority));
	journal_own_field(&b, "SYSLOG_IDENTIFIER", bytes_of_text("semeld"));
	for (size_t i = 0; i < n; i++)
		put_journal_field(&b, &fields[i]);
	r = journal_send(journal, journal_path, &b);
	buf_free(&text);
	buf_free(&b);
	return r;
}

/* A reader of stderr that stands still must not stop us: what does not fit is dropped.  stderr may be shared, so
 * it is asked, not made non-blocking. */
static void send_to_stderr(const struct buf *b)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLOUT) == 0 ||
	    write(STDERR_FILENO, b->data, b->len) < 0)
		atomic_fetch_add(&suppressed_total, 1);
}

static void put(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	struct buf b = { NULL, 0, 0 };
	int r = journal < 0 || !to_journal ? -ENOTCONN : send_to_journal(level, message, fields, n);

	if (r == -EAGAIN) {
		atomic_fetch_add(&suppressed_total, 1);
	} else if (r < 0) {
		if (to_journal)
			buf_printf(&b, "<%d>", priorities[level]);
		put_line(&b, level, message, fields, n);
		send_to_stderr(&b);
	}
	buf_free(&b);
}

/* ---- The limit of each message's rate */

/* How many lines of a message were not written, once its second is over. */
static void tell(struct rate *r)
{
	struct log_field f[] = { LOG_TEXT("message", r->message), LOG_INT("lines", r->suppressed) };

	r->suppressed = 0;
	untold--;
	put(LOG_WARNING, "lines suppressed by log.rate", f, 2);
}

/* With the next line of any message: that of a burst may never come again. */
static void tell_all(int64_t second)
{
	for (size_t i = 0; untold > 0 && i < RATE_SLOTS; i++)
		if (rates[i].suppressed > 0 && rates[i].second != second)
			tell(&rates[i]);
}

/* False: the message has had its lines for this second. */
static bool admit(uint64_t key, const char *message)
{
	struct rate *r = &rates[(key ^ key >> 17) % RATE_SLOTS];
	int64_t second = mono_now().us / 1000000;

	tell_all(second);
	if (rate_now == 0)
		return true;
	if (r->key != key || r->second != second) {
		if (r->suppressed > 0)
			tell(r);
		*r = (struct rate){ .key = key, .second = second };
	}
	if (r->written < rate_now) {
		r->written++;
		return true;
	}
	if (r->suppressed++ == 0) {
		untold++;
		snprintf(r->message, sizeof(r->message), "%s", message);
	}
	atomic_fetch_add(&suppressed_total, 1);
	return false;
}

static void write_keyed(
    uint64_t key, enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
	pthread_mutex_lock(&lock);
	if (admit(key, message))
		put(level, message, fields, n);
	pthread_mutex_unlock(&lock);
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
