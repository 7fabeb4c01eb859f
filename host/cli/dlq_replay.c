/* semel dlq replay: letters go to the retry topic, where the subscription takes them as new runs of the same events. */
#include "adapters/kafka.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/dlq.h"
#include "core/headers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASK_MS 10000
#define FLUSH_MS 30000
#define PARTITIONS_MAX 10000

struct replay {
	const struct config *config;
	const struct config_subscription *sub;
	struct kafka_producer *producer;
	bool dry;
	long rate;
	struct mono begin;
	long published, refused, gone, without_id, unsent;
	_Atomic long acknowledged, failed;
	int64_t *next; /* by partition of the dead-letter topic: behind the last that was published */
	int32_t n_next;
};

/* Threads: the producer's. */
static void ack(void *arg, void *cookie, const char *code, const char *text)
{
	struct replay *r = arg;

	(void)cookie;
	if (code == NULL) {
		atomic_fetch_add(&r->acknowledged, 1);
		return;
	}
	if (atomic_fetch_add(&r->failed, 1) == 0)
		fprintf(stderr, "semel dlq: %s: %s (%s)\n", r->sub->retry.topic, text, code);
}

static void own_headers(struct headers *h, const struct letter *l)
{
	h->n = 0;
	headers_retry(h, &(struct retry_note){ .event_id = l->id,
			     .replays = l->replays + 1,
			     .topic = l->topic,
			     .partition = l->partition,
			     .offset = l->offset,
			     .timestamp_ms = l->timestamp });
	headers_number(h, PREFIX_RETRY "after", l->retries);
}

/* 1, or -errno. */
static int publish(struct replay *r, const struct letter *l, struct bytes payload)
{
	const struct timespec pause = { 0, 10000000 };
	struct header *list;
	struct headers own;
	size_t n, own_at;
	int result;

	own_headers(&own, l);
	list = headers_join(l->m, &own, &n, &own_at);
	if (list == NULL)
		return -ENOMEM;
	while ((result = kafka_producer_send(
		    r->producer, r->sub->retry.topic, l->m->key, payload, list, n, -1, NULL)) == -ENOBUFS)
		nanosleep(&pause, NULL);
	free(list);
	return result < 0 ? result : 1;
}

/* The value of a letter that was too large for its topic lies where it came from. */
static int publish_oversize(struct replay *r, const struct letter *l)
{
	struct message m;
	char topic[250], why[512];
	int result;

	snprintf(topic, sizeof(topic), "%.*s", (int)(l->topic.len < 249 ? l->topic.len : 249),
	    l->topic.data == NULL ? "" : (const char *)l->topic.data);
	result = kafka_reader_one(r->config, topic, (int32_t)l->partition, l->offset, &m, why, sizeof(why));
	if (result < 0) {
		fprintf(stderr, "semel dlq: letter %d:%lld is without its value, and %s\n", l->m->partition,
		    (long long)l->m->offset, why);
		r->gone++;
		return 0;
	}
	result = publish(r, l, m.payload);
	m.ops->free(&m);
	return result;
}

/* Letters that cannot be replayed.  Of an id conflict one of two payloads was handled under this id: running the other
 * needs an id of its own, which only its producer can give. */
static bool is_refused(struct replay *r, const struct letter *l)
{
	if (bytes_equal(l->reason, bytes_of_text("id_conflict"))) {
		r->refused++;
		return true;
	}
	if (l->id.data == NULL || l->id.len == 0 || bytes_equal(l->reason, bytes_of_text("no_id")) ||
	    bytes_equal(l->reason, bytes_of_text("bad_id"))) {
		r->without_id++;
		return true;
	}
	return false;
}

static void keep_pace(const struct replay *r)
{
	int64_t due_us = r->rate == 0 ? 0 : r->published * 1000000 / r->rate;
	int64_t us = due_us - mono_diff_us(mono_now(), r->begin);
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	if (us > 0)
		nanosleep(&ts, NULL);
}

static int visit(void *arg, const struct letter *l)
{
	struct replay *r = arg;
	int result = 1;

	if (is_refused(r, l))
		return 0;
	if (!r->dry && bytes_equal(l->reason, bytes_of_text("oversize")))
		result = publish_oversize(r, l);
	else if (!r->dry)
		result = publish(r, l, l->m->payload);
	if (result < 0) {
		fprintf(stderr, "semel dlq: letter %d:%lld: %s\n", l->m->partition, (long long)l->m->offset,
		    strerror(-result));
		r->unsent++;
		/* One that is too large says nothing of the next; anything else would go on failing. */
		return result != -EMSGSIZE;
	}
	r->published += result;
	if (l->m->partition < r->n_next)
		r->next[l->m->partition] = l->m->offset + 1;
	if (!r->dry)
		keep_pace(r);
	return atomic_load(&r->failed) > 0;
}

/* ---- Before and after */

static int look_at_topic(const struct replay *r)
{
	struct kafka_admin *k;
	char why[512];
	int n, main_n = 1;

	if (kafka_admin_new(r->config, &k, why, sizeof(why)) < 0) {
		fprintf(stderr, "semel dlq: %s\n", why);
		return EXIT_UNREACHABLE;
	}
	n = kafka_admin_topic_exists(k, r->sub->retry.topic, ASK_MS);
	if (n == 0 && r->sub->topics[0][0] != '^')
		main_n = kafka_admin_topic_exists(k, r->sub->topics[0], ASK_MS);
	kafka_admin_free(k);
	if (n < 0) {
		fprintf(stderr, "semel dlq: the Kafka cluster does not answer\n");
		return EXIT_UNREACHABLE;
	}
	if (n == 0)
		fprintf(stderr,
		    "semel dlq: letters are replayed by the retry topic %s, which does not exist.  Make it, then wait a minute or "
		    "semel reload:\n  kafka-topics.sh --bootstrap-server ... --create --topic %s --partitions %d --config "
		    "retention.ms=604800000\n",
		    r->sub->retry.topic, r->sub->retry.topic, main_n > 0 ? main_n : 1);
	return n == 0 ? EXIT_NO : EXIT_YES;
}

static void say_where(const struct replay *r, const char *name)
{
	bool first = true;

	printf("go on with: semel dlq replay %s (the same selection) --from ", name);
	for (int32_t i = 0; i < r->n_next; i++) {
		if (r->next[i] == 0)
			continue;
		printf("%s%d=%lld", first ? "" : ",", i, (long long)r->next[i]);
		first = false;
	}
	printf("\n(replaying a letter twice is harmless: the second is a duplicate)\n");
}

static int report(const struct replay *r, const char *name, int result)
{
	long acknowledged = atomic_load(&r->acknowledged), failed = atomic_load(&r->failed);

	if (r->dry)
		printf("%ld letters would be replayed", r->published);
	else
		printf("%ld letters replayed to %s", acknowledged, r->sub->retry.topic);
	if (r->refused > 0)
		printf(", %ld refused (id_conflict)", r->refused);
	if (r->without_id > 0)
		printf(", %ld skipped (they have no id to be replayed under)", r->without_id);
	if (r->gone > 0)
		printf(", %ld skipped (oversize, and the original is gone)", r->gone);
	if (r->unsent > 0)
		printf(", %ld NOT SENT", r->unsent);
	if (failed > 0)
		printf(", %ld FAILED", failed);
	putchar('\n');
	if (!r->dry && acknowledged < r->published) {
		/* Which ones is not known: a place to go on from would pass over them. */
		printf(
		    "%ld were not acknowledged: ask for the same replay again (what was replayed is a duplicate then)\n",
		    r->published - acknowledged);
		return EXIT_UNREACHABLE;
	}
	if (result == EXIT_NO && r->published > 0 && !r->dry)
		say_where(r, name);
	return r->unsent > 0 ? EXIT_NO : result;
}

int dlq_replay(const struct config *c, const struct config_subscription *sub, const struct selection *s,
    const struct cli_options *o)
{
	struct replay r = { .config = c,
		.sub = sub,
		.dry = o->dry_run,
		.rate = o->rate == NULL ? 0 : strtol(o->rate, NULL, 10),
		.begin = mono_now(),
		.n_next = PARTITIONS_MAX };
	char why[512];
	int result = look_at_topic(&r);

	if (result != EXIT_YES)
		return result;
	if (!r.dry && kafka_producer_new(c, ack, &r, &r.producer, why, sizeof(why)) < 0) {
		fprintf(stderr, "semel dlq: %s\n", why);
		return EXIT_UNREACHABLE;
	}
	r.next = calloc(PARTITIONS_MAX, sizeof(*r.next));
	result = r.next == NULL ? EXIT_INTERNAL : dlq_each(c, sub, s, visit, &r);
	/* What was published is acknowledged before we say so. */
	kafka_producer_close(r.producer, FLUSH_MS);
	if (r.next != NULL)
		result = report(&r, sub->name, result);
	free(r.next);
	return result;
}
