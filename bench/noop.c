/* noop - handles every event by doing nothing: what is left is the host. */
#include <semel/handler.h>

static int noop(void *self, void *worker, const struct semel_event *e)
{
	(void)self;
	(void)worker;
	(void)e;
	return SEMEL_OK;
}

SEMEL_HANDLER("noop", "1.0.0", .handle = noop);
