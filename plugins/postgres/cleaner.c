/* Rows of the inbox that are older than inbox_retention, deleted on a thread and a connection of its own.
 *
 * The connection is there only while it works.  Rows go a thousand a
 * transaction, and it rests as long as each took, so events hardly notice.
 * Cleaners of several hosts share the work: none waits for a row of another.
 */
#include "postgres.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ROWS 1000
#define INTERVAL_MIN_MS 1000
#define INTERVAL_MAX_MS (10 * 60 * 1000)

static bool is_stopping(void *arg)
{
	struct postgres *p = arg;

	return atomic_load(&p->cleaner.stopping);
}

static void clean(struct postgres *p)
{
	struct patience patience = { is_stopping, p };
	struct conn c = { .p = p };
	char text[640];
	long rows = ROWS;
	int r = conn_open_plain(&c, patience);

	snprintf(text, sizeof(text),
	    "DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE handled_at < now() - interval '%lld ms' "
	    "ORDER BY handled_at LIMIT %d FOR UPDATE SKIP LOCKED))",
	    p->inbox, p->inbox, (long long)p->retention_ms, ROWS);
	while (r == 0 && rows == ROWS) {
		int64_t since = now_ms();

		r = conn_run(&c, patience, text, &rows);
		if (r == 0)
			p->host->record(p->cleaned, (double)rows);
		if (r == 0 && !pause_ms(now_ms() - since, patience))
			break;
	}
	/* That the server is away, the workers say. */
	if (r == -EBADMSG) {
		struct semel_header why = { "why", { c.why, strlen(c.why) } };

		p->host->log(p->host, NULL, SEMEL_WARNING, "the inbox cannot be cleaned", &why, 1);
	}
	conn_free(&c);
}

/* Often enough that the inbox is at most a hundredth larger than asked for; false: stop. */
static bool rest(struct postgres *p)
{
	int64_t ms = p->retention_ms / 100;
	struct timespec until;

	ms = ms < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : ms > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : ms;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	pthread_mutex_lock(&p->cleaner.lock);
	while (!atomic_load(&p->cleaner.stopping) &&
	       pthread_cond_timedwait(&p->cleaner.wake, &p->cleaner.lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&p->cleaner.lock);
	return !atomic_load(&p->cleaner.stopping);
}

static void *work(void *arg)
{
	struct postgres *p = arg;

	while (rest(p))
		clean(p);
	return NULL;
}

int cleaner_start(struct postgres *p)
{
	pthread_condattr_t attr;
	int r;

	if (p->retention_ms == 0)
		return 0;
	pthread_mutex_init(&p->cleaner.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cleaner.wake, &attr);
	pthread_condattr_destroy(&attr);
	r = pthread_create(&p->cleaner.thread, NULL, work, p);
	p->cleaner.started = r == 0;
	return -r;
}

void cleaner_stop(struct postgres *p)
{
	if (!p->cleaner.started)
		return;
	pthread_mutex_lock(&p->cleaner.lock);
	atomic_store(&p->cleaner.stopping, true);
	pthread_cond_signal(&p->cleaner.wake);
	pthread_mutex_unlock(&p->cleaner.lock);
	pthread_join(p->cleaner.thread, NULL);
}
