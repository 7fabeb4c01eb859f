#include "core/event.h"

const char *dlq_reason_name(enum dlq_reason reason)
{
#define X(name, text) text,
	static const char *const names[] = { DLQ_REASONS(X) };
#undef X

	return names[reason];
}
