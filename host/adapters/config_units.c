/* Durations and sizes in the configuration. */
#include "adapters/config_values.h"

#include "core/units.h"

int config_duration(const char *text, int64_t *ret_ms)
{
	return units_duration(text, ret_ms);
}

int config_size(const char *text, int64_t *ret_bytes)
{
	return units_size(text, ret_bytes);
}

static void put(struct units_text t, struct buf *out)
{
	buf_printf(out, "%lld%s", t.n, t.unit);
}

void config_duration_text(int64_t ms, struct buf *out)
{
	put(units_duration_text(ms), out);
}

void config_size_text(int64_t bytes, struct buf *out)
{
	put(units_size_text(bytes), out);
}
