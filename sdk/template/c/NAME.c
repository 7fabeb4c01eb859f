/* @NAME@ - writes each event's payload to a file of its own, named by the event's id.
 *
 * A second run of an event writes the same file again, so each event has its effect once.
 */
#define _GNU_SOURCE
#include <semel/handler.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_MAX 100			/* twice that, and a fence, still is a file's name */

static const struct semel_setting settings[] = {
	{ "folder", SEMEL_TEXT, ".", "Where the files go; it must exist." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

struct @NAME_C@ {
	const struct semel_host *host;
	struct semel_metric *written;
	int folder;
};

static int @NAME_C@_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct @NAME_C@ *p = malloc(sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->host = host;
	p->written = host->metric(host, SEMEL_COUNTER, "written_total", "Files written.");
	p->folder = open(host->text(s, "folder"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->folder < 0) {
		int r = -errno;			/* not -EINVAL: the host tries again later */

		free(p);
		return r;
	}
	*ret_self = p;
	return 0;
}

/* The id in hex: any bytes are a name.  Many threads run at a time: what is being written is named by the fence, too. */
static void names_of(const struct semel_event *e, char *name, char *partial)
{
	const unsigned char *id = e->id.data;

	for (size_t i = 0; i < e->id.len; i++)
		sprintf(name + 2 * i, "%02x", id[i]);
	sprintf(partial, ".%s.%" PRIu64, name, e->fence);
}

/* 0 or -errno. */
static int write_file(int folder, const char *name, const char *partial, struct semel_bytes b)
{
	int fd = openat(folder, partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), r = 0;
	const char *p = b.data;

	if (fd < 0)
		return -errno;
	for (size_t left = b.len; left > 0 && r == 0;) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno != EINTR)
			r = -errno;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	if (fsync(fd) < 0 && r == 0)
		r = -errno;
	close(fd);
	if (r == 0 && renameat(folder, partial, folder, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, partial, 0);
	return r;
}

static int @NAME_C@_handle(void *self, void *worker, const struct semel_event *e)
{
	const struct @NAME_C@ *p = self;
	char name[2 * ID_MAX + 1], partial[sizeof(name) + 24];
	int r;

	(void)worker;
	if (e->payload.data == NULL)
		return semel_end(e, SEMEL_SKIP, -1, "a tombstone");
	if (e->id.len > ID_MAX)			/* no retry would help: a dead letter */
		return semel_end(e, SEMEL_REJECT, -1, "the id has %zu bytes, at most %d make a name", e->id.len, ID_MAX);
	names_of(e, name, partial);
	r = write_file(p->folder, name, partial, e->payload);
	if (r < 0)				/* later, as the subscription's retry says */
		return semel_end(e, SEMEL_RETRY, -1, "%s: %s", name, strerror(-r));
	p->host->record(p->written, 1);
	return SEMEL_OK;
}

static void @NAME_C@_close(void *self)
{
	struct @NAME_C@ *p = self;

	close(p->folder);
	free(p);
}

SEMEL_HANDLER("@NAME@", "0.1.0", .settings = settings, .open = @NAME_C@_open, .handle = @NAME_C@_handle,
    .close = @NAME_C@_close);
