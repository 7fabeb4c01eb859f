/* The group kafka: librdkafka's properties, '.' written '_'. */
#include "adapters/config_tree.h"
#include "adapters/kafka_properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 128

static const struct {
	const char *name, *reason;
} owned[] = {
	{ "group.id", "it is the subscription's group" },
	{ "group.instance.id", "it is made of node and subscription (membership)" },
	{ "group.protocol", "the host's drain at a rebalance is made for the classic protocol" },
	{ "client.id", "it is the node's name" },
	{ "enable.auto.commit", "offsets are committed once their events are settled" },
	{ "auto.commit.enable", "offsets are committed once their events are settled" },
	{ "enable.auto.offset.store", "offsets are stored once their events are settled" },
	{ "enable.partition.eof", "the host needs it to know a partition's end" },
	{ "auto.offset.reset", "a subscription's start and out_of_range decide" },
	{ "offset.store.method", "offsets are kept in Kafka" },
	{ "metadata.broker.list", "write bootstrap_servers" },
	{ "acks", "a dead letter needs all in-sync replicas" },
	{ "request.required.acks", "a dead letter needs all in-sync replicas" },
	{ "enable.idempotence", "the producer is idempotent" },
	{ "delivery.report.only.error", "a dead letter's success must be known" },
	{ "transactional.id", "the producer uses no transactions" },
	{ "plugin.library.paths", "it loads code that nobody has judged" },
};

static const char *const secrets[] = { "sasl.password", "ssl.key.password", "ssl.key.pem",
	"ssl.keystore.password", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config" };

static bool is_secret(const char *name)
{
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (strcmp(name, secrets[i]) == 0)
			return true;
	return false;
}

static const char *reason_of_owned(const char *name)
{
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (strcmp(name, owned[i].name) == 0)
			return owned[i].reason;
	return NULL;
}

/* librdkafka's name: each '_' is a '.', but for log_level, the one name with a '_' that text can set. */
static void property_name(const char *written, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s", written);
	for (char *p = name; *p != '\0' && strcmp(written, "log_level") != 0; p++)
		if (*p == '_')
			*p = '.';
}

/* "sasl.password.file" -> "sasl.password", and true, if that is a secret. */
static bool cut_file(char *name)
{
	size_t len = strlen(name);

	if (len <= 5 || strcmp(name + len - 5, ".file") != 0)
		return false;
	name[len - 5] = '\0';
	if (is_secret(name))
		return true;
	name[len - 5] = '.';
	return false;
}

static char *secret_of(struct config_loader *l, const config_setting_t *s)
{
	char *file = config_path_of(l, s), *secret = NULL, why[1024];

	if (file != NULL && config_secret(file, l->lenient, &secret, why, sizeof(why)) < 0)
		config_fault(l, s, "%s: %s", config_setting_name(s), why);
	free(file);
	return secret;
}

/* As the configuration writes it. */
static void written_name(char *name)
{
	for (; *name != '\0'; name++)
		if (*name == '.')
			*name = '_';
}

/* Whether librdkafka takes it; a secret's value is not looked at, so that no text can show it. */
static bool known_property(
    struct config_loader *l, const config_setting_t *s, const char *name, const char *value)
{
	char near[NAME_SIZE], why[512] = "";
	int r = kafka_property_check(
	    name, is_secret(name) ? NULL : value, near, sizeof(near), why, sizeof(why));

	written_name(near);
	if (r == -ENOENT)
		config_fault(l, s, "unknown key %s: librdkafka has no property %s%s%s%s",
		    config_setting_name(s), name, near[0] == '\0' ? "" : "; did you mean ", near,
		    near[0] == '\0' ? "" : "?");
	else if (r < 0)
		config_fault(
		    l, s, "%s: librdkafka does not take \"%s\": %s", config_setting_name(s), value, why);
	return r == 0;
}

static void add_property(struct config_loader *l, const config_setting_t *s, struct config_properties *list)
{
	const char *written = config_setting_name(s), *reason;
	char name[NAME_SIZE], *value;
	bool from_file;

	if (config_setting_is_aggregate(s)) {
		config_fault(l, s, "%s: expected a value, found %s", written, config_type_of(s));
		return;
	}
	property_name(written, name);
	from_file = cut_file(name);
	reason = reason_of_owned(name);
	if (reason != NULL) {
		config_fault(l, s, "%s cannot be set: %s", written, reason);
		return;
	}
	if (is_secret(name) && !from_file) {
		config_fault(l, s, "%s is a secret: put it into a file of its own and write %s_file", written,
		    written);
		return;
	}
	value = from_file ? secret_of(l, s) : config_scalar_of(l, s);
	if (value == NULL || config_is_misread(l, s) || !known_property(l, s, name, value)) {
		free(value);
		return;
	}
	list->list = config_grow(list->list, list->n, sizeof(*list->list));
	list->list[list->n++] = (struct config_property){ strdup(name), value, from_file,
		config_place_of(l, s) };
}

static void add_properties(struct config_loader *l, const config_setting_t *g, struct config_properties *list)
{
	for (int i = 0; i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);

		if (strcmp(config_setting_name(s), "producer") != 0 || list != &l->config->kafka)
			add_property(l, s, list);
		else if (config_is_group(l, s))
			add_properties(l, s, &l->config->producer);
	}
}

/* It was written, and it is not empty once its variables are replaced. */
static void check_servers(struct config_loader *l, const config_setting_t *g, const config_setting_t *where)
{
	const config_setting_t *s = config_member(g, "bootstrap_servers");
	const struct config_properties *p = &l->config->kafka;

	if (s == NULL)
		config_fault(l, where, "kafka.bootstrap_servers must be given");
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, "bootstrap.servers") == 0 && p->list[i].value[0] == '\0')
			config_fault(l, s, "bootstrap_servers: must not be empty");
}

void config_build_kafka(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *g = config_member(root, "kafka");

	/* What is no group was reported when the root was filled. */
	if (g != NULL && !config_setting_is_group(g))
		return;
	if (g != NULL)
		add_properties(l, g, &l->config->kafka);
	check_servers(l, g, g == NULL ? root : g);
}
