/* Records of a file as an event source: one partition a topic, delivered in the order of the file. */
#include "cli/event_file.h"
#include "cli/try/try_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What an event costs beside its bytes, as the other source counts it. */
#define EVENT_OVERHEAD 512

struct try_source {
	struct source source;
	const struct try_engine *engine;
	struct source_callbacks cb;
	bool subscribed, assigned, ended;
	bool paused[TRY_MAX_TOPICS];
	int64_t next[TRY_MAX_TOPICS]; /* offset, by topic */
	size_t at; /* the next record in the order of delivery */
};

static struct try_source *source_of(struct source *s)
{
	return (struct try_source *)s;
}

static int topic_of(const struct try_source *s, const char *name)
{
	const struct try_events *e = s->engine->events;

	for (size_t i = 0; i < e->n_topics; i++)
		if (strcmp(e->topics[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* ---- The group */

static struct topic_partition *all_partitions(const struct try_source *s)
{
	const struct try_events *e = s->engine->events;
	struct topic_partition *list = calloc(e->n_topics, sizeof(*list));

	if (list == NULL)
		abort();
	for (size_t i = 0; i < e->n_topics; i++)
		list[i] = (struct topic_partition){ e->topics[i].name, 0,
			atomic_load(&s->engine->shared->committed[i]) };
	return list;
}

static void assign(struct try_source *s)
{
	const struct try_events *e = s->engine->events;
	struct topic_partition *list = all_partitions(s);

	s->assigned = s->cb.assign(s->cb.arg, list, e->n_topics) == 0;
	for (size_t i = 0; i < e->n_topics; i++) {
		s->next[i] = list[i].offset;
		s->paused[i] = false;
	}
	s->at = 0;
	s->ended = false;
	free(list);
}

static void revoke(struct try_source *s, bool lost)
{
	struct topic_partition *list = all_partitions(s);

	s->cb.revoke(s->cb.arg, list, s->engine->events->n_topics, lost);
	s->assigned = false;
	free(list);
}

static int subscribe(struct source *src, char *why, size_t size)
{
	(void)why;
	(void)size;
	source_of(src)->subscribed = true;
	return 0;
}

static void leave(struct source *src)
{
	struct try_source *s = source_of(src);

	if (s->assigned)
		revoke(s, false);
	s->subscribed = false;
}

static int rejoin(struct source *src, char *why, size_t size)
{
	leave(src);
	return subscribe(src, why, size);
}

/* Whoever stood still for too long has lost its partitions to the other. */
static void rebalance(struct try_source *s)
{
	bool ours = atomic_load(&s->engine->shared->owner) == s->engine->host;

	if (ours && s->subscribed && !s->assigned)
		assign(s);
	else if (!ours && s->assigned)
		revoke(s, true);
}

/* ---- Records */

static void tell_ends(struct try_source *s)
{
	const struct try_events *e = s->engine->events;

	for (size_t i = 0; i < e->n_topics && !s->ended; i++)
		s->cb.eof(s->cb.arg, e->topics[i].name, 0, (int64_t)e->topics[i].n);
	s->ended = true;
}

/* The next that was not delivered to this engine; NULL: none now. */
static const struct try_record *next_record(struct try_source *s)
{
	const struct try_events *e = s->engine->events;

	while (s->at < e->n_records && e->records[s->at].offset < s->next[e->records[s->at].topic])
		s->at++;
	if (s->at == e->n_records) {
		tell_ends(s);
		return NULL;
	}
	/* A partition that is paused holds the file up. */
	return s->paused[e->records[s->at].topic] ? NULL : &e->records[s->at];
}

static void fill(const struct try_source *s, const struct try_record *r, struct message *m)
{
	const struct try_events *e = s->engine->events;

	event_file_message(&e->list[r->event].json, r->offset, m);
	m->topic = e->topics[r->topic].name;
	m->size = m->key.len + m->payload.len + EVENT_OVERHEAD;
}

static int poll(struct source *src, int timeout_ms, struct message *ret_message)
{
	struct try_source *s = source_of(src);
	struct timespec pause = { 0, timeout_ms * 1000000L };
	const struct try_record *r;

	rebalance(s);
	r = s->assigned ? next_record(s) : NULL;
	if (r == NULL) {
		if (timeout_ms > 0)
			nanosleep(&pause, NULL);
		return 0;
	}
	fill(s, r, ret_message);
	s->next[r->topic] = r->offset + 1;
	s->at++;
	return 1;
}

/* ---- Positions */

static int store(struct source *src, const struct topic_partition *list, size_t n)
{
	struct try_source *s = source_of(src);

	for (size_t i = 0; i < n; i++) {
		int t = topic_of(s, list[i].topic);

		if (t >= 0 && atomic_load(&s->engine->shared->owner) == s->engine->host)
			atomic_store(&s->engine->shared->committed[t], list[i].offset);
	}
	return 0;
}

static int commit(
    struct source *src, const struct topic_partition *list, size_t n, int timeout_ms, char *why, size_t size)
{
	(void)timeout_ms;
	(void)why;
	(void)size;
	return store(src, list, n);
}

static int group_used(
    struct source *src, const char *const *topics, size_t n, int timeout_ms, char *why, size_t size)
{
	const struct try_source *s = source_of(src);
	int used = 0;

	(void)timeout_ms;
	(void)why;
	(void)size;
	for (size_t i = 0; i < n; i++) {
		int t = topic_of(s, topics[i]);

		used |= t >= 0 && atomic_load(&s->engine->shared->committed[t]) >= 0;
	}
	return used;
}

static int watermarks(struct source *src, const char *topic, int32_t partition, int timeout_ms,
    int64_t *ret_low, int64_t *ret_high)
{
	const struct try_source *s = source_of(src);
	int t = topic_of(s, topic);

	(void)timeout_ms;
	if (t < 0 || partition != 0)
		return -ENOENT;
	*ret_low = 0;
	*ret_high = (int64_t)s->engine->events->topics[t].n;
	return 0;
}

static int partitions(struct source *src, const char *topic, int timeout_ms)
{
	(void)timeout_ms;
	return topic_of(source_of(src), topic) < 0 ? -ENOENT : 1;
}

static int set_paused(struct source *src, const struct topic_partition *list, size_t n, bool paused)
{
	struct try_source *s = source_of(src);

	for (size_t i = 0; i < n; i++) {
		int t = topic_of(s, list[i].topic);

		if (t >= 0)
			s->paused[t] = paused;
	}
	return 0;
}

static int pause_partitions(struct source *src, const struct topic_partition *list, size_t n)
{
	return set_paused(src, list, n, true);
}

static int resume_partitions(struct source *src, const struct topic_partition *list, size_t n)
{
	return set_paused(src, list, n, false);
}

static void close_source(struct source *src)
{
	free(src);
}

int try_source_new(void *arg, const struct config *c, const struct config_subscription *sub,
    const struct source_callbacks *cb, struct source **ret_source, char *why, size_t size)
{
	static const struct source_ops ops = { subscribe, rejoin, poll, store, commit, group_used, watermarks,
		partitions, pause_partitions, resume_partitions, leave, close_source };
	struct try_source *s = calloc(1, sizeof(*s));

	(void)c;
	(void)sub;
	if (s == NULL) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	s->source.ops = &ops;
	s->engine = arg;
	s->cb = *cb;
	*ret_source = &s->source;
	return 0;
}
