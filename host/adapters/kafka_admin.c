#include "adapters/kafka.h"

#include "adapters/kafka_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct kafka_admin {
	rd_kafka_t *rk;
};

static const struct kafka_default none[] = { { NULL, NULL } };

int kafka_admin_new(const struct config *c, struct kafka_admin **ret_admin, char *why, size_t size)
{
	struct kafka_admin *k = calloc(1, sizeof(*k));
	rd_kafka_conf_t *conf = kafka_conf_new(c, none, &c->producer, none, why, size);

	if (k == NULL || conf == NULL) {
		free(k);
		return -EINVAL;
	}
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, size);
	if (k->rk == NULL) {
		rd_kafka_conf_destroy(conf);
		free(k);
		return -EINVAL;
	}
	*ret_admin = k;
	return 0;
}

int kafka_admin_topic_exists(struct kafka_admin *k, const char *topic, int timeout_ms)
{
	const struct rd_kafka_metadata *md;
	int n = 0;

	/* All topics: asking for one by name may make it. */
	if (rd_kafka_metadata(k->rk, 1, NULL, &md, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return -EIO;
	for (int i = 0; i < md->topic_cnt; i++)
		if (strcmp(md->topics[i].topic, topic) == 0)
			n = md->topics[i].partition_cnt;
	rd_kafka_metadata_destroy(md);
	return n;
}

int kafka_admin_create_topic(
    struct kafka_admin *k, const char *topic, int partitions, int timeout_ms, char *why, size_t size)
{
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, partitions, 1, why, size);
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
	rd_kafka_event_t *e = NULL;
	const rd_kafka_topic_result_t **results;
	size_t n = 0;
	int r = -EIO;

	if (t != NULL) {
		rd_kafka_CreateTopics(k->rk, &t, 1, NULL, q);
		e = rd_kafka_queue_poll(q, timeout_ms);
		rd_kafka_NewTopic_destroy(t);
		snprintf(why, size, "no answer");
	}
	if (e != NULL && rd_kafka_event_error(e) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(e), &n);
		if (n == 1 && rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
			r = 0;
		else if (n == 1 &&
			 rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			r = -EEXIST;
		else if (n == 1)
			snprintf(why, size, "%s", rd_kafka_err2str(rd_kafka_topic_result_error(results[0])));
	} else if (e != NULL) {
		snprintf(why, size, "%s", rd_kafka_event_error_string(e));
	}
	if (e != NULL)
		rd_kafka_event_destroy(e);
	rd_kafka_queue_destroy(q);
	return r;
}

void kafka_admin_free(struct kafka_admin *k)
{
	if (k == NULL)
		return;
	rd_kafka_destroy(k->rk);
	free(k);
}
