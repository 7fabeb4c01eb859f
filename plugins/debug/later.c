/* Runs that end later: a thread completes them. */
#include "debug.h"

#include <stdlib.h>
#include <string.h>

struct open_run {
	const struct semel_event *event;
	long long due_ms;
	bool never, twice;
	struct open_run *next;
};

/* Takes its place among what the thread completes. */
static int later(struct debug *d, const struct semel_event *e, long ms, bool never, bool twice)
{
	struct open_run *run = malloc(sizeof(*run));

	if (run == NULL)
		return SEMEL_RETRY;
	*run = (struct open_run){ .event = e, .due_ms = debug_now_ms() + ms, .never = never, .twice = twice };
	pthread_mutex_lock(&d->lock);
	run->next = d->runs;
	d->runs = run;
	pthread_mutex_unlock(&d->lock);
	return SEMEL_ASYNC;
}

static void complete(struct debug *d, struct open_run *run)
{
	const struct semel_host *host = run->event->host;
	uint64_t token = run->event->token;
	bool cancelled = run->never;
	int outcome = cancelled ? SEMEL_CANCELLED : debug_note(d, run->event);

	host->complete(host, token, (enum semel_outcome)outcome, -1, NULL);
	if (run->twice && host->complete(host, token, SEMEL_REJECT, -1, "twice") == 0)
		abort();
	free(run);
}

/* The first that is due, taken out; NULL: none. */
static struct open_run *take_due(struct debug *d)
{
	struct open_run **at, *run = NULL;

	pthread_mutex_lock(&d->lock);
	for (at = &d->runs; *at != NULL; at = &(*at)->next) {
		const struct semel_event *e = (*at)->event;

		if ((*at)->never ? e->host->cancelled(e) : debug_now_ms() >= (*at)->due_ms)
			break;
	}
	run = *at;
	if (run != NULL)
		*at = run->next;
	pthread_mutex_unlock(&d->lock);
	return run;
}

static void *complete_runs(void *arg)
{
	struct debug *d = arg;
	struct open_run *run;

	while (!atomic_load(&d->closing)) {
		run = take_due(d);
		if (run != NULL)
			complete(d, run);
		else
			debug_sleep_ms(1);
	}
	return NULL;
}

int debug_later_start(struct debug *d)
{
	pthread_mutex_init(&d->lock, NULL);
	return -pthread_create(&d->thread, NULL, complete_runs, d);
}

void debug_later_stop(struct debug *d)
{
	atomic_store(&d->closing, true);
	pthread_join(d->thread, NULL);
}

void debug_later_flush(void *self)
{
	struct debug *d = self;

	pthread_mutex_lock(&d->lock);
	for (struct open_run *run = d->runs; run != NULL; run = run->next)
		run->due_ms = 0;
	pthread_mutex_unlock(&d->lock);
}

int debug_later(struct debug *d, const struct semel_event *e, const char *word)
{
	const char *colon = strchr(word, ':');
	long n = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);

	if (strncmp(word, "async:", 6) == 0)
		return later(d, e, n, false, false);
	if (strncmp(word, "twice:", 6) == 0)
		return later(d, e, n, false, true);
	if (strcmp(word, "async-never") == 0)
		return later(d, e, 0, true, false);
	if (strcmp(word, "early") != 0)
		return -1;
	if (debug_note(d, e) == SEMEL_OK)
		e->host->complete(e->host, e->token, SEMEL_OK, -1, NULL);
	return SEMEL_ASYNC;
}
