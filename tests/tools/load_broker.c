#include "load.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

int load_broker(const struct load *l)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;

	rd_kafka_conf_set(conf, "log_level", "3", text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	cluster = rk == NULL ? NULL : rd_kafka_mock_cluster_new(rk, 1);
	if (cluster == NULL)
		return 1;
	rd_kafka_mock_topic_create(cluster, l->topic, (int)l->partitions, 1);
	if (l->dead_topic != NULL)
		rd_kafka_mock_topic_create(cluster, l->dead_topic, 1, 1);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (!stop)
		usleep(50000);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
