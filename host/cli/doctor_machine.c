/* What of the machine goes wrong in practice. */
#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#define FILES_LEAST 4096
#define DISK_LEAST (100LL << 20)

static void look_at_clock(struct findings *f)
{
	struct timex t = { .modes = 0 };

	if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		findings_add(f, AREA_MACHINE, false, NULL, "run chrony or systemd-timesyncd",
		    "the clock is not synchronised: times in logs, max_age and due retries are off with it");
}

static void look_at_limits(struct findings *f)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < FILES_LEAST && l.rlim_max < FILES_LEAST)
		findings_add(f, AREA_MACHINE, false, NULL,
		    "LimitNOFILE=65536 in the unit, or ulimit -n in the shell that starts semeld",
		    "at most %llu files can be open: each broker, worker and client takes some",
		    (unsigned long long)l.rlim_max);
}

static void look_at_disk(struct findings *f, const struct config *c)
{
	struct statvfs fs;

	if (statvfs(c->state_dir, &fs) < 0)
		findings_add(f, AREA_MACHINE, true, NULL, "make it, owned by the user of semeld, mode 0750",
		    "state_dir %s: %s", c->state_dir, strerror(errno));
	else if ((long long)fs.f_bavail * (long long)fs.f_frsize < DISK_LEAST)
		findings_add(f, AREA_MACHINE, false, NULL, "make room",
		    "the disk of state_dir %s has %lld MB left", c->state_dir,
		    (long long)fs.f_bavail * (long long)fs.f_frsize >> 20);
}

static int64_t memory_available(void)
{
	long long kb = -1;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	while (f != NULL && kb < 0 && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "MemAvailable: %lld kB", &kb);
	if (f != NULL)
		fclose(f);
	return kb < 0 ? INT64_MAX : kb * 1024;
}

/* Both are caps, reached only under load: so it is told beforehand. */
static void look_at_memory(struct findings *f, const struct config *c)
{
	int64_t may = 0, is = memory_available();

	for (size_t i = 0; i < c->n_subscriptions; i++)
		may += c->subscriptions[i].max_in_flight_bytes + c->ledger.filter_memory;
	if (may > is)
		findings_add(f, AREA_MACHINE, false, NULL,
		    "lower max_in_flight_bytes or ledger.filter_memory, or give the machine more",
		    "events in flight and the ledger's filters may take %lld MB, %lld MB are available",
		    (long long)may >> 20, (long long)is >> 20);
}

void doctor_machine(const struct config *c, struct findings *f)
{
	look_at_clock(f);
	look_at_limits(f);
	if (c == NULL)
		return;
	look_at_disk(f, c);
	look_at_memory(f, c);
}
