/* The watchdog of one subscription: events that were delivered, and make no progress. */
#include "engine/ledger_private.h"

#include <stdio.h>

static void describe(struct ledger_io *io, const struct event *ev, struct mono now, char *out, size_t size)
{
	struct buf id = { NULL, 0, 0 };

	buf_logfmt(&id, ev->id, 80);
	snprintf(out, size,
	    "no progress for %lld s: %.200s/%d offset %lld, id %s, %s (handler %s), for %lld s",
	    (long long)mono_diff_us(now, io->progress_at) / 1000000, ev->origin.topic, ev->origin.partition,
	    (long long)ev->origin.offset, id.data, flow_doing(ev), io->s->config->handlers[ev->handler].name,
	    (long long)mono_diff_us(now, ev->polled) / 1000000);
	buf_free(&id);
}

void ledger_watch_progress(struct ledger_io *io, struct mono now)
{
	struct sub_status *st = &io->s->status;
	const struct event *ev = flow_oldest_active(io->flow);
	bool was = atomic_load(&io->s->stuck_events), stuck;
	char text[sizeof(st->stuck_events)] = "";

	/* An operator's pause, or a ledger that is away, has a state and a reason of its own. */
	if (ev == NULL || io->paused || !atomic_load(&io->s->accepting))
		io->progress_at = now;
	stuck = ev != NULL && mono_diff_us(now, io->progress_at) > io->s->conf->stall_timeout_ms * 1000;
	if (stuck)
		describe(io, ev, now, text, sizeof(text));
	pthread_mutex_lock(&st->lock);
	memcpy(st->stuck_events, text, sizeof(text));
	ledger_show_event(&st->stuck, stuck ? ev : NULL);
	pthread_mutex_unlock(&st->lock);
	atomic_store(&io->s->stuck_events, stuck);
	if (stuck && !was)
		log_at(
		    LOG_ERROR, "stuck", LOG_TEXT("subscription", io->s->conf->name), LOG_TEXT("why", text));
	else if (was && !stuck)
		log_at(LOG_INFO, "no longer stuck", LOG_TEXT("subscription", io->s->conf->name));
}
