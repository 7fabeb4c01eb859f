#include "adapters/systemd.h"

#include <systemd/sd-daemon.h>

void systemd_notify(const char *state)
{
	(void)sd_notify(0, state);
}
