#include "engine/event_log.h"

#include "core/trace.h"

#include <assert.h>

static bool trace_of(struct event *ev, bool held, struct trace *ret)
{
	if (ev->msg.ops == NULL || !(held || atomic_load_explicit(&ev->msg.parsed, memory_order_acquire)))
		return false;
	return trace_parse(ev->msg.ops->header(&ev->msg, "traceparent"), ret);
}

void event_log(enum log_level level, const char *message, const char *subscription, struct event *ev,
    bool held, const struct log_field *more, size_t n)
{
	struct log_field f[EVENT_LOG_MORE + 7];
	struct trace trace;
	size_t k = 0;

	if (!log_wanted(level))
		return;
	assert(n <= EVENT_LOG_MORE);
	f[k++] = LOG_TEXT("subscription", subscription);
	f[k++] = LOG_TEXT("topic", ev->origin.topic);
	f[k++] = LOG_INT("partition", ev->origin.partition);
	f[k++] = LOG_INT("offset", ev->origin.offset);
	f[k++] = LOG_BYTES("event_id", ev->id);
	for (size_t i = 0; i < n; i++)
		f[k++] = more[i];
	if (trace_of(ev, held, &trace)) {
		f[k++] = LOG_TEXT("trace_id", trace.trace_id);
		f[k++] = LOG_TEXT("span_id", trace.span_id);
	}
	log_write(level, message, f, k);
}
