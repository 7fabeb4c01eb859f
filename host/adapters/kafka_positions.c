/* What is done with partitions that are assigned: positions stored and committed, pause, resume. */
#include "adapters/kafka_consumer_private.h"

#include <errno.h>
#include <stdio.h>

rd_kafka_topic_partition_list_t *consumer_list(const struct topic_partition *list, size_t n)
{
	rd_kafka_topic_partition_list_t *out = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(out, list[i].topic, list[i].partition)->offset =
		    list[i].offset;
	return out;
}

int consumer_store(struct source *s, const struct topic_partition *list, size_t n)
{
	rd_kafka_topic_partition_list_t *native = consumer_list(list, n);
	rd_kafka_resp_err_t err = rd_kafka_offsets_store(consumer_of(s)->rk, native);

	rd_kafka_topic_partition_list_destroy(native);
	/* _STATE: none of them is assigned any more; others, if any, were stored. */
	return err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__STATE ? 0 : -EIO;
}

int consumer_commit(
    struct source *s, const struct topic_partition *list, size_t n, int timeout_ms, char *why, size_t size)
{
	rd_kafka_topic_partition_list_t *native = consumer_list(list, n);
	rd_kafka_resp_err_t err = rd_kafka_commit(consumer_of(s)->rk, native, 0);

	(void)timeout_ms;
	rd_kafka_topic_partition_list_destroy(native);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	snprintf(why, size, "committing start offsets: %s", rd_kafka_err2str(err));
	return -EIO;
}

int consumer_pause(struct source *s, const struct topic_partition *list, size_t n)
{
	rd_kafka_topic_partition_list_t *native = consumer_list(list, n);
	rd_kafka_resp_err_t err = rd_kafka_pause_partitions(consumer_of(s)->rk, native);

	rd_kafka_topic_partition_list_destroy(native);
	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -EIO;
}

int consumer_resume(struct source *s, const struct topic_partition *list, size_t n)
{
	rd_kafka_t *rk = consumer_of(s)->rk;
	rd_kafka_topic_partition_list_t *native = consumer_list(list, n);
	rd_kafka_resp_err_t err = rd_kafka_resume_partitions(rk, native);
	int64_t low, high;

	rd_kafka_topic_partition_list_destroy(native);
	/* Any request to the leader wakes its sleeping fetcher: 850 ms of silence become 3. */
	for (size_t i = 0; i < n; i++)
		rd_kafka_query_watermark_offsets(
		    rk, list[i].topic, list[i].partition, &low, &high, i == 0 ? 1000 : 50);
	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -EIO;
}
