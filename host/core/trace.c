#include "core/trace.h"

/* version "-" trace-id "-" parent-id "-" flags */
#define TRACE_AT 3
#define TRACE_LEN 32
#define SPAN_AT 36
#define SPAN_LEN 16
#define FLAGS_AT 53
#define WHOLE_LEN 55

static bool is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
			return false;
	return true;
}

static bool is_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != '0')
			return false;
	return true;
}

bool trace_parse(struct bytes traceparent, struct trace *ret_trace)
{
	const char *p = traceparent.data;
	size_t n = traceparent.len;

	if (n < WHOLE_LEN || p[TRACE_AT - 1] != '-' || p[SPAN_AT - 1] != '-' || p[FLAGS_AT - 1] != '-')
		return false;
	if (!is_hex(p, 2) || !is_hex(p + TRACE_AT, TRACE_LEN) || !is_hex(p + SPAN_AT, SPAN_LEN) ||
	    !is_hex(p + FLAGS_AT, 2))
		return false;
	if (is_zero(p + TRACE_AT, TRACE_LEN) || is_zero(p + SPAN_AT, SPAN_LEN) || memcmp(p, "ff", 2) == 0)
		return false;
	/* A later version may have more behind a dash. */
	if (n > WHOLE_LEN && (memcmp(p, "00", 2) == 0 || p[WHOLE_LEN] != '-'))
		return false;
	memcpy(ret_trace->trace_id, p + TRACE_AT, TRACE_LEN);
	memcpy(ret_trace->span_id, p + SPAN_AT, SPAN_LEN);
	ret_trace->trace_id[TRACE_LEN] = ret_trace->span_id[SPAN_LEN] = '\0';
	return true;
}
