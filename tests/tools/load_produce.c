#include "load.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DISTANCE 1000

static long failures;

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk;
	(void)opaque;
	failures += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *producer(const struct load *l)
{
	static const char *const properties[][2] = { { "batch.num.messages", "10000" },
		{ "queue.buffering.max.messages", "1000000" }, { "acks", "all" },
		{ "enable.idempotence", "true" } };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;

	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set(conf, "bootstrap.servers", l->brokers, text, sizeof(text));
	/* At a given pace it is latency that counts: the record's timestamp is from before the linger. */
	if (l->rate > 0)
		rd_kafka_conf_set(conf, "linger.ms", "0.5", text, sizeof(text));
	if (l->transaction != NULL)
		rd_kafka_conf_set(conf, "transactional.id", l->transaction, text, sizeof(text));
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		rd_kafka_conf_set(conf, properties[i][0], properties[i][1], text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (rk == NULL) {
		fprintf(stderr, "semel-load: %s\n", text);
		exit(1);
	}
	return rk;
}

int load_topic(const struct load *l)
{
	rd_kafka_t *rk = producer(l);
	char text[256];
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(l->topic, (int)l->partitions, 1, text, sizeof(text));
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_event_t *e;
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
	size_t n;

	rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
	e = rd_kafka_queue_poll(q, 15000);
	if (e != NULL && (err = rd_kafka_event_error(e)) == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = rd_kafka_topic_result_error(
		    rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(e), &n)[0]);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		fprintf(stderr, "semel-load: %s: %s\n", l->topic, rd_kafka_err2str(err));
	if (e != NULL)
		rd_kafka_event_destroy(e);
	rd_kafka_queue_destroy(q);
	rd_kafka_NewTopic_destroy(t);
	rd_kafka_destroy(rk);
	return err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? 0 : 1;
}

int load_ends(const struct load *l)
{
	rd_kafka_t *rk = producer(l);
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, l->topic, NULL);
	const struct rd_kafka_metadata *md;
	int n = 0;

	if (rd_kafka_metadata(rk, 0, rkt, &md, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		n = md->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(md);
	}
	for (int i = 0; i < n; i++) {
		int64_t low, high;

		if (rd_kafka_query_watermark_offsets(rk, l->topic, i, &low, &high, 10000) ==
		    RD_KAFKA_RESP_ERR_NO_ERROR)
			printf("%d %lld\n", i, (long long)high);
	}
	rd_kafka_topic_destroy(rkt);
	rd_kafka_destroy(rk);
	return n > 0 ? 0 : 1;
}

static void send_one(rd_kafka_t *rk, const struct load *l, long i, bool copy, char *payload)
{
	char id[64], key[32];
	char text[32];
	const char *reason, *debug = load_debug(l, i, &reason, text);
	int n;

	snprintf(id, sizeof(id), "%s-%ld", l->prefix, i);
	snprintf(key, sizeof(key), "%c%ld", copy ? 'd' : 'k', i % l->keys);
	n = snprintf(payload, (size_t)l->size + 64, "{\"number\":%ld,\"filler\":\"", i);
	while (n < l->size - 2)
		payload[n++] = 'x';
	n += snprintf(payload + n, 8, "\"}");
	for (;;) {
		rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
		rd_kafka_resp_err_t err;

		rd_kafka_header_add(headers, "event-id", -1, id, -1);
		if (debug != NULL)
			rd_kafka_header_add(headers, "debug", -1, debug, -1);
		err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(l->topic),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, strlen(key)),
		    RD_KAFKA_V_VALUE(payload, (size_t)n), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
			return;
		rd_kafka_headers_destroy(headers);
		if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			fprintf(stderr, "semel-load: %s\n", rd_kafka_err2str(err));
			exit(1);
		}
		rd_kafka_poll(rk, 10);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void keep_pace(rd_kafka_t *rk, const struct load *l, long i, double start)
{
	double ahead = l->rate == 0 ? 0 : (double)i / (double)l->rate - (now() - start);

	if (ahead > 0.001)
		rd_kafka_poll(rk, (int)(ahead * 1000));
	else if (i % 256 == 0)
		rd_kafka_poll(rk, 0);
}

static void done(rd_kafka_error_t *e)
{
	if (e == NULL)
		return;
	fprintf(stderr, "semel-load: %s\n", rd_kafka_error_string(e));
	exit(1);
}

static void commit_at_end_of_stdin(rd_kafka_t *rk)
{
	char text[64];

	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, text, sizeof(text)) > 0)
		;
	done(rd_kafka_commit_transaction(rk, 30000));
}

int load_produce(const struct load *l)
{
	rd_kafka_t *rk = producer(l);
	char *payload = malloc((size_t)l->size + 64);
	long *later = calloc(DISTANCE, sizeof(*later)), sent = 0;
	double start = now();

	if (l->transaction != NULL) {
		done(rd_kafka_init_transactions(rk, 30000));
		done(rd_kafka_begin_transaction(rk));
	}
	/* later[j]: number + 1 of an event whose copy is due when the count is j modulo DISTANCE. */
	for (long i = 0; i < l->count + DISTANCE; i++) {
		if (later[i % DISTANCE] > 0) {
			send_one(rk, l, later[i % DISTANCE] - 1, true, payload);
			later[i % DISTANCE] = 0;
			sent++;
		}
		if (i >= l->count)
			continue;
		send_one(rk, l, i, false, payload);
		sent++;
		if (load_chance(l, i, 1, l->duplicates)) {
			long at = (i + 1 + (long)(l->seed + (uint64_t)i * 7) % (DISTANCE - 1)) % DISTANCE;

			if (later[at] == 0)
				later[at] = i + 1;
			else
				send_one(rk, l, i, true, payload), sent++;
		}
		keep_pace(rk, l, i, start);
	}
	while (rd_kafka_outq_len(rk) > 0)
		rd_kafka_flush(rk, 1000);
	if (l->transaction != NULL)
		commit_at_end_of_stdin(rk);
	rd_kafka_destroy(rk);
	printf("produced %ld records of %ld events, %ld failures, %.1f s\n", sent, l->count, failures,
	    now() - start);
	free(payload);
	free(later);
	return failures == 0 ? 0 : 1;
}
