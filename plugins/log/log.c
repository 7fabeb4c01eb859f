/* log - one log line an event: for trying things out. */
#include <semel/handler.h>

#include <errno.h>
#include <stdlib.h>

static const struct semel_setting settings[] = {
	{ "payload", SEMEL_BOOLEAN, "false", "Log the payload, too." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

struct log {
	bool payload;
};

static int log_open(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	struct log *l = malloc(sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->payload = host->number(s, "payload") != 0;
	*ret_self = l;
	return 0;
}

static int log_handle(void *self, void *worker, const struct semel_event *e)
{
	const struct log *l = self;
	struct semel_header fields[] = { { "key", e->key }, { "payload", e->payload } };

	(void)worker;
	e->host->log(e->host, e, SEMEL_INFO, e->redelivered ? "event, perhaps seen before" : "event", fields,
	    l->payload ? 2 : 1);
	return SEMEL_OK;
}

static void log_close(void *self)
{
	free(self);
}

SEMEL_HANDLER(
    "log", "1.0.0", .settings = settings, .open = log_open, .handle = log_handle, .close = log_close);
