/* Durations and sizes. */
#include "adapters/config_values.h"

#include <errno.h>
#include <stdlib.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Rising, so that the largest that divides is the last. */
static const struct unit durations[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	{ "d", 86400000 }, { NULL, 0 } };

static const struct unit sizes[] = { { "B", 1 }, { "KB", 1000 }, { "KiB", 1024 }, { "MB", 1000000 },
	{ "MiB", 1048576 }, { "GB", 1000000000 }, { "GiB", 1073741824 }, { NULL, 0 } };

static int with_unit(const char *text, const struct unit *units, int64_t *ret_value)
{
	char *end;
	long long n;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0)
		return -EINVAL;
	for (; units->name != NULL; units++) {
		if (strcmp(end, units->name) == 0) {
			if (n > INT64_MAX / units->factor)
				return -EINVAL;
			*ret_value = n * units->factor;
			return 0;
		}
	}
	return -EINVAL;
}

static void shortest(int64_t value, const struct unit *units, const struct unit *plain, struct buf *out)
{
	const struct unit *best = plain;

	for (; value > 0 && units->name != NULL; units++)
		if (value % units->factor == 0)
			best = units;
	buf_printf(out, "%lld%s", (long long)(value / best->factor), best->name);
}

int config_duration(const char *text, int64_t *ret_ms)
{
	return with_unit(text, durations, ret_ms);
}

int config_size(const char *text, int64_t *ret_bytes)
{
	return with_unit(text, sizes, ret_bytes);
}

void config_duration_text(int64_t ms, struct buf *out)
{
	shortest(ms, durations, &durations[1], out);
}

void config_size_text(int64_t bytes, struct buf *out)
{
	shortest(bytes, sizes, &sizes[0], out);
}
