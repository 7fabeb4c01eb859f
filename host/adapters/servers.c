#include "adapters/servers.h"

#include "adapters/kafka.h"
#include "adapters/redis_store.h"

static int source(void *arg, const struct config *c, const struct config_subscription *sub,
    const struct source_callbacks *cb, struct source **ret_source, char *why, size_t size)
{
	(void)arg;
	return kafka_source_new(c, sub, cb, ret_source, why, size);
}

static int sink(void *arg, const struct config *c, sink_ack_fn ack, void *ack_arg, struct sink **ret_sink,
    char *why, size_t size)
{
	struct kafka_producer *k;
	int r = kafka_producer_new(c, ack, ack_arg, &k, why, size);

	(void)arg;
	if (r == 0)
		*ret_sink = kafka_producer_sink(k);
	return r;
}

static struct store *store(void *arg, const struct config *c, const char *subscription)
{
	(void)arg;
	return redis_store_new(c, subscription);
}

const struct backend servers_backend = { .source = source, .sink = sink, .store = store };
