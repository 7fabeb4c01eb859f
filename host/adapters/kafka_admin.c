#include "adapters/kafka.h"

#include "adapters/kafka_admin_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct kafka_default none[] = { { NULL, NULL } };

static int make(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *group,
    struct kafka_admin **ret_admin, char *why, size_t size)
{
	struct kafka_admin *k = calloc(1, sizeof(*k));

	if (k == NULL || conf == NULL) {
		free(k);
		return -EINVAL;
	}
	k->group = group;
	k->rk = rd_kafka_new(type, conf, why, size);
	if (k->rk == NULL) {
		rd_kafka_conf_destroy(conf);
		free(k);
		return -EINVAL;
	}
	*ret_admin = k;
	return 0;
}

int kafka_admin_new(const struct config *c, struct kafka_admin **ret_admin, char *why, size_t size)
{
	return make(RD_KAFKA_PRODUCER, kafka_conf_new(c, none, &c->producer, none, why, size), NULL,
	    ret_admin, why, size);
}

int kafka_admin_of_group(
    const struct config *c, const char *group, struct kafka_admin **ret_admin, char *why, size_t size)
{
	const struct kafka_default owned[] = { { "group.id", group }, { "client.id", c->node },
		{ NULL, NULL } };

	return make(
	    RD_KAFKA_CONSUMER, kafka_conf_new(c, none, NULL, owned, why, size), group, ret_admin, why, size);
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

/* ---- Asking about topics, the cluster */

int kafka_admin_cluster(struct kafka_admin *k, int timeout_ms, char *ret_id, size_t size)
{
	char *id = rd_kafka_clusterid(k->rk, timeout_ms);

	if (id == NULL)
		return -EAGAIN;
	snprintf(ret_id, size, "%s", id);
	rd_kafka_mem_free(k->rk, id);
	return 0;
}

static int find_entry(rd_kafka_event_t *e, const char *name, char *ret_value, size_t size)
{
	const rd_kafka_ConfigResource_t **resources;
	const rd_kafka_ConfigEntry_t **entries;
	size_t n = 0, n_entries = 0;

	resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(e), &n);
	if (n != 1 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return -EACCES;
	entries = rd_kafka_ConfigResource_configs(resources[0], &n_entries);
	for (size_t i = 0; i < n_entries; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) != 0 || value == NULL)
			continue;
		snprintf(ret_value, size, "%s", value);
		return 0;
	}
	return -ENOENT;
}

int kafka_admin_topic_config(
    struct kafka_admin *k, const char *topic, const char *name, int timeout_ms, char *ret_value, size_t size)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
	rd_kafka_event_t *e;
	int r = -EIO;

	rd_kafka_DescribeConfigs(k->rk, &resource, 1, NULL, q);
	e = rd_kafka_queue_poll(q, timeout_ms);
	if (e != NULL && rd_kafka_event_error(e) == RD_KAFKA_RESP_ERR_NO_ERROR)
		r = find_entry(e, name, ret_value, size);
	if (e != NULL)
		rd_kafka_event_destroy(e);
	rd_kafka_queue_destroy(q);
	rd_kafka_ConfigResource_destroy(resource);
	return r;
}

void kafka_admin_free(struct kafka_admin *k)
{
	if (k == NULL)
		return;
	/* A consumer that never joined has nothing to leave. */
	rd_kafka_destroy_flags(k->rk, k->group != NULL ? RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE : 0);
	free(k);
}
