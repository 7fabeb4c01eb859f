#include "adapters/kafka.h"

#include "adapters/kafka_conf.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct kafka_producer {
	struct sink sink;
	const struct config *config;
	rd_kafka_t *rk;
	sink_ack_fn ack;
	void *arg;
	pthread_t thread;
	_Atomic bool stopping;
};

static const struct kafka_default defaults[] = { { "linger.ms", "5" }, { "message.timeout.ms", "30000" },
	{ "compression.codec", "none" }, { "message.max.bytes", "1000000" }, { NULL, NULL } };

static const struct kafka_default owned[] = { { "enable.idempotence", "true" }, { "acks", "all" },
	{ NULL, NULL } };

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_producer *k = opaque;

	(void)rk;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		k->ack(k->arg, m->_private, NULL, NULL);
	else
		k->ack(k->arg, m->_private, rd_kafka_err2name(m->err), rd_kafka_err2str(m->err));
}

static void *serve(void *arg)
{
	struct kafka_producer *k = arg;

	while (!atomic_load(&k->stopping))
		rd_kafka_poll(k->rk, 100);
	return NULL;
}

int kafka_producer_new(const struct config *c, sink_ack_fn ack, void *arg,
    struct kafka_producer **ret_producer, char *why, size_t size)
{
	struct kafka_producer *k = calloc(1, sizeof(*k));
	rd_kafka_conf_t *conf;

	if (k == NULL)
		return -ENOMEM;
	k->config = c;
	k->ack = ack;
	k->arg = arg;
	conf = kafka_conf_new(c, defaults, &c->producer, owned, why, size);
	if (conf == NULL) {
		free(k);
		return -EINVAL;
	}
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, size);
	if (k->rk == NULL) {
		rd_kafka_conf_destroy(conf);
		free(k);
		return -EINVAL;
	}
	if (pthread_create(&k->thread, NULL, serve, k) != 0) {
		rd_kafka_destroy(k->rk);
		free(k);
		return -EAGAIN;
	}
	*ret_producer = k;
	return 0;
}

int kafka_producer_send(struct kafka_producer *k, const char *topic, struct bytes key, struct bytes value,
    const struct header *headers, size_t n, int64_t timestamp_ms, void *cookie)
{
	rd_kafka_headers_t *native = rd_kafka_headers_new(n);
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; i < n && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		err = rd_kafka_header_add(
		    native, headers[i].name, -1, headers[i].value.data, (ssize_t)headers[i].value.len);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(topic),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data, key.len),
		    RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len),
		    RD_KAFKA_V_TIMESTAMP(timestamp_ms < 0 ? 0 : timestamp_ms), RD_KAFKA_V_HEADERS(native),
		    RD_KAFKA_V_OPAQUE(cookie), RD_KAFKA_V_END);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	rd_kafka_headers_destroy(native);
	switch (err) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL: return -ENOBUFS;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return -EMSGSIZE;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return -ENOENT;
	case RD_KAFKA_RESP_ERR__FATAL: return -EIO;
	default: return -EINVAL;
	}
}

int kafka_producer_cluster(struct kafka_producer *k, int timeout_ms, char *ret_id, size_t size)
{
	char *id = rd_kafka_clusterid(k->rk, timeout_ms);

	if (id == NULL)
		return -EAGAIN;
	snprintf(ret_id, size, "%s", id);
	rd_kafka_mem_free(k->rk, id);
	return 0;
}

void kafka_producer_close(struct kafka_producer *k, int timeout_ms)
{
	if (k == NULL)
		return;
	rd_kafka_flush(k->rk, timeout_ms);
	atomic_store(&k->stopping, true);
	pthread_join(k->thread, NULL);
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(k->rk);
	free(k);
}

/* ---- As a sink */

static struct kafka_producer *producer_of(struct sink *s)
{
	return (struct kafka_producer *)s;
}

static int sink_send(struct sink *s, const char *topic, struct bytes key, struct bytes value,
    const struct header *headers, size_t n, int64_t timestamp_ms, void *cookie)
{
	return kafka_producer_send(producer_of(s), topic, key, value, headers, n, timestamp_ms, cookie);
}

static int sink_cluster(struct sink *s, int timeout_ms, char *ret_id, size_t size)
{
	return kafka_producer_cluster(producer_of(s), timeout_ms, ret_id, size);
}

static int sink_group_used(struct sink *s, const char *group, int timeout_ms, char *why, size_t size)
{
	return kafka_group_used(producer_of(s)->config, group, timeout_ms, why, size);
}

static void sink_close(struct sink *s, int timeout_ms)
{
	kafka_producer_close(producer_of(s), timeout_ms);
}

struct sink *kafka_producer_sink(struct kafka_producer *k)
{
	static const struct sink_ops ops = { sink_send, sink_cluster, sink_group_used, sink_close };

	k->sink.ops = &ops;
	return &k->sink;
}
