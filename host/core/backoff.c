#include "core/backoff.h"

#include <assert.h>

int64_t backoff_ms(int64_t base_ms, int64_t max_ms, unsigned failures, uint64_t random)
{
	int64_t ceiling = base_ms;

	assert(failures > 0);
	for (unsigned i = 1; i < failures && ceiling < max_ms; i++)
		ceiling = ceiling > max_ms / 2 ? max_ms : 2 * ceiling;
	if (ceiling > max_ms)
		ceiling = max_ms;
	return ceiling <= 0 ? 0 : (int64_t)(random % ((uint64_t)ceiling + 1));
}

uint64_t backoff_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}
