#include "adapters/kafka.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <unistd.h>

int kafka_mock_run(int fd, const struct topic_partition *topics, size_t n, const volatile int *stop)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	const char *servers;

	/* The instance only carries the cluster: that it has no servers of its own is no news. */
	rd_kafka_conf_set(conf, "log_level", "3", text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	cluster = rk == NULL ? NULL : rd_kafka_mock_cluster_new(rk, 1);

	if (cluster == NULL) {
		fprintf(stderr, "embedded broker: %s\n", rk == NULL ? text : "cannot be made");
		return -EIO;
	}
	for (size_t i = 0; i < n; i++)
		rd_kafka_mock_topic_create(cluster, topics[i].topic, topics[i].partition, 1);
	servers = rd_kafka_mock_cluster_bootstraps(cluster);
	if (write(fd, servers, strlen(servers)) < 0)
		return -errno;
	close(fd);
	while (!*stop)
		usleep(50000);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
