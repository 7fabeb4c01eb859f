#include "base/clock.h"

#include <assert.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec ts;
	int r = clock_gettime(id, &ts);

	assert(r == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct mono mono_now(void)
{
	return (struct mono){ read_us(CLOCK_BOOTTIME) };
}

int64_t wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}
