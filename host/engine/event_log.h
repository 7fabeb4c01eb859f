/* event_log.h - a log line about an event: where it is from, its id, and its trace.
 *
 * `trace_id` and `span_id` are there if it carries a valid traceparent, which
 * is looked at for the line alone.
 *
 * Owns:    nothing.
 * Threads: any, with an event as said below.
 * Uses:    core/event, core/trace, base/log.
 */
#ifndef ENGINE_EVENT_LOG_H
#define ENGINE_EVENT_LOG_H

#include "base/log.h"
#include "core/event.h"

#define EVENT_LOG_MORE 6

/* `more` stands behind the event's own fields, at most EVENT_LOG_MORE of them.  `held`: the caller holds the event; else
 * (a worker has it) its trace is told only if its headers were read before. */
void event_log(enum log_level level, const char *message, const char *subscription, struct event *ev, bool held,
    const struct log_field *more, size_t n);

#endif
