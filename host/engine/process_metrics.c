#include "engine/process_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void put(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	buf_printf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.17g\n", name, help, name,
	    type, name, value);
}

/* When the machine booted, Unix time; 0: not known. */
static unsigned long long boot_time(void)
{
	unsigned long long seconds = 0;
	char line[256];
	FILE *f = fopen("/proc/stat", "re");

	while (f != NULL && seconds == 0 && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "btime %llu", &seconds);
	if (f != NULL)
		fclose(f);
	return seconds;
}

static void put_stat(struct buf *out)
{
	unsigned long utime, stime, virtual;
	unsigned long long start, boot = boot_time();
	double tick = (double)sysconf(_SC_CLK_TCK);
	long threads, resident;
	char line[1024] = "";
	const char *p;
	FILE *f = fopen("/proc/self/stat", "re");

	if (f == NULL)
		return;
	p = fgets(line, sizeof(line), f) == NULL ? NULL : strrchr(line, ')');
	fclose(f);
	if (p == NULL ||
	    sscanf(p + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld %*d %llu %lu %ld",
		&utime, &stime, &threads, &start, &virtual, &resident) != 6)
		return;
	put(out, "cpu_seconds_total", "counter", "User and system CPU time.", (double)(utime + stime) / tick);
	put(out, "resident_memory_bytes", "gauge", "Resident memory.",
	    (double)resident * (double)sysconf(_SC_PAGESIZE));
	put(out, "virtual_memory_bytes", "gauge", "Virtual memory.", (double)virtual);
	put(out, "threads", "gauge", "Threads.", (double)threads);
	if (boot > 0)
		put(out, "start_time_seconds", "gauge", "When it was started, Unix time.",
		    (double)boot + (double)start / tick);
}

static void put_descriptors(struct buf *out)
{
	DIR *d = opendir("/proc/self/fd");
	struct rlimit limit;
	int n = -3; /* `.`, `..`, and this one */

	if (d != NULL) {
		while (readdir(d) != NULL)
			n++;
		closedir(d);
		put(out, "open_fds", "gauge", "Open file descriptors.", n);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		put(out, "max_fds", "gauge", "Most file descriptors that it may open.",
		    (double)limit.rlim_cur);
}

void process_metrics(struct buf *out)
{
	put_stat(out);
	put_descriptors(out);
}
