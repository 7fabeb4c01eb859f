/* trace.h - the W3C trace context of an event, as its header `traceparent` has it.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "base/bytes.h"

struct trace {
	char trace_id[33], span_id[17];	/* hex; the span is the sender's: parent-id */
};

/* False, and nothing written, for what is no valid traceparent (W3C Trace Context, level 1 and later versions). */
bool trace_parse(struct bytes traceparent, struct trace *ret_trace);

#endif
