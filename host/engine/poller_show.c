/* What the poller tells: states, status, metrics. */
#include "engine/poller_private.h"

#include "adapters/json.h"
#include "core/flow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void poller_set_state(struct poller *p, enum sub_state state, const char *format, ...)
{
	struct sub_status *st = &p->s->status;
	bool changed = state != p->state;
	va_list ap;

	p->state = state;
	va_start(ap, format);
	vsnprintf(p->reason, sizeof(p->reason), format, ap);
	va_end(ap);
	pthread_mutex_lock(&st->lock);
	st->poller_state = state;
	memcpy(st->poller_reason, p->reason, sizeof(p->reason));
	pthread_mutex_unlock(&st->lock);
	if (changed && (state == SUB_BLOCKED || state == SUB_WAITING_BROKER))
		log_at(LOG_ERROR, "subscription cannot consume", LOG_TEXT("subscription", p->s->conf->name),
		    LOG_TEXT("state", sub_state_name(state)), LOG_TEXT("why", p->reason));
	else if (changed)
		log_at(LOG_INFO, "subscription", LOG_TEXT("subscription", p->s->conf->name),
		    LOG_TEXT("state", sub_state_name(state)));
}

void poller_stand(struct subscription *s, const struct event *ev, bool stands)
{
	struct partition *part = ev->part;
	struct buf id = { NULL, 0, 0 };

	buf_logfmt(&id, ev->id, 80);
	pthread_mutex_lock(&s->status.lock);
	if (stands && atomic_load(&part->standing) == 0)
		snprintf(part->stands_for, sizeof(part->stands_for), "offset %lld, id %s, attempt %u: %.100s",
		    (long long)ev->msg.offset, id.data, ev->run.attempt,
		    ev->run.why == NULL ? "" : ev->run.why);
	pthread_mutex_unlock(&s->status.lock);
	atomic_fetch_add(&part->standing, stands ? 1 : -1);
	atomic_fetch_add(&s->standing, stands ? 1 : -1);
	buf_free(&id);
}

void poller_show_partition(struct poller *p, struct partition *part)
{
	struct metrics *m = p->s->metrics;
	const char *name = p->s->conf->name;
	char number[16];

	snprintf(number, sizeof(number), "%d", part->partition);
	part->consumed = metrics_series(m, METRIC_CONSUMED, name, part->topic);
	part->stuck = metrics_series(m, METRIC_STUCK, name, part->topic, number);
	part->lag = metrics_series(m, METRIC_LAG, name, part->topic, number);
	part->fetch_lag = metrics_series(m, METRIC_FETCH_LAG, name, part->topic, number);
	part->committed = metrics_series(m, METRIC_COMMITTED_OFFSET, name, part->topic, number);
	poller_hide_partition(part);
	series_set(part->stuck, 0);
	if (part->stored >= 0)
		series_set(part->committed, (double)part->stored);
}

void poller_hide_partition(struct partition *part)
{
	/* Another host tells of it from now on: two would say twice as much. */
	series_hide(part->stuck);
	series_hide(part->lag);
	series_hide(part->fetch_lag);
	series_hide(part->committed);
}

bool poller_see_oldest(struct subscription *s, const struct event *ev)
{
	struct partition *part = ev->part;

	if (part->oldest_round == s->status.oldest_round)
		return false;
	part->oldest_round = s->status.oldest_round;
	part->oldest.offset = ev->msg.offset;
	part->oldest.polled_us = ev->polled.us;
	part->oldest.doing = flow_doing(ev);
	part->oldest.id_len = (uint16_t)ev->id.len;
	if (ev->id.len > 0)
		memcpy(part->oldest.id, ev->id.data, ev->id.len < BRIEF_ID_MAX ? ev->id.len : BRIEF_ID_MAX);
	return true;
}

static void publish_partition(struct poller *p, struct partition *part, struct partition_status *out)
{
	int64_t fetched = partition_fetched(part);

	snprintf(out->topic, sizeof(out->topic), "%s", part->topic);
	out->partition = part->partition;
	out->position = part->next;
	out->committed = part->stored;
	out->end = part->end;
	if (part->oldest_round == p->s->status.oldest_round)
		out->oldest = part->oldest;
	else
		out->oldest.polled_us = 0;
	out->state = part->blocked              ? "blocked"
		     : part->paused             ? "paused"
		     : p->state == SUB_DRAINING ? "draining"
						: "running";
	out->reason[0] = '\0';
	if (atomic_load(&part->standing) > 0)
		snprintf(out->reason, sizeof(out->reason), "%.80s/%d stands still for %.200s", part->topic,
		    part->partition, part->stands_for);
	if (part->end >= 0 && part->stored >= 0)
		series_set(part->lag, (double)(part->end > part->stored ? part->end - part->stored : 0));
	if (part->end >= 0 && part->next >= 0)
		series_set(part->fetch_lag, (double)(part->end > fetched ? part->end - fetched : 0));
}

void poller_publish(struct poller *p)
{
	struct sub_status *st = &p->s->status;
	struct partition_status *list = calloc(p->n_parts + 1, sizeof(*list));
	size_t n = 0;
	bool caught_up = true;

	if (list == NULL)
		return;
	for (size_t i = 0; i < p->n_parts; i++) {
		struct partition *part = p->parts[i];

		if (!part->assigned)
			continue;
		pthread_mutex_lock(&st->lock);
		publish_partition(p, part, &list[n++]);
		pthread_mutex_unlock(&st->lock);
		if (part->first_end < 0)
			part->first_end = part->end;
		caught_up = caught_up && part->first_end >= 0 && part->position >= part->first_end;
	}
	atomic_store(&p->s->caught_up, caught_up && n > 0);
	pthread_mutex_lock(&st->lock);
	free(st->partitions);
	st->partitions = list;
	st->n_partitions = n;
	pthread_mutex_unlock(&st->lock);
}

/* A fetch that stands still before the partition's end.  Whether the broker answers at all is told elsewhere; here it
 * counts either way. */
static bool stands_still(struct poller *p, struct partition *part, struct mono now)
{
	bool has_to_move = part->assigned && !part->blocked && !part->paused && !p->all_paused &&
			   part->end > partition_fetched(part) && p->full_since.us == MONO_NEVER.us;

	if (!has_to_move)
		part->moved_at = now;
	return mono_diff_us(now, part->moved_at) > p->s->conf->stall_timeout_ms * 1000;
}

/* Where the broker says that this is the end for a reader of what is committed, and there is more: what follows belongs
 * to a transaction that is open. */
static void tell_stuck(const struct partition *part, struct mono now, char *text, size_t size)
{
	int64_t fetched = partition_fetched(part);

	snprintf(text, size,
	    "the fetch of %.100s/%d stands still at offset %lld, %lld before its end, for %lld s%s",
	    part->topic, part->partition, (long long)fetched, (long long)(part->end - fetched),
	    (long long)mono_diff_us(now, part->moved_at) / 1000000,
	    part->eof == fetched
		? ": a producer's transaction is open there (kafka-transactions.sh find-hanging names it)"
		: "");
}

void poller_watch_fetch(struct poller *p)
{
	struct sub_status *st = &p->s->status;
	char text[sizeof(st->stuck_fetch)] = "";
	bool was = atomic_load(&p->s->stuck_fetch), stuck = false;
	struct mono now = mono_now();

	for (size_t i = 0; i < p->n_parts; i++) {
		struct partition *part = p->parts[i];
		bool still = stands_still(p, part, now);

		if (part->assigned)
			series_set(part->stuck, still);
		if (still && !stuck)
			tell_stuck(part, now, text, sizeof(text));
		stuck = stuck || still;
	}
	pthread_mutex_lock(&st->lock);
	memcpy(st->stuck_fetch, text, sizeof(text));
	pthread_mutex_unlock(&st->lock);
	atomic_store(&p->s->stuck_fetch, stuck);
	if (stuck && !was)
		log_at(LOG_ERROR, "stuck", LOG_TEXT("subscription", p->s->conf->name), LOG_TEXT("why", text));
	else if (was && !stuck)
		log_at(LOG_INFO, "no longer stuck", LOG_TEXT("subscription", p->s->conf->name));
}

/* The partitions' ends, and whether a broker is up, from the client's statistics. */
void poller_statistics(void *arg, const char *json, size_t len)
{
	struct poller *p = arg;
	struct json_doc *doc;
	char why[128], pointer[400];
	struct buf value = { NULL, 0, 0 };

	if (json_parse((struct bytes){ json, len }, &doc, why, sizeof(why)) < 0)
		return;
	for (size_t i = 0; i < p->n_parts; i++) {
		struct partition *part = p->parts[i];

		snprintf(pointer, sizeof(pointer), "/topics/%s/partitions/%d/hi_offset", part->topic,
		    part->partition);
		buf_clear(&value);
		if (part->assigned && json_pointer(doc, pointer, &value, NULL) == 1) {
			long long end = strtoll(value.data, NULL, 10);

			if (end > part->end)
				part->end = end;
		}
	}
	buf_clear(&value);
	if (p->state == SUB_WAITING_BROKER && !p->source->unresolved &&
	    json_pointer(doc, "/cgrp/state", &value, NULL) == 1 && strcmp(value.data, "up") == 0 &&
	    p->n_parts > 0)
		poller_set_state(p, SUB_RUNNING, "%s", "");
	buf_free(&value);
	json_free(doc);
}
