/* What a consumer asks the cluster: partitions, offsets of the group, ends. */
#include "adapters/kafka_consumer_private.h"

#include <errno.h>
#include <stdio.h>

int consumer_partitions(struct source *s, const char *topic, int timeout_ms)
{
	struct kafka_consumer *k = consumer_of(s);
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(k->rk, topic, NULL);
	const struct rd_kafka_metadata *md;
	int n = -EIO;

	if (rkt == NULL)
		return -EINVAL;
	if (rd_kafka_metadata(k->rk, 0, rkt, &md, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		n = md->topic_cnt == 1 && md->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR
			? md->topics[0].partition_cnt
			: -ENOENT;
		rd_kafka_metadata_destroy(md);
	}
	rd_kafka_topic_destroy(rkt);
	return n;
}

int consumer_group_used(
    struct source *s, const char *const *topics, size_t n, int timeout_ms, char *why, size_t size)
{
	struct kafka_consumer *k = consumer_of(s);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_resp_err_t err;
	int used = 0;

	for (size_t i = 0; i < n; i++)
		for (int p = consumer_partitions(s, topics[i], timeout_ms); p-- > 0;)
			rd_kafka_topic_partition_list_add(list, topics[i], p);
	err = rd_kafka_committed(k->rk, list, timeout_ms);
	for (int i = 0; i < list->cnt; i++)
		used |= list->elems[i].offset >= 0;
	rd_kafka_topic_partition_list_destroy(list);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return used;
	snprintf(why, size, "reading committed offsets: %s", rd_kafka_err2str(err));
	return -EIO;
}

int consumer_watermarks(struct source *s, const char *topic, int32_t partition, int timeout_ms,
    int64_t *ret_low, int64_t *ret_high)
{
	struct kafka_consumer *k = consumer_of(s);
	rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
	    k->rk, topic, partition, ret_low, ret_high, timeout_ms);

	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -EIO;
}
