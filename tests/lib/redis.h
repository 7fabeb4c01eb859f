/* redis.h - a redis-server of a test's own, on a Unix socket, that can be killed and started again with its data.
 *
 * Threads: main only.
 * Uses:    adapters/redis_store, lib/unit.h.
 */
#ifndef TESTS_LIB_REDIS_H
#define TESTS_LIB_REDIS_H

#include "adapters/keyed_hash.h"
#include "adapters/redis_store.h"
#include "lib/unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

struct redis_test {
	char folder[64], path[96];
	pid_t pid;
	struct config config;
	struct config_server place;
};

static inline void redis_nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Its data are what the last SAVE wrote, or the append-only file. */
static inline void redis_test_start(struct redis_test *t, bool append_only)
{
	t->pid = fork();
	if (t->pid == 0) {
		/* A test that fails leaves none behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", t->path, "--save", "",
		    "--appendonly", append_only ? "yes" : "no", "--appendfsync", "always", "--dir", t->folder,
		    (char *)NULL);
		_exit(127);
	}
	/* A call fails at once until it is up; wait on that, not on time. */
	for (int i = 0; i < 400; i++) {
		struct store *s = redis_store_new(&t->config, "wait");
		struct store_stats stats;
		int r = s->ops->stats(s, 1, &stats);

		s->ops->free(s);
		if (r == 0)
			return;
		redis_nap_ms(10);
	}
	ck_abort_msg("redis-server does not answer");
}

static inline void redis_test_kill(struct redis_test *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
}

/* A configuration whose ledger lies at t->path. */
static inline void redis_test_configure(struct redis_test *t, int64_t lease_ms, int64_t timeout_ms)
{
	unit_folder(t->folder);
	snprintf(t->path, sizeof(t->path), "%s/redis.sock", t->folder);
	t->place = (struct config_server){ t->path, 0 };
	t->config = (struct config){ .ledger = { .scheme = LEDGER_UNIX,
					 .servers = &t->place,
					 .n_servers = 1,
					 .prefix = (char *)(uintptr_t) "unit",
					 .lease_ms = lease_ms,
					 .timeout_ms = timeout_ms } };
	ck_assert_int_eq(keyed_hash_setup(), 0);
}

static inline void redis_test_command(const struct redis_test *t, const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "redis-cli -s %s %s >/dev/null", t->path, command);
	ck_assert_int_eq(system(line), 0);
}

#endif
