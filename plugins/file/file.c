/* file - appends one JSON line an event to a file: an audit trail, and a witness for tests.
 *
 * Each line is one write(2) to a descriptor opened with O_APPEND, so lines of
 * several workers and processes do not mix.  A line cut short (disk full) is
 * ended with a newline, and the event is tried again.
 */
#include <semel/handler.h>

#include "json_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct semel_setting settings[] = {
	{ "path", SEMEL_TEXT, NULL, "File to append to; made if it is not there." },
	{ "fsync", SEMEL_BOOLEAN, "false", "Wait for the disk after each line." },
	{ "payload", SEMEL_BOOLEAN, "false", "Add the payload." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

struct file {
	const struct semel_host *host;
	int fd;
	bool fsync, payload;
};

static int file_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct file *f = malloc(sizeof(*f));
	const char *path = host->text(s, "path");

	if (f == NULL)
		return -ENOMEM;
	*f = (struct file){ .host = host,
		.fsync = host->number(s, "fsync") != 0,
		.payload = host->number(s, "payload") != 0 };
	f->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (f->fd < 0) {
		int r = -errno;

		host->fault(s, "path", strerror(-r));
		free(f);
		return r;
	}
	*ret_self = f;
	return 0;
}

static int file_worker_open(void *self, unsigned index, void **ret_worker)
{
	(void)self;
	(void)index;
	*ret_worker = calloc(1, sizeof(struct json_line));
	return *ret_worker == NULL ? -ENOMEM : 0;
}

static void add_time(struct json_line *l)
{
	struct timespec ts;
	struct tm tm;
	char text[40];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000);
	line_text(l, "time", text);
}

static int write_line(const struct file *f, const struct json_line *l)
{
	ssize_t n = write(f->fd, l->data, l->len);

	if (n < 0)
		return -errno;
	if ((size_t)n < l->len) {
		/* Whoever reads the file sees where the broken line ends. */
		if (write(f->fd, "\n", 1) < 0)
			return -errno;
		return -ENOSPC;
	}
	return f->fsync && fsync(f->fd) < 0 ? -errno : 0;
}

static int file_handle(void *self, void *worker, const struct semel_event *e)
{
	const struct file *f = self;
	struct json_line *l = worker;
	int r;

	line_begin(l);
	add_time(l);
	line_text(l, "subscription", e->subscription);
	line_text(l, "handler", f->host->handler);
	line_text(l, "topic", e->topic);
	line_number(l, "partition", e->partition);
	line_number(l, "offset", e->offset);
	line_bytes(l, "key", e->key);
	line_bytes(l, "id", e->id);
	line_number(l, "attempt", e->attempt);
	line_bool(l, "redelivered", e->redelivered);
	line_unsigned(l, "fence", e->fence);
	if (f->payload)
		line_bytes(l, "payload", e->payload);
	line_end(l);
	r = l->failed ? -ENOMEM : write_line(f, l);
	return r == 0 ? SEMEL_OK : semel_end(e, SEMEL_RETRY, -1, "write: %s", strerror(-r));
}

static void file_worker_close(void *worker)
{
	struct json_line *l = worker;

	free(l->data);
	free(l);
}

static void file_close(void *self)
{
	struct file *f = self;

	close(f->fd);
	free(f);
}

SEMEL_HANDLER("file", "1.0.0", .settings = settings, .open = file_open, .worker_open = file_worker_open,
    .handle = file_handle, .worker_close = file_worker_close, .close = file_close);
