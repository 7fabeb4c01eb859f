/* Lines of the log: nasty values, the limit of a message's rate, the journal's entries. */
#include "base/journal.h"
#include "base/log.h"

#include "base/clock.h"
#include "lib/nasty.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

static int saved, file = -1;

/* stderr is a file from here on. */
static void catch_stderr(void)
{
	char path[] = "/tmp/semel-log-XXXXXX";

	file = mkstemp(path);
	ck_assert_int_ge(file, 0);
	unlink(path);
	saved = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
}

/* What was written since. */
static void caught(struct buf *ret)
{
	char chunk[4096];
	ssize_t n;

	buf_clear(ret);
	buf_add(ret, "", 0);
	lseek(file, 0, SEEK_SET);
	while ((n = read(file, chunk, sizeof(chunk))) > 0)
		buf_add(ret, chunk, (size_t)n);
	ck_assert_int_eq(ftruncate(file, 0), 0);
	lseek(file, 0, SEEK_SET);
}

static void release_stderr(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(file);
}

static void log_one(const char *name, struct bytes value)
{
	struct buf out = { NULL, 0, 0 }, text = { NULL, 0, 0 };
	struct log_field fields[4];
	struct json_doc *d;
	char why[200];

	buf_add(&text, value.data, strnlen(value.data, value.len));
	fields[0] = LOG_BYTES("event_id", value);
	fields[1] = LOG_TEXT("why", text.data);
	fields[2] = LOG_BYTES(text.data, value);
	fields[3] = LOG_REAL("number", 0.0 / 0.0);
	for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
		log_setup(LOG_INFO, (enum log_format)format, 0);
		log_write_dynamic(LOG_INFO, text.data, fields, 4);
		caught(&out);
		ck_assert_msg(out.len > 0 && out.data[out.len - 1] == '\n', "%s: no line", name);
		ck_assert_msg(out.len < 30000, "%s: a line of %zu bytes", name, out.len);
		nasty_tamed(name, (struct bytes){ out.data, out.len - 1 });
		if (format == LOG_JSON)
			ck_assert_msg(
			    json_parse((struct bytes){ out.data, out.len }, &d, why, sizeof(why)) == 0,
			    "%s: %s in %s", name, why, out.data);
	}
	json_free(d);
	buf_free(&out);
	buf_free(&text);
}

START_TEST(nasty_values_stay_one_harmless_line)
{
	catch_stderr();
	ck_assert_uint_gt(nasty_each(DATA "/nasty.jsonl", log_one), 15);
	release_stderr();
}
END_TEST

static void show_one(const char *name, struct bytes value)
{
	struct buf out = { NULL, 0, 0 };

	buf_shown(&out, value, 100);
	nasty_tamed(name, (struct bytes){ out.data, out.len });
	ck_assert_uint_le(out.len, 100 * 6 + 3);
	buf_clear(&out);
	buf_json_string(&out, value);
	nasty_tamed(name, (struct bytes){ out.data, out.len });
	buf_free(&out);
}

START_TEST(what_a_terminal_gets_is_harmless)
{
	struct buf b = { NULL, 0, 0 };

	nasty_each(DATA "/nasty.jsonl", show_one);
	buf_shown(&b, bytes_of_text("a \"b\" \x1b[1m \xe2\x80\xae \xc2\x9b \xc3\xa4"), 100);
	ck_assert_str_eq(b.data, "a \"b\" \\x1b[1m \\u202e \\u009b \xc3\xa4");
	buf_clear(&b);
	buf_shown(&b, bytes_of_text("aa\xc3\xa4"), 3);
	ck_assert_str_eq(b.data, "aa...");
	buf_clear(&b);
	buf_json_string(&b, bytes_of_text("\xe2\x80\xa8\xf3\xa0\x81\x81"));
	ck_assert_str_eq(b.data, "\"\\u2028\\udb40\\udc41\"");
	buf_free(&b);
}
END_TEST

/* A burst is cut, and how much of it was, is told with the next line, whichever that is. */
START_TEST(suppressed_lines_are_told_with_the_next_line)
{
	struct buf out = { NULL, 0, 0 };
	unsigned lines = 0;
	uint64_t before;

	catch_stderr();
	log_setup(LOG_INFO, LOG_LOGFMT, 3);
	before = log_suppressed();
	/* Within one second of the clock that counts. */
	usleep((useconds_t)(1000000 - mono_now().us % 1000000));
	for (unsigned i = 0; i < 10; i++)
		log_plain(LOG_INFO, "the same again");
	caught(&out);
	for (const char *p = out.data; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 3);
	ck_assert_uint_eq(log_suppressed() - before, 7);
	usleep((useconds_t)(1000000 - mono_now().us % 1000000));
	log_plain(LOG_INFO, "something else");
	caught(&out);
	ck_assert_ptr_nonnull(
	    strstr(out.data, "msg=\"lines suppressed by log.rate\" message=\"the same again\" lines=7\n"));
	ck_assert_ptr_nonnull(strstr(out.data, "something else"));
	log_plain(LOG_INFO, "something else");
	caught(&out);
	ck_assert_ptr_null(strstr(out.data, "suppressed"));
	release_stderr();
	buf_free(&out);
}
END_TEST

/* ---- The journal */

/* The value of a field in a datagram of the native protocol; NULL: not there. */
static const char *field(const struct buf *b, const char *name, size_t *ret_len)
{
	const char *p = b->data, *end = b->data + b->len;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		uint64_t len = 0;

		ck_assert_ptr_nonnull(nl);
		for (unsigned i = 0; i < 8; i++)
			len |= (uint64_t)(unsigned char)nl[1 + i] << 8 * i;
		ck_assert(nl + 9 + len < end && nl[9 + len] == '\n');
		if (strlen(name) == (size_t)(nl - p) && memcmp(name, p, strlen(name)) == 0) {
			*ret_len = len;
			return nl + 9;
		}
		p = nl + 9 + len + 1;
	}
	return NULL;
}

static void expect(const struct buf *b, const char *name, const char *value)
{
	size_t len = 0;
	const char *p = field(b, name, &len);

	ck_assert_msg(p != NULL, "no %s", name);
	ck_assert_msg(len == strlen(value) && memcmp(p, value, len) == 0, "%s is %.*s", name, (int)len, p);
}

static void receive(int fd, struct buf *ret)
{
	static char data[65536];
	ssize_t n = recv(fd, data, sizeof(data), 0);

	ck_assert_int_gt(n, 0);
	buf_clear(ret);
	buf_add(ret, data, (size_t)n);
}

START_TEST(journal_gets_fields_of_its_own)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char folder[64], stream[64];
	struct buf got = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	struct stat st;
	size_t len;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	unit_folder(folder);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/socket", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	catch_stderr();
	log_journal_socket(un.sun_path);

	/* A variable that was inherited, and is not about this stderr. */
	setenv("JOURNAL_STREAM", "1:2", 1);
	ck_assert(!journal_has_stderr());
	log_setup(LOG_INFO, LOG_LOGFMT, 0);
	log_at(LOG_INFO, "to stderr", LOG_INT("n", 1));
	caught(&out);
	ck_assert_ptr_nonnull(strstr(out.data, "msg=\"to stderr\" n=1\n"));
	ck_assert_int_eq(strncmp(out.data, "time=", 5), 0);

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup(LOG_INFO, LOG_LOGFMT, 0);
	log_at(LOG_ERROR, "dead letter written", LOG_TEXT("subscription", "billing"),
	    LOG_TEXT("topic", "orders"), LOG_INT("partition", 3), LOG_INT("offset", 17),
	    LOG_BYTES("event_id", ((struct bytes){ "a\nPRIORITY=0\0b", 14 })),
	    LOG_TEXT("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), LOG_TEXT("priority", "0"),
	    LOG_TEXT("_pid", "1"));
	receive(fd, &got);
	expect(&got, "SUBSCRIPTION", "billing");
	expect(&got, "TOPIC", "orders");
	expect(&got, "PARTITION", "3");
	expect(&got, "OFFSET", "17");
	expect(&got, "TRACE_ID", "4bf92f3577b34da6a3ce929d0e0e4736");
	expect(&got, "PRIORITY", "3");
	expect(&got, "SYSLOG_IDENTIFIER", "semeld");
	expect(&got, "SEMEL_PRIORITY", "0");
	expect(&got, "SEMEL__PID", "1");
	ck_assert_ptr_nonnull(field(&got, "EVENT_ID", &len));
	ck_assert_uint_eq(len, 14);
	len = 0;
	ck_assert_ptr_nonnull(field(&got, "MESSAGE", &len));
	buf_clear(&out);
	buf_add(&out, field(&got, "MESSAGE", &len), len);
	nasty_tamed("MESSAGE", (struct bytes){ out.data, out.len });
	ck_assert_ptr_nonnull(
	    strstr(out.data, "dead letter written subscription=billing topic=orders partition=3"));
	caught(&out);
	ck_assert_str_eq(out.data, "");

	/* Without its socket: stderr, which is the journal's, with the level in front. */
	close(fd);
	unlink(un.sun_path);
	log_at(LOG_WARNING, "to the stream", LOG_INT("n", 1));
	caught(&out);
	ck_assert_int_eq(strncmp(out.data, "<4>time=", 8), 0);
	release_stderr();
	unsetenv("JOURNAL_STREAM");
	log_setup(LOG_INFO, LOG_LOGFMT, 0);
	unit_remove(folder);
	buf_free(&got);
	buf_free(&out);
}
END_TEST

int main(void)
{
	return unit_run("log",
	    (const TTest *const[]){ nasty_values_stay_one_harmless_line, what_a_terminal_gets_is_harmless,
		suppressed_lines_are_told_with_the_next_line, journal_gets_fields_of_its_own, NULL });
}
