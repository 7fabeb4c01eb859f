#include "adapters/kafka_offsets.h"

#include "adapters/kafka_admin_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_MS 10000

/* ---- One admin request */

/* What came of a request that was put to q: an event without an error, or NULL with `why`. */
static rd_kafka_event_t *answer(rd_kafka_queue_t *q, char *why, size_t size)
{
	rd_kafka_event_t *e = rd_kafka_queue_poll(q, ASK_MS);

	if (e == NULL) {
		snprintf(why, size, "no answer");
		return NULL;
	}
	if (rd_kafka_event_error(e) == RD_KAFKA_RESP_ERR_NO_ERROR)
		return e;
	snprintf(why, size, "%s", rd_kafka_event_error_string(e));
	rd_kafka_event_destroy(e);
	return NULL;
}

/* ---- Where it stands */

static int by_place(const void *a, const void *b)
{
	const struct group_place *x = a, *y = b;
	int r = strcmp(x->topic, y->topic);

	return r != 0 ? r : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Asking for a topic by name may make it: all are asked for. */
static int find_partitions(struct kafka_admin *k, bool (*wanted)(void *arg, const char *topic), void *arg,
    struct group_place **ret_places, size_t *ret_n, char *why, size_t size)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err = rd_kafka_metadata(k->rk, 1, NULL, &md, ASK_MS);
	struct group_place *list;
	size_t n = 0;

	if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		snprintf(why, size, "%s", rd_kafka_err2str(err));
		return -EIO;
	}
	for (int i = 0; i < md->topic_cnt; i++)
		n += (size_t)md->topics[i].partition_cnt;
	list = calloc(n + 1, sizeof(*list));
	n = 0;
	for (int i = 0; list != NULL && i < md->topic_cnt; i++) {
		if (!wanted(arg, md->topics[i].topic))
			continue;
		for (int p = 0; p < md->topics[i].partition_cnt; p++) {
			list[n] = (struct group_place){ .partition = md->topics[i].partitions[p].id,
				.committed = -1 };
			snprintf(list[n++].topic, sizeof(list->topic), "%s", md->topics[i].topic);
		}
	}
	rd_kafka_metadata_destroy(md);
	if (list == NULL)
		return -ENOMEM;
	qsort(list, n, sizeof(*list), by_place);
	*ret_places = list;
	*ret_n = n;
	return 0;
}

static void take_committed(
    struct group_place *list, size_t n, const rd_kafka_topic_partition_list_t *committed)
{
	for (int i = 0; committed != NULL && i < committed->cnt; i++) {
		struct group_place key = { .partition = committed->elems[i].partition }, *found;

		snprintf(key.topic, sizeof(key.topic), "%s", committed->elems[i].topic);
		found = bsearch(&key, list, n, sizeof(*list), by_place);
		if (found != NULL && committed->elems[i].offset >= 0)
			found->committed = committed->elems[i].offset;
	}
}

static int find_committed(
    struct kafka_admin *k, const char *group, struct group_place *list, size_t n, char *why, size_t size)
{
	rd_kafka_ListConsumerGroupOffsets_t *ask = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
	const rd_kafka_group_result_t **groups;
	const rd_kafka_error_t *error;
	rd_kafka_event_t *e;
	size_t n_groups = 0;
	int r = -EIO;

	rd_kafka_ListConsumerGroupOffsets(k->rk, &ask, 1, NULL, q);
	e = answer(q, why, size);
	if (e != NULL) {
		groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
		    rd_kafka_event_ListConsumerGroupOffsets_result(e), &n_groups);
		error = n_groups == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
		r = n_groups == 1 && (error == NULL ||
					 rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
			? 0
			: -EIO;
		if (r == 0)
			take_committed(list, n, rd_kafka_group_result_partitions(groups[0]));
		else if (error != NULL)
			snprintf(why, size, "group %s: %s", group, rd_kafka_error_string(error));
		rd_kafka_event_destroy(e);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_ListConsumerGroupOffsets_destroy(ask);
	return r;
}

static int find_ends(struct kafka_admin *k, struct group_place *list, size_t n, char *why, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
		    k->rk, list[i].topic, list[i].partition, &list[i].low, &list[i].end, ASK_MS);

		if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			snprintf(
			    why, size, "%s/%d: %s", list[i].topic, list[i].partition, rd_kafka_err2str(err));
			return -EIO;
		}
	}
	return 0;
}

int kafka_admin_places(struct kafka_admin *k, const char *group, bool (*wanted)(void *arg, const char *topic),
    void *arg, struct group_place **ret_places, size_t *ret_n, char *why, size_t size)
{
	struct group_place *list = NULL;
	size_t n = 0;
	int r = find_partitions(k, wanted, arg, &list, &n, why, size);

	if (r == 0)
		r = find_committed(k, group, list, n, why, size);
	if (r == 0)
		r = find_ends(k, list, n, why, size);
	if (r < 0) {
		free(list);
		return r;
	}
	*ret_places = list;
	*ret_n = n;
	return 0;
}

/* ---- Where it shall stand */

int kafka_admin_at_time(struct kafka_admin *k, const struct group_place *places, size_t n, int64_t ms,
    int64_t *ret_offsets, char *why, size_t size)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_resp_err_t err;

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, places[i].topic, places[i].partition)->offset = ms;
	err = rd_kafka_offsets_for_times(k->rk, list, ASK_MS);
	for (int i = 0; i < list->cnt && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];

		err = tp->err;
		ret_offsets[i] = tp->offset >= 0 ? tp->offset : places[i].end;
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	snprintf(why, size, "%s", rd_kafka_err2str(err));
	return -EIO;
}

/* The broker takes offsets from outside only while a group has no members, and says so by one of these. */
static bool is_busy(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || err == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP ||
	       err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

static int moved(rd_kafka_event_t *e, const char *group, char *why, size_t size)
{
	const rd_kafka_topic_partition_list_t *list;
	const rd_kafka_group_result_t **groups;
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
	size_t n = 0;

	groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
	    rd_kafka_event_AlterConsumerGroupOffsets_result(e), &n);
	if (n != 1)
		return -EIO;
	if (rd_kafka_group_result_error(groups[0]) != NULL)
		err = rd_kafka_error_code(rd_kafka_group_result_error(groups[0]));
	list = rd_kafka_group_result_partitions(groups[0]);
	for (int i = 0; list != NULL && i < list->cnt && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		err = list->elems[i].err;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	snprintf(why, size, "group %s: %s", group, rd_kafka_err2str(err));
	return is_busy(err) ? -EBUSY : -EIO;
}

int kafka_admin_move(struct kafka_admin *k, const char *group, const struct topic_partition *list, size_t n,
    char *why, size_t size)
{
	rd_kafka_topic_partition_list_t *native = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_AlterConsumerGroupOffsets_t *ask;
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
	rd_kafka_event_t *e;
	int r = -EIO;

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(native, list[i].topic, list[i].partition)->offset =
		    list[i].offset;
	ask = rd_kafka_AlterConsumerGroupOffsets_new(group, native);
	rd_kafka_AlterConsumerGroupOffsets(k->rk, &ask, 1, NULL, q);
	e = answer(q, why, size);
	if (e != NULL) {
		r = moved(e, group, why, size);
		rd_kafka_event_destroy(e);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_AlterConsumerGroupOffsets_destroy(ask);
	rd_kafka_topic_partition_list_destroy(native);
	return r;
}
