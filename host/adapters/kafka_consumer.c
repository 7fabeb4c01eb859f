/* The consumer of one subscription.
 *
 * Bound by what was measured on librdkafka 2.0.2 (docs/kafka.md): records are
 * polled one by one, because the batch call loses some in cooperative
 * rebalances; offsets are only stored, because an explicit commit is rewound
 * at the next revoke; after a resume the fetchers are woken by a watermark
 * query, because they sleep up to a second otherwise.
 */
#include "adapters/kafka_consumer_private.h"

#include "adapters/kafka_conf.h"
#include "adapters/kafka_message.h"
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define QUERY_MS 5000

/* ---- Names and lists */

const char *consumer_topic(struct kafka_consumer *k, const char *name)
{
	struct topic *t;

	for (t = k->topics; t != NULL; t = t->next)
		if (strcmp(t->name, name) == 0)
			return t->name;
	t = calloc(1, sizeof(*t) + strlen(name) + 1);
	if (t == NULL)
		abort();
	memcpy(t->name, name, strlen(name) + 1);
	t->next = k->topics;
	k->topics = t;
	return t->name;
}

/* By the handle first: records come in runs of one topic. */
static const char *topic_of(struct kafka_consumer *k, rd_kafka_topic_t *rkt)
{
	const char *name;

	for (struct topic *t = k->topics; t != NULL; t = t->next)
		if (t->rkt == rkt)
			return t->name;
	name = consumer_topic(k, rd_kafka_topic_name(rkt));
	for (struct topic *t = k->topics; t != NULL; t = t->next)
		if (t->name == name)
			t->rkt = rkt;
	return name;
}

static struct topic_partition *from_native(
    struct kafka_consumer *k, const rd_kafka_topic_partition_list_t *list)
{
	struct topic_partition *out = calloc((size_t)list->cnt + 1, sizeof(*out));

	if (out == NULL)
		abort();
	for (int i = 0; i < list->cnt; i++)
		out[i] = (struct topic_partition){ consumer_topic(k, list->elems[i].topic),
			list->elems[i].partition, list->elems[i].offset < 0 ? -1 : list->elems[i].offset };
	return out;
}

static void tell(struct kafka_consumer *k, rd_kafka_resp_err_t err, const char *text, bool fatal)
{
	k->cb.error(k->cb.arg, rd_kafka_err2name(err), text, fatal || err == RD_KAFKA_RESP_ERR__FATAL);
}

/* ---- Rebalance */

static void native_assign(struct kafka_consumer *k, const rd_kafka_topic_partition_list_t *list, bool add)
{
	bool cooperative = strcmp(rd_kafka_rebalance_protocol(k->rk), "COOPERATIVE") == 0;
	rd_kafka_error_t *error = NULL;
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (cooperative)
		error = add ? rd_kafka_incremental_assign(k->rk, list)
			    : rd_kafka_incremental_unassign(k->rk, list);
	else
		err = rd_kafka_assign(k->rk, add ? list : NULL);
	if (error != NULL) {
		tell(k, rd_kafka_error_code(error), rd_kafka_error_string(error),
		    rd_kafka_error_is_fatal(error) != 0);
		rd_kafka_error_destroy(error);
	} else if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		tell(k, err, rd_kafka_err2str(err), false);
	}
}

/* New partitions come with their committed offsets, so that where to begin is decided before the first fetch. */
static void assigned(struct kafka_consumer *k, rd_kafka_topic_partition_list_t *list)
{
	struct topic_partition *ours;
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
	int r = 0;

	if (list->cnt == 0) {
		native_assign(k, list, true);
		return;
	}
	do {
		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			tell(k, err, "the committed offsets cannot be read; asked again", false);
		err = rd_kafka_committed(k->rk, list, QUERY_MS);
	} while (err != RD_KAFKA_RESP_ERR_NO_ERROR && !k->closing && r++ < 5);
	ours = from_native(k, list);
	r = err == RD_KAFKA_RESP_ERR_NO_ERROR ? k->cb.assign(k->cb.arg, ours, (size_t)list->cnt) : -EAGAIN;
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = ours[i].offset >= 0 ? ours[i].offset : RD_KAFKA_OFFSET_INVALID;
	if (r < 0)
		for (int i = 0; i < list->cnt; i++)
			list->elems[i].offset = RD_KAFKA_OFFSET_END;
	k->source.unresolved = k->source.unresolved || r == -EAGAIN;
	native_assign(k, list, true);
	kafka_ends_want(k);
	/* Not to be consumed: they stay ours, so that nobody else takes them past the trouble, and stand still. */
	if (r < 0)
		rd_kafka_pause_partitions(k->rk, list);
	free(ours);
}

static bool has_assignment(struct kafka_consumer *k)
{
	rd_kafka_topic_partition_list_t *list;
	bool has = true;

	if (rd_kafka_assignment(k->rk, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		has = list->cnt > 0;
		rd_kafka_topic_partition_list_destroy(list);
	}
	return has;
}

static void rebalance(
    rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct kafka_consumer *k = opaque;
	struct topic_partition *ours;

	if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		assigned(k, list);
		return;
	}
	ours = from_native(k, list);
	k->cb.revoke(k->cb.arg, ours, (size_t)list->cnt,
	    err != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || rd_kafka_assignment_lost(rk) != 0);
	free(ours);
	native_assign(k, list, false);
	if (k->source.unresolved) {
		/* A pause outlives the assignment. */
		rd_kafka_resume_partitions(k->rk, list);
		k->source.unresolved = has_assignment(k);
	}
}

/* ---- Other callbacks */

static void error_cb(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct kafka_consumer *k = opaque;
	char text[512];

	if (err == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk, text, sizeof(text));

		tell(k, code, text, true);
	} else {
		tell(k, (rd_kafka_resp_err_t)err, reason, false);
	}
}

static int stats_cb(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
	struct kafka_consumer *k = opaque;

	(void)rk;
	k->cb.statistics(k->cb.arg, json, len);
	return 0;
}

static void commit_cb(
    rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	struct kafka_consumer *k = opaque;

	(void)rk;
	(void)offsets;
	/* Around a rebalance a commit may come too early or late; the next one carries it. */
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR__NO_OFFSET &&
	    err != RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
		tell(k, err, "a commit failed; the next one carries it", false);
}

/* ---- Subscribing */

/* A topic as a pattern: it may not be there yet, which is no error then, and is found when it is made. */
static void put_pattern(struct buf *out, const char *topic)
{
	buf_char(out, '^');
	for (; *topic != '\0'; topic++) {
		if (*topic == '.')
			buf_char(out, '\\');
		buf_char(out, *topic);
	}
	buf_char(out, '$');
}

static int subscribe(struct source *s, char *why, size_t size)
{
	struct kafka_consumer *k = consumer_of(s);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)k->sub->n_topics + 1);
	struct buf retry = { NULL, 0, 0 };
	rd_kafka_resp_err_t err;

	for (size_t i = 0; i < k->sub->n_topics; i++)
		rd_kafka_topic_partition_list_add(list, k->sub->topics[i], RD_KAFKA_PARTITION_UA);
	put_pattern(&retry, k->sub->retry.topic);
	snprintf(k->retry_pattern, sizeof(k->retry_pattern), "%s", retry.data);
	rd_kafka_topic_partition_list_add(list, retry.data, RD_KAFKA_PARTITION_UA);
	err = rd_kafka_subscribe(k->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	buf_free(&retry);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	snprintf(why, size, "subscribe: %s", rd_kafka_err2str(err));
	return -EINVAL;
}

static int rejoin(struct source *s, char *why, size_t size)
{
	struct kafka_consumer *k = consumer_of(s);

	rd_kafka_unsubscribe(k->rk);
	return subscribe(s, why, size);
}

/* ---- Polling */

static void out_of_range(struct kafka_consumer *k, const rd_kafka_message_t *rkm)
{
	struct topic_partition tp = { topic_of(k, rkm->rkt), rkm->partition, -1 };
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_error_t *error;

	if (k->cb.out_of_range(k->cb.arg, tp.topic, tp.partition, &tp.offset) < 0)
		return;
	list = consumer_list(&tp, 1);
	error = rd_kafka_seek_partitions(k->rk, list, QUERY_MS);
	if (error != NULL) {
		tell(k, rd_kafka_error_code(error), rd_kafka_error_string(error), false);
		rd_kafka_error_destroy(error);
	}
	rd_kafka_topic_partition_list_destroy(list);
}

/* A retry topic that is not there is none that is missed: the error names only the pattern. */
static bool is_missing_retry_topic(const struct kafka_consumer *k, const rd_kafka_message_t *rkm)
{
	return rkm->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
	       strstr(rd_kafka_message_errstr(rkm), k->retry_pattern) != NULL;
}

static int poll(struct source *s, int timeout_ms, struct message *ret_message)
{
	struct kafka_consumer *k = consumer_of(s);
	rd_kafka_message_t *rkm = rd_kafka_consumer_poll(k->rk, timeout_ms);

	kafka_ends_tell(k);
	if (rkm == NULL)
		return 0;
	switch (rkm->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		kafka_message_fill(ret_message, rkm, topic_of(k, rkm->rkt));
		return 1;
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		k->cb.eof(k->cb.arg, topic_of(k, rkm->rkt), rkm->partition, rkm->offset);
		break;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: out_of_range(k, rkm); break;
	default:
		if (!is_missing_retry_topic(k, rkm))
			tell(k, rkm->err, rd_kafka_message_errstr(rkm), false);
		break;
	}
	rd_kafka_message_destroy(rkm);
	return 0;
}

static void leave(struct source *s)
{
	struct kafka_consumer *k = consumer_of(s);

	k->closing = true;
	kafka_ends_stop(k);
	rd_kafka_consumer_close(k->rk);
}

static void close_consumer(struct source *s)
{
	struct kafka_consumer *k = consumer_of(s);
	struct topic *next;

	kafka_ends_stop(k);
	rd_kafka_destroy(k->rk);
	for (struct topic *t = k->topics; t != NULL; t = next) {
		next = t->next;
		free(t);
	}
	free(k);
}

/* ---- Start */

static const struct kafka_default defaults[] = { { "partition.assignment.strategy", "cooperative-sticky" },
	{ "queued.min.messages", "1000000" }, { "queued.max.messages.kbytes", "131072" },
	{ "fetch.max.bytes", "8388608" }, { "check.crcs", "true" }, { "statistics.interval.ms", "5000" },
	{ "auto.commit.interval.ms", "1000" }, { "heartbeat.interval.ms", "1000" },
	{ "topic.metadata.refresh.interval.ms", "60000" }, { NULL, NULL } };

int kafka_source_new(const struct config *c, const struct config_subscription *sub,
    const struct source_callbacks *cb, struct source **ret_source, char *why, size_t size)
{
	static const struct source_ops ops = { subscribe, rejoin, poll, consumer_store, consumer_commit,
		consumer_group_used, consumer_watermarks, consumer_partitions, consumer_pause,
		consumer_resume, leave, close_consumer };
	struct kafka_consumer *k = calloc(1, sizeof(*k));
	char instance[256];
	struct kafka_default owned[] = { { "group.id", sub->group }, { "client.id", c->node },
		{ "enable.auto.commit", "true" }, { "enable.auto.offset.store", "false" },
		{ "auto.offset.reset", "error" }, { "enable.partition.eof", "true" },
		{ "group.instance.id", instance }, { NULL, NULL } };
	rd_kafka_conf_t *conf;

	if (k == NULL)
		return -ENOMEM;
	k->source.ops = &ops;
	k->sub = sub;
	k->cb = *cb;
	snprintf(instance, sizeof(instance), "%s.%s", c->node, sub->name);
	if (sub->membership == MEMBERSHIP_DYNAMIC)
		owned[6] = (struct kafka_default){ NULL, NULL };
	conf = kafka_conf_new(c, defaults, NULL, owned, why, size);
	if (conf == NULL) {
		free(k);
		return -EINVAL;
	}
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_rebalance_cb(conf, rebalance);
	rd_kafka_conf_set_error_cb(conf, error_cb);
	rd_kafka_conf_set_stats_cb(conf, stats_cb);
	rd_kafka_conf_set_offset_commit_cb(conf, commit_cb);
	k->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, size);
	if (k->rk == NULL) {
		rd_kafka_conf_destroy(conf);
		free(k);
		return -EINVAL;
	}
	rd_kafka_poll_set_consumer(k->rk);
	if (kafka_ends_start(k) < 0) {
		snprintf(why, size, "a thread cannot be started");
		close_consumer(&k->source);
		return -EAGAIN;
	}
	*ret_source = &k->source;
	return 0;
}
