/* What is asked of a consumer group, while its coordinator is elsewhere: a new broker says so, or one after a failover.
 * librdkafka's mock cluster gives that answer when it is told to. */
#include "adapters/kafka_offsets.h"

#include "lib/config.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define API_OFFSET_FETCH 9
#define TIMEOUT_MS 5000

static rd_kafka_t *carrier;
static rd_kafka_mock_cluster_t *cluster;
static struct config *config;

static void setup(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct buf text = { NULL, 0, 0 };
	char why[256];

	rd_kafka_conf_set(conf, "log_level", "3", why, sizeof(why));
	carrier = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	cluster = rd_kafka_mock_cluster_new(carrier, 1);
	rd_kafka_mock_topic_create(cluster, "orders", 2, 1);
	conf_setup();
	buf_printf(&text,
	    "kafka = { bootstrap_servers = \"%s\"; };\nledger = { url = \"redis://r:6379/0\"; };\n",
	    rd_kafka_mock_cluster_bootstraps(cluster));
	free(conf_load(text.data, &config));
	buf_free(&text);
	ck_assert_ptr_nonnull(config);
}

static void teardown(void)
{
	config_free(config);
	conf_teardown();
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(carrier);
}

static bool is_orders(void *arg, const char *topic)
{
	(void)arg;
	return strcmp(topic, "orders") == 0;
}

static struct kafka_admin *admin(void)
{
	struct kafka_admin *k = NULL;
	char why[256] = "";

	ck_assert_msg(kafka_admin_of_group(config, "billing", &k, why, sizeof(why)) == 0, "%s", why);
	return k;
}

static void coordinator_is_elsewhere(int16_t api)
{
	rd_kafka_mock_push_request_errors(
	    cluster, api, 2, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
}

START_TEST(a_group_is_asked_for_while_its_coordinator_moves)
{
	char why[256] = "";
	int r;

	setup();
	coordinator_is_elsewhere(API_OFFSET_FETCH);
	r = kafka_group_used(config, "billing", TIMEOUT_MS, why, sizeof(why));
	ck_assert_msg(r == 0 || (r < 0 && why[0] != '\0'), "%d %s", r, why);
	teardown();
}
END_TEST

START_TEST(its_places_are_asked_for_while_its_coordinator_moves)
{
	struct kafka_admin *k;
	struct group_place *places = NULL;
	char why[256] = "";
	size_t n = 0;
	int r;

	setup();
	k = admin();
	coordinator_is_elsewhere(API_OFFSET_FETCH);
	r = kafka_admin_places(k, is_orders, NULL, &places, &n, why, sizeof(why));
	ck_assert_msg((r == 0 && n == 2) || (r < 0 && why[0] != '\0'), "%d %s", r, why);
	free(places);
	kafka_admin_free(k);
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_group_is_asked_for_while_its_coordinator_moves,
		its_places_are_asked_for_while_its_coordinator_moves, NULL };

	return unit_run("kafka group", tests);
}
