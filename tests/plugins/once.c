/* once - three ways to make an effect, for tests of `semel try`.
 *
 * append     a line in the file `path`, whatever was there: at least once
 * look       the same, but first looks for it when the event is redelivered: safe after a crash, not against a host
 *            that wakes up late
 * exclusive  a file of the id's name in the folder `path`, which can be made only once: exactly once
 */
#include <semel/handler.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct semel_setting settings[] = {
	{ "how", SEMEL_TEXT, "append", "append, look or exclusive." },
	{ "path", SEMEL_TEXT, NULL, "File, or folder." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

struct once {
	char *how, *path;
};

static int once_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct once *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return -ENOMEM;
	o->how = strdup(host->text(s, "how"));
	o->path = strdup(host->text(s, "path"));
	if (strcmp(o->how, "append") != 0 && strcmp(o->how, "look") != 0 &&
	    strcmp(o->how, "exclusive") != 0) {
		host->fault(s, "how", "none of append, look, exclusive");
		return -EINVAL;
	}
	*ret_self = o;
	return 0;
}

static bool is_there(const struct once *o, const char *line)
{
	char text[256];
	FILE *f = fopen(o->path, "re");
	bool found = false;

	while (f != NULL && !found && fgets(text, sizeof(text), f) != NULL)
		found = strcmp(text, line) == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

static int append(const struct once *o, const char *line)
{
	int fd = open(o->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	ssize_t n = fd < 0 ? -1 : write(fd, line, strlen(line));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(line) ? SEMEL_OK : SEMEL_RETRY;
}

static int make(const struct once *o, const struct semel_event *e)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%.*s", o->path, (int)e->id.len, (const char *)e->id.data);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno == EEXIST ? SEMEL_OK : SEMEL_RETRY;
	close(fd);
	return SEMEL_OK;
}

static int once_handle(void *self, void *worker, const struct semel_event *e)
{
	const struct once *o = self;
	char line[256];

	(void)worker;
	snprintf(line, sizeof(line), "%.*s\n", (int)e->id.len, (const char *)e->id.data);
	if (strcmp(o->how, "exclusive") == 0)
		return make(o, e);
	if (strcmp(o->how, "look") == 0 && e->redelivered && is_there(o, line))
		return SEMEL_OK;
	return append(o, line);
}

static void once_close(void *self)
{
	struct once *o = self;

	free(o->how);
	free(o->path);
	free(o);
}

SEMEL_HANDLER(
    "once", "1.0.0", .settings = settings, .open = once_open, .handle = once_handle, .close = once_close);
