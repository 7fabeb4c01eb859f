/* The group: partitions come and go, where they begin, what is stored. */
#include "engine/poller_private.h"

#include "adapters/keyed_hash.h"
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_MS 10000
/* A drain at a revoke lasts at most so long: well below any session timeout. */
#define DRAIN_MS 5000

struct partition *poller_partition(struct poller *p, const char *topic, int32_t partition)
{
	struct partition *part = p->last_part, **grown;

	if (part != NULL && part->topic == topic && part->partition == partition)
		return part;
	for (size_t i = 0; i < p->n_parts; i++)
		if (p->parts[i]->topic == topic && p->parts[i]->partition == partition)
			return p->last_part = p->parts[i];
	part = calloc(1, sizeof(*part));
	grown = realloc(p->parts, (p->n_parts + 1) * sizeof(*grown));
	if (part == NULL || grown == NULL)
		abort();
	p->parts = grown;
	*part = (struct partition){
		.topic = topic, .partition = partition, .index = (uint32_t)p->n_parts, .stored = -1
	};
	p->parts[p->n_parts++] = part;
	return p->last_part = part;
}

/* ---- Where to begin */

static bool is_retry(const struct poller *p, const char *topic)
{
	return strcmp(topic, p->s->conf->retry.topic) == 0;
}

/* The topics of a list, each once, without the retry topic. */
static size_t topics_of(
    const struct poller *p, const struct topic_partition *list, size_t n, const char **ret_topics)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		if (is_retry(p, list[i].topic))
			continue;
		while (j < k && ret_topics[j] != list[i].topic)
			j++;
		if (j == k)
			ret_topics[k++] = list[i].topic;
	}
	return k;
}

/* First or end offset, by policy. */
static int edge(
    struct poller *p, const char *topic, int32_t partition, enum config_start where, int64_t *ret_offset)
{
	int64_t low, high;
	int r = p->source->ops->watermarks(p->source, topic, partition, ASK_MS, &low, &high);

	if (r == 0)
		*ret_offset = where == START_EARLIEST ? low : high;
	return r;
}

/* A new group: the start of *all* partitions of these topics is committed by the host that finds it new.  Else a
 * second host would find a used group without an offset here, and begin at the beginning. */
static int start_group(
    struct poller *p, const char *const *topics, size_t n_topics, struct topic_partition *list, size_t n)
{
	char why[256] = "";
	int r = 0;

	for (size_t t = 0; t < n_topics && r >= 0; t++) {
		int count = p->source->ops->partitions(p->source, topics[t], ASK_MS);
		struct topic_partition *all = calloc(count > 0 ? (size_t)count : 1, sizeof(*all));

		r = count < 0 ? count : 0;
		for (int i = 0; i < count && r == 0; i++) {
			all[i] = (struct topic_partition){ topics[t], i, -1 };
			r = edge(p, topics[t], i, p->s->conf->start, &all[i].offset);
			for (size_t k = 0; k < n; k++)
				if (list[k].topic == topics[t] && list[k].partition == i)
					list[k].offset = all[i].offset;
		}
		if (r == 0)
			r = p->source->ops->commit(p->source, all, (size_t)count, ASK_MS, why, sizeof(why));
		free(all);
	}
	log_at(r < 0 ? LOG_ERROR : LOG_INFO, "group without offsets: start positions",
	    LOG_TEXT("subscription", p->s->conf->name),
	    LOG_TEXT("start", p->s->conf->start == START_EARLIEST ? "earliest" : "latest"),
	    LOG_TEXT("why", why));
	return r;
}

/* A partition that came later than the group's first start begins at its beginning. */
static int start_late(struct poller *p, struct topic_partition *tp)
{
	char why[256] = "";
	int r = edge(p, tp->topic, tp->partition, START_EARLIEST, &tp->offset);

	if (r == 0)
		r = p->source->ops->commit(p->source, tp, 1, ASK_MS, why, sizeof(why));
	log_at(r < 0 ? LOG_ERROR : LOG_INFO, "partition without a committed offset begins at its beginning",
	    LOG_TEXT("subscription", p->s->conf->name), LOG_TEXT("topic", tp->topic),
	    LOG_INT("partition", tp->partition), LOG_INT("offset", tp->offset), LOG_TEXT("why", why));
	return r;
}

static int resolve(struct poller *p, struct topic_partition *list, size_t n)
{
	const char **topics;
	size_t missing = 0, n_topics;
	char why[256];
	int used, r = 0;

	/* `start` is about the subscription's own topics: of the retry topic nothing may be passed over. */
	for (size_t i = 0; i < n && r == 0; i++) {
		if (list[i].offset < 0 && is_retry(p, list[i].topic))
			r = start_late(p, &list[i]);
		missing += list[i].offset < 0;
	}
	if (missing == 0 || r < 0)
		return r;
	topics = calloc(n, sizeof(*topics));
	n_topics = topics_of(p, list, n, topics);
	used = p->source->ops->group_used(p->source, topics, n_topics, ASK_MS, why, sizeof(why));
	if (used < 0) {
		poller_set_state(p, SUB_WAITING_BROKER, "%s", why);
		r = -EAGAIN;
	} else if (used == 0 && p->s->conf->start == START_ERROR) {
		poller_set_state(p, SUB_BLOCKED,
		    "group %s has no committed offset: set start = \"earliest\" or \"latest\" in subscription %s, or stop and say where (semel offsets)",
		    p->s->conf->group, p->s->conf->name);
		r = -ENODATA;
	} else if (used == 0) {
		r = start_group(p, topics, n_topics, list, n);
	} else {
		for (size_t i = 0; i < n && r == 0; i++)
			if (list[i].offset < 0)
				r = start_late(p, &list[i]);
	}
	free(topics);
	return r < 0 && r != -ENODATA ? -EAGAIN : r;
}

/* ---- What is subscribed to */

/* The topics, and how many partitions they have; of patterns only the text. */
static uint64_t subscribed(struct poller *p)
{
	static const uint8_t key[16];
	const struct config_subscription *conf = p->s->conf;
	struct buf text = { NULL, 0, 0 };
	uint64_t hash;

	for (size_t i = 0; i < conf->n_topics; i++)
		buf_printf(&text, "%s %d\n", conf->topics[i],
		    conf->topics[i][0] == '^'
			? 0
			: p->source->ops->partitions(p->source, conf->topics[i], ASK_MS));
	buf_printf(&text, "%s %d\n", conf->retry.topic,
	    p->source->ops->partitions(p->source, conf->retry.topic, ASK_MS));
	hash = keyed_hash_64(key, (struct bytes){ text.data, text.len }) | 1;
	buf_free(&text);
	return hash;
}

void poller_look_at_topics(struct poller *p)
{
	uint64_t now = subscribed(p), before = atomic_load(&p->s->section->subscribed);
	char why[256] = "";

	p->looked = true;
	atomic_store(&p->s->section->subscribed, now);
	if (before == 0 || before == now || p->s->conf->membership != MEMBERSHIP_STATIC)
		return;
	log_at(LOG_INFO, "other topics or partitions than before: the group is joined anew",
	    LOG_TEXT("subscription", p->s->conf->name));
	if (p->source->ops->rejoin(p->source, why, sizeof(why)) < 0)
		poller_set_state(p, SUB_BLOCKED, "%s", why);
}

/* ---- Assigned */

static void begin(struct poller *p, const struct topic_partition *tp, bool blocked)
{
	struct partition *part = poller_partition(p, tp->topic, tp->partition);

	part->epoch++;
	part->assigned = true;
	part->blocked = blocked;
	part->paused = false;
	part->outstanding = 0;
	part->next = part->position = part->stored = tp->offset;
	part->eof = part->end = part->first_end = -1;
	part->moved_at = mono_now();
	part->reason[0] = '\0';
	offsets_free(part->window);
	part->window = offsets_new(p->s->conf->max_window);
	if (part->window == NULL)
		abort();
	poller_show_partition(p, part);
}

static int assign(void *arg, struct topic_partition *list, size_t n)
{
	struct poller *p = arg;
	int r = resolve(p, list, n);

	for (size_t i = 0; i < n; i++) {
		begin(p, &list[i], r < 0);
		if (is_retry(p, list[i].topic))
			atomic_store(&p->s->has_retry_topic, true);
		log_at(LOG_INFO, "partition assigned", LOG_TEXT("subscription", p->s->conf->name),
		    LOG_TEXT("topic", list[i].topic), LOG_INT("partition", list[i].partition),
		    LOG_INT("offset", list[i].offset));
	}
	/* Newly assigned ones are not paused by the client: they follow at the next round. */
	p->all_paused = false;
	if (r == 0)
		poller_set_state(p, SUB_RUNNING, "%s", "");
	return r;
}

/* ---- Revoked */

static void ask_back(struct poller *p, const struct partition *part)
{
	struct revoke_mail *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	m->mail.kind = MAIL_REVOKE;
	m->part_index = part->index;
	m->epoch = part->epoch;
	mailbox_send(&p->s->flow_box, &m->mail);
}

static size_t unfinished(struct poller *p, const struct topic_partition *list, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += poller_partition(p, list[i].topic, list[i].partition)->outstanding;
	return sum;
}

static void revoke(void *arg, const struct topic_partition *list, size_t n, bool lost)
{
	struct poller *p = arg;
	struct mono until = mono_add_ms(mono_now(), DRAIN_MS);

	for (size_t i = 0; i < n; i++)
		ask_back(p, poller_partition(p, list[i].topic, list[i].partition));
	while (!lost && unfinished(p, list, n) > 0 && mono_before(mono_now(), until)) {
		mailbox_wait(&p->s->poller_box, mono_add_ms(mono_now(), 20));
		poller_take_back(p);
	}
	if (!lost)
		poller_store(p);
	for (size_t i = 0; i < n; i++) {
		struct partition *part = poller_partition(p, list[i].topic, list[i].partition);

		log_at(LOG_INFO, lost ? "partition lost" : "partition revoked",
		    LOG_TEXT("subscription", p->s->conf->name), LOG_TEXT("topic", part->topic),
		    LOG_INT("partition", part->partition), LOG_INT("stored", part->stored),
		    LOG_INT("unfinished", part->outstanding));
		part->assigned = false;
		poller_hide_partition(part);
		part->epoch++;
		part->outstanding = 0;
	}
}

/* ---- Ends, errors */

static void eof(void *arg, const char *topic, int32_t partition, int64_t offset)
{
	struct partition *part = poller_partition(arg, topic, partition);

	if (offset > part->eof)
		part->moved_at = mono_now();
	part->eof = part->end = offset;
}

static void end(void *arg, const char *topic, int32_t partition, int64_t offset)
{
	struct partition *part = poller_partition(arg, topic, partition);

	/* What was asked before a truncation, or before a later answer, says less. */
	if (part->assigned && offset > part->end)
		part->end = offset;
}

static int out_of_range(void *arg, const char *topic, int32_t partition, int64_t *ret_offset)
{
	struct poller *p = arg;
	struct partition *part = poller_partition(p, topic, partition);
	int r = -ERANGE;

	if (p->s->conf->out_of_range != START_ERROR)
		r = edge(p, topic, partition, p->s->conf->out_of_range, ret_offset);
	if (r < 0) {
		part->blocked = true;
		snprintf(part->reason, sizeof(part->reason),
		    "offset %lld is no longer in %s/%d: set out_of_range, or stop and move the group (semel offsets)",
		    (long long)part->next, topic, partition);
		poller_set_state(p, SUB_BLOCKED, "%s", part->reason);
		return r;
	}
	log_at(LOG_WARNING, "offset is no longer in the partition; going on elsewhere",
	    LOG_TEXT("subscription", p->s->conf->name), LOG_TEXT("topic", topic),
	    LOG_INT("partition", partition), LOG_INT("offset", part->next), LOG_INT("now", *ret_offset));
	/* A window of its own: offsets may go back. */
	ask_back(p, part);
	begin(p, &(struct topic_partition){ topic, partition, *ret_offset }, false);
	return 0;
}

static void error(void *arg, const char *code, const char *text, bool fatal)
{
	struct poller *p = arg;

	series_add(metrics_series(p->s->metrics, METRIC_KAFKA_ERRORS, code), 1);
	log_at(fatal ? LOG_ERROR : LOG_WARNING, "kafka", LOG_TEXT("subscription", p->s->conf->name),
	    LOG_TEXT("code", code), LOG_TEXT("text", text));
	if (fatal) {
		p->fenced = true;
		poller_set_state(p, SUB_BLOCKED,
		    "%s: %s. Is another host running with node name %s? Give each its own. The group is joined again",
		    code, text, p->s->config->node);
	} else if (strcmp(code, "_ALL_BROKERS_DOWN") == 0)
		poller_set_state(p, SUB_WAITING_BROKER, "no broker can be reached");
	else if (strcmp(code, "UNKNOWN_TOPIC_OR_PART") == 0 ||
		 strcmp(code, "TOPIC_AUTHORIZATION_FAILED") == 0 ||
		 strcmp(code, "GROUP_AUTHORIZATION_FAILED") == 0)
		poller_set_state(p, SUB_WAITING_BROKER, "%s: %s", code, text);
}

void poller_callbacks(struct poller *p, struct source_callbacks *cb)
{
	*cb = (struct source_callbacks){ .arg = p,
		.assign = assign,
		.revoke = revoke,
		.eof = eof,
		.end = end,
		.out_of_range = out_of_range,
		.error = error,
		.statistics = poller_statistics };
}

/* ---- Storing */

/* Low watermarks that moved; at the end of a partition with nothing open, the end itself: control records and a
 * compacted tail would else look like lag for ever. */
void poller_store(struct poller *p)
{
	struct topic_partition list[64];
	size_t n = 0;

	for (size_t i = 0; i < p->n_parts; i++) {
		struct partition *part = p->parts[i];

		if (!part->assigned || part->blocked)
			continue;
		offsets_advance(part->window, &part->position);
		if (offsets_length(part->window) == 0 && part->eof > part->position &&
		    part->eof >= part->next)
			part->position = part->eof;
		if (part->position <= part->stored)
			continue;
		part->stored = part->position;
		series_set(part->committed, (double)part->stored);
		list[n++] = (struct topic_partition){ part->topic, part->partition, part->stored };
		if (n == sizeof(list) / sizeof(list[0])) {
			p->source->ops->store(p->source, list, n);
			n = 0;
		}
	}
	if (n > 0)
		p->source->ops->store(p->source, list, n);
}
