#include "core/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static struct units_text shortest(int64_t value, const struct unit *units, const struct unit *plain)
{
	const struct unit *best = plain;

	for (; value > 0 && units->name != NULL; units++)
		if (value % units->factor == 0)
			best = units;
	return (struct units_text){ value / best->factor, best->name };
}

int units_duration(const char *text, int64_t *ret_ms)
{
	return with_unit(text, durations, ret_ms);
}

int units_size(const char *text, int64_t *ret_bytes)
{
	return with_unit(text, sizes, ret_bytes);
}

struct units_text units_duration_text(int64_t ms)
{
	return shortest(ms, durations, &durations[1]);
}

struct units_text units_size_text(int64_t bytes)
{
	return shortest(bytes, sizes, &sizes[0]);
}
