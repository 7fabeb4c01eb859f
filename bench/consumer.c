/* bench-consumer - what one would write without Semel: a loop around consumer_poll.
 *
 *   bench-consumer MODE BROKERS TOPIC COUNT REDIS-SOCKET
 *
 * none:      consume and nothing else: the ceiling
 * set:       SET id NX PX, and SET id done XX PX, a round trip each, an event: unsafe (nobody checks the owner)
 * pipeline:  the same two commands, pipelined by 256 events
 *
 * Prints: events, seconds, CPU seconds of this process.
 */
#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define RETENTION "86400000"

static redisContext *redis;

static double wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static rd_kafka_t *consumer(const char *brokers, const char *topic)
{
	static const char *const properties[][2] = { { "auto.offset.reset", "earliest" },
		{ "queued.min.messages", "1000000" }, { "fetch.max.bytes", "8388608" },
		{ "enable.auto.commit", "true" } };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256], group[64];
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_t *rk;

	snprintf(group, sizeof(group), "bench-%ld-%d", (long)time(NULL), (int)getpid());
	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
	rd_kafka_conf_set(conf, "group.id", group, text, sizeof(text));
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		rd_kafka_conf_set(conf, properties[i][0], properties[i][1], text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	rd_kafka_poll_set_consumer(rk);
	rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

static void id_of(rd_kafka_message_t *m, const void **id, size_t *len)
{
	rd_kafka_headers_t *headers;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_last(headers, "event-id", id, len) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		fprintf(stderr, "bench-consumer: an event without id\n");
		exit(1);
	}
}

static void take_reply(void)
{
	redisReply *r;

	if (redisGetReply(redis, (void **)&r) != REDIS_OK) {
		fprintf(stderr, "bench-consumer: redis: %s\n", redis->errstr);
		exit(1);
	}
	freeReplyObject(r);
}

static void with_redis(rd_kafka_message_t **batch, int n)
{
	const void *id;
	size_t len;

	for (int i = 0; i < n; i++) {
		id_of(batch[i], &id, &len);
		redisAppendCommand(redis, "SET %b claimed NX PX 10000", id, len);
	}
	for (int i = 0; i < n; i++)
		take_reply();
	for (int i = 0; i < n; i++) {
		id_of(batch[i], &id, &len);
		redisAppendCommand(redis, "SET %b done XX PX " RETENTION, id, len);
	}
	for (int i = 0; i < n; i++)
		take_reply();
}

int main(int argc, char **argv)
{
	rd_kafka_message_t *batch[BATCH];
	long count, done = 0;
	int size, n = 0;
	double start = 0, start_cpu = 0;
	rd_kafka_t *rk;

	if (argc != 6)
		return 64;
	count = strtol(argv[4], NULL, 10);
	size = strcmp(argv[1], "set") == 0 ? 1 : BATCH;
	if (strcmp(argv[1], "none") != 0)
		redis = redisConnectUnix(argv[5]);
	rk = consumer(argv[2], argv[3]);
	while (done < count) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);

		if (m == NULL || m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			if (m != NULL)
				rd_kafka_message_destroy(m);
			continue;
		}
		if (start == 0) {
			start = wall();
			start_cpu = cpu();
		}
		batch[n++] = m;
		done++;
		if (n < size && done < count)
			continue;
		if (redis != NULL)
			with_redis(batch, n);
		while (n > 0)
			rd_kafka_message_destroy(batch[--n]);
	}
	printf("%ld %.3f %.3f\n", done, wall() - start, cpu() - start_cpu);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return 0;
}
