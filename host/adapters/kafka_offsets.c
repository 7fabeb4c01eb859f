#include "adapters/kafka_offsets.h"

#include "adapters/kafka_admin_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_MS 10000

/* ---- Requests */

/* What came of a request that was put to q: an event without an error, or NULL with `why`. */
static rd_kafka_event_t *answer(rd_kafka_queue_t *q, int timeout_ms, char *why, size_t size)
{
	rd_kafka_event_t *e = rd_kafka_queue_poll(q, timeout_ms);

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

/* The offsets of the one group that was asked for; NULL: it has none yet.  -EIO with `why`. */
static int committed_in(
    rd_kafka_event_t *e, const rd_kafka_topic_partition_list_t **ret_list, char *why, size_t size)
{
	const rd_kafka_group_result_t **groups;
	const rd_kafka_error_t *error;
	size_t n = 0;

	groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
	    rd_kafka_event_ListConsumerGroupOffsets_result(e), &n);
	if (n != 1)
		return -EIO;
	error = rd_kafka_group_result_error(groups[0]);
	/* A group that nobody has made yet has none. */
	if (error != NULL && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
		snprintf(why, size, "%s", rd_kafka_error_string(error));
		return -EIO;
	}
	*ret_list = error != NULL ? NULL : rd_kafka_group_result_partitions(groups[0]);
	return 0;
}

/* All offsets that the client's group has committed, lent to `take`. */
static int ask_committed(struct kafka_admin *k, int timeout_ms,
    void (*take)(void *arg, const rd_kafka_topic_partition_t *tp), void *arg, char *why, size_t size)
{
	rd_kafka_ListConsumerGroupOffsets_t *ask = rd_kafka_ListConsumerGroupOffsets_new(k->group, NULL);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
	    k->rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
	const rd_kafka_topic_partition_list_t *list = NULL;
	rd_kafka_event_t *e;
	char text[64];
	int r = -EIO;

	assert(k->group != NULL);
	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
	rd_kafka_ListConsumerGroupOffsets(k->rk, &ask, 1, options, q);
	e = answer(q, timeout_ms + 500, why, size);
	if (e != NULL) {
		r = committed_in(e, &list, why, size);
		for (int i = 0; list != NULL && i < list->cnt; i++)
			if (list->elems[i].offset >= 0)
				take(arg, &list->elems[i]);
		rd_kafka_event_destroy(e);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ListConsumerGroupOffsets_destroy(ask);
	return r;
}

/* ---- Whether it was used */

static void take_any(void *arg, const rd_kafka_topic_partition_t *tp)
{
	(void)tp;
	*(bool *)arg = true;
}

int kafka_group_used(const struct config *c, const char *group, int timeout_ms, char *why, size_t size)
{
	struct kafka_admin *k;
	bool used = false;
	int r = kafka_admin_of_group(c, group, &k, why, size);

	if (r < 0)
		return r;
	r = ask_committed(k, timeout_ms, take_any, &used, why, size);
	kafka_admin_free(k);
	return r < 0 ? r : used;
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

struct places {
	struct group_place *list;
	size_t n;
};

static void take_committed(void *arg, const rd_kafka_topic_partition_t *tp)
{
	struct places *p = arg;
	struct group_place key = { .partition = tp->partition }, *found;

	snprintf(key.topic, sizeof(key.topic), "%s", tp->topic);
	found = bsearch(&key, p->list, p->n, sizeof(*p->list), by_place);
	if (found != NULL)
		found->committed = tp->offset;
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

int kafka_admin_places(struct kafka_admin *k, bool (*wanted)(void *arg, const char *topic), void *arg,
    struct group_place **ret_places, size_t *ret_n, char *why, size_t size)
{
	struct places p = { NULL, 0 };
	int r = find_partitions(k, wanted, arg, &p.list, &p.n, why, size);

	if (r == 0)
		r = ask_committed(k, ASK_MS, take_committed, &p, why, size);
	if (r == 0)
		r = find_ends(k, p.list, p.n, why, size);
	if (r < 0) {
		free(p.list);
		return r;
	}
	*ret_places = p.list;
	*ret_n = p.n;
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

static int moved(rd_kafka_event_t *e, char *why, size_t size)
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
	snprintf(why, size, "%s", rd_kafka_err2str(err));
	return is_busy(err) ? -EBUSY : -EIO;
}

int kafka_admin_move(
    struct kafka_admin *k, const struct topic_partition *list, size_t n, char *why, size_t size)
{
	rd_kafka_topic_partition_list_t *native = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_AlterConsumerGroupOffsets_t *ask;
	rd_kafka_queue_t *q = rd_kafka_queue_new(k->rk);
	rd_kafka_event_t *e;
	int r = -EIO;

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(native, list[i].topic, list[i].partition)->offset =
		    list[i].offset;
	ask = rd_kafka_AlterConsumerGroupOffsets_new(k->group, native);
	rd_kafka_AlterConsumerGroupOffsets(k->rk, &ask, 1, NULL, q);
	e = answer(q, ASK_MS, why, size);
	if (e != NULL) {
		r = moved(e, why, size);
		rd_kafka_event_destroy(e);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_AlterConsumerGroupOffsets_destroy(ask);
	rd_kafka_topic_partition_list_destroy(native);
	return r;
}
