#include "core/event.h"

const char *dlq_reason_name(enum dlq_reason reason)
{
#define X(name, text) text,
	static const char *const names[] = { DLQ_REASONS(X) };
#undef X

	return names[reason];
}

const char *event_outcome_name(int outcome)
{
	static const char *const names[] = { "ok", "retry", "reject", "skip", NULL, "cancelled" };

	return outcome >= 0 && outcome < (int)(sizeof(names) / sizeof(names[0])) ? names[outcome] : NULL;
}
