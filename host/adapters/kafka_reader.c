#include "adapters/kafka_reader.h"

#include "adapters/kafka_conf.h"
#include "adapters/kafka_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_MS 10000

struct part {
	int64_t low, end, next;
};

struct kafka_reader {
	rd_kafka_t *rk;
	char *topic;
	struct part *parts;
	int n;
	char text[256];
};

static const struct kafka_default defaults[] = { { "queued.min.messages", "10000" }, { NULL, NULL } };
/* A group has to be named, and is not joined. */
static const struct kafka_default owned[] = { { "group.id", "semel-reader" },
	{ "enable.auto.commit", "false" }, { "enable.partition.eof", "true" },
	{ "auto.offset.reset", "earliest" }, { NULL, NULL } };

static int make(
    const struct config *c, const char *topic, struct kafka_reader **ret_reader, char *why, size_t size)
{
	struct kafka_reader *r = calloc(1, sizeof(*r));
	rd_kafka_conf_t *conf = kafka_conf_new(c, defaults, NULL, owned, why, size);

	if (r == NULL || conf == NULL) {
		free(r);
		return -EINVAL;
	}
	r->topic = strdup(topic);
	r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, size);
	if (r->rk == NULL) {
		rd_kafka_conf_destroy(conf);
		kafka_reader_free(r);
		return -EINVAL;
	}
	rd_kafka_poll_set_consumer(r->rk);
	*ret_reader = r;
	return 0;
}

/* Asking for a topic by name may make it: all are asked for. */
static int count_partitions(struct kafka_reader *r, char *why, size_t size)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err = rd_kafka_metadata(r->rk, 1, NULL, &md, ASK_MS);
	int n = 0;

	if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		snprintf(why, size, "%s", rd_kafka_err2str(err));
		return -EIO;
	}
	for (int i = 0; i < md->topic_cnt; i++)
		if (strcmp(md->topics[i].topic, r->topic) == 0)
			n = md->topics[i].partition_cnt;
	rd_kafka_metadata_destroy(md);
	if (n == 0)
		snprintf(why, size, "topic %s does not exist", r->topic);
	return n == 0 ? -ENOENT : n;
}

static int assign_all(struct kafka_reader *r, char *why, size_t size)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->n);
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (int i = 0; i < r->n && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		struct part *p = &r->parts[i];

		err = rd_kafka_query_watermark_offsets(r->rk, r->topic, i, &p->low, &p->end, ASK_MS);
		p->next = p->low;
		if (p->next < p->end)
			rd_kafka_topic_partition_list_add(list, r->topic, i)->offset = p->low;
	}
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt > 0)
		err = rd_kafka_assign(r->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	snprintf(why, size, "%s: %s", r->topic, rd_kafka_err2str(err));
	return -EIO;
}

int kafka_reader_new(
    const struct config *c, const char *topic, struct kafka_reader **ret_reader, char *why, size_t size)
{
	struct kafka_reader *r;
	int n = make(c, topic, &r, why, size);

	if (n < 0)
		return n;
	n = count_partitions(r, why, size);
	if (n > 0) {
		r->n = n;
		r->parts = calloc((size_t)n, sizeof(*r->parts));
		n = r->parts == NULL ? -ENOMEM : assign_all(r, why, size);
	}
	if (n < 0) {
		kafka_reader_free(r);
		return n;
	}
	*ret_reader = r;
	return 0;
}

static bool at_end(const struct kafka_reader *r)
{
	for (int i = 0; i < r->n; i++)
		if (r->parts[i].next < r->parts[i].end)
			return false;
	return true;
}

int kafka_reader_next(struct kafka_reader *r, int timeout_ms, struct message *ret_message)
{
	rd_kafka_message_t *m;
	struct part *p;
	int result = 0;

	if (at_end(r))
		return -ENODATA;
	m = rd_kafka_consumer_poll(r->rk, timeout_ms);
	if (m == NULL)
		return 0;
	p = m->rkt == NULL || m->partition < 0 || m->partition >= r->n ? NULL : &r->parts[m->partition];
	if (p != NULL && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		/* What stands before the end may be no records: markers of transactions, gaps. */
		p->next = p->end;
	} else if (p != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset < p->end) {
		p->next = m->offset + 1;
		kafka_message_fill(ret_message, m, r->topic);
		return 1;
	} else if (p != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		p->next = p->end; /* written after we began */
	} else if (m->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && m->err != RD_KAFKA_RESP_ERR__TRANSPORT) {
		snprintf(r->text, sizeof(r->text), "%s: %s", r->topic, rd_kafka_message_errstr(m));
		result = -EIO;
	}
	rd_kafka_message_destroy(m);
	return result;
}

const char *kafka_reader_text(const struct kafka_reader *r)
{
	return r->text;
}

int64_t kafka_reader_total(const struct kafka_reader *r)
{
	int64_t sum = 0;

	for (int i = 0; i < r->n; i++)
		sum += r->parts[i].end - r->parts[i].low;
	return sum;
}

int64_t kafka_reader_done(const struct kafka_reader *r)
{
	int64_t sum = 0;

	for (int i = 0; i < r->n; i++)
		sum += r->parts[i].next - r->parts[i].low;
	return sum;
}

void kafka_reader_free(struct kafka_reader *r)
{
	if (r == NULL)
		return;
	if (r->rk != NULL) {
		rd_kafka_consumer_close(r->rk);
		rd_kafka_destroy(r->rk);
	}
	free(r->parts);
	free(r->topic);
	free(r);
}

int kafka_reader_one(const struct config *c, const char *topic, int32_t partition, int64_t offset,
    struct message *ret_message, char *why, size_t size)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	struct kafka_reader *r = NULL;
	rd_kafka_message_t *m = NULL;
	int result = make(c, topic, &r, why, size);

	if (result == 0) {
		rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
		rd_kafka_assign(r->rk, list);
		m = rd_kafka_consumer_poll(r->rk, ASK_MS);
		result = -ENOENT;
		snprintf(why, size, "%s/%d has no record at offset %lld any more", topic, partition,
		    (long long)offset);
	}
	if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset == offset) {
		kafka_message_fill(ret_message, m, topic);
		result = ret_message->ops->detach(ret_message);
		m = NULL;
	}
	if (m != NULL)
		rd_kafka_message_destroy(m);
	rd_kafka_topic_partition_list_destroy(list);
	kafka_reader_free(r);
	return result;
}
