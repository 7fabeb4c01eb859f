/* The groups kafka, ledger and http of the main file. */
#include "adapters/config_tree.h"

#include <stdio.h>
#include <stdlib.h>

void *config_grow(void *list, size_t n, size_t size)
{
	char *grown = realloc(list, (n + 1) * size);

	if (grown == NULL)
		abort();
	memset(grown + n * size, 0, size);
	return grown;
}

/* ---- kafka */

struct owned {
	const char *name, *reason;
};

static const struct owned owned_properties[] = {
	{ "group.id", "it is the subscription's group" },
	{ "group.instance.id", "it is made from node and subscription (membership)" },
	{ "enable.auto.commit", "offsets are committed when events are settled" },
	{ "enable.auto.offset.store", "offsets are stored when events are settled" },
	{ "enable.partition.eof", "it is needed to know a partition's end" },
	{ "auto.offset.reset", "start and out_of_range decide" },
	{ "go.batch.consumer", "there is no such thing here" },
	{ "acks", "dead letters need all replicas" },
	{ "request.required.acks", "dead letters need all replicas" },
	{ "enable.idempotence", "the producer is idempotent" },
	{ "transactional.id", "the producer uses no transactions" },
	{ "client.id", "it is the node's name" },
};

static bool is_secret(const char *name)
{
	static const char *const secrets[] = { "sasl.password", "ssl.key.password", "ssl.keystore.password",
		"sasl.oauthbearer.client.secret", "ssl.key.pem", "sasl.oauthbearer.config" };

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (strcmp(name, secrets[i]) == 0)
			return true;
	return false;
}

/* "sasl_password_file" -> "sasl.password", and true. */
static bool property_name(const char *written, char *ret_name, size_t size)
{
	size_t len = strlen(written);
	bool file;

	snprintf(ret_name, size, "%s", written);
	for (char *p = ret_name; *p != '\0'; p++)
		if (*p == '_')
			*p = '.';
	file = len > 5 && strcmp(written + len - 5, "_file") == 0;
	if (file) {
		ret_name[strlen(ret_name) - 5] = '\0';
		if (is_secret(ret_name))
			return true;
		strncat(ret_name, ".file", size - strlen(ret_name) - 1);
	}
	return false;
}

static void add_property(struct config_loader *l, const config_setting_t *s, struct config_properties *list)
{
	char name[128], why[512];
	bool from_file = property_name(config_setting_name(s), name, sizeof(name));
	char *value;

	for (size_t i = 0; i < sizeof(owned_properties) / sizeof(owned_properties[0]); i++) {
		if (strcmp(name, owned_properties[i].name) == 0) {
			config_fault(
			    l, s, "%s cannot be set: %s", config_setting_name(s), owned_properties[i].reason);
			return;
		}
	}
	if (is_secret(name) && !from_file) {
		config_fault(l, s, "%s is a secret: put it into a file of its own and write %s_file",
		    config_setting_name(s), config_setting_name(s));
		return;
	}
	value = config_scalar_of(l, s);
	if (value == NULL)
		return;
	if (from_file) {
		char *secret = NULL;

		if (config_secret(value, l->lenient, &secret, why, sizeof(why)) < 0)
			config_fault(l, s, "%s: %s", config_setting_name(s), why);
		free(value);
		value = secret;
		if (value == NULL)
			return;
	}
	list->list = config_grow(list->list, list->n, sizeof(*list->list));
	list->list[list->n++] = (struct config_property){ strdup(name), value, from_file,
		config_place_of(l, s) };
}

void config_build_kafka(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *g = config_setting_get_member(root, "kafka"), *p;
	struct config *c = l->config;
	bool servers = false;

	if (g != NULL && !config_setting_is_group(g)) {
		config_fault(l, g, "kafka: expected a group { ... }");
		return;
	}
	for (int i = 0; g != NULL && i < config_setting_length(g); i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);

		servers |= strcmp(config_setting_name(s), "bootstrap_servers") == 0;
		if (strcmp(config_setting_name(s), "producer") == 0)
			continue;
		if (config_setting_is_aggregate(s))
			config_fault(l, s, "kafka.%s: expected a value", config_setting_name(s));
		else
			add_property(l, s, &c->kafka);
	}
	p = g == NULL ? NULL : config_setting_get_member(g, "producer");
	for (int i = 0; p != NULL && config_setting_is_group(p) && i < config_setting_length(p); i++)
		add_property(l, config_setting_get_elem(p, (unsigned)i), &c->producer);
	if (!servers)
		config_fault(l, g == NULL ? root : g, "kafka.bootstrap_servers must be given");
}

/* ---- ledger, http */

static void parse_redis(struct config_loader *l, const config_setting_t *s, char *url)
{
	struct config *c = l->config;
	char *host = url + strlen("redis://"), *slash = strchr(host, '/'), *colon;
	unsigned long port = 6379;

	if (strchr(host, '@') != NULL) {
		config_fault(l, s, "url: user and password do not stand here: set user and password_file");
		return;
	}
	if (slash != NULL) {
		c->ledger.database = (unsigned)strtoul(slash + 1, NULL, 10);
		*slash = '\0';
	}
	colon = strrchr(host, ':');
	if (host[0] == '[' && strchr(host, ']') != NULL) {
		char *end = strchr(host, ']');

		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
		host++;
	}
	if (colon != NULL) {
		*colon = '\0';
		port = strtoul(colon + 1, NULL, 10);
	}
	if (host[0] == '\0' || port == 0 || port > 65535)
		config_fault(l, s, "url: expected redis://HOST:PORT/DB");
	c->ledger.scheme = LEDGER_TCP;
	c->ledger.host = strdup(host);
	c->ledger.port = (unsigned)port;
}

static void parse_url(struct config_loader *l, const config_setting_t *s)
{
	struct config *c = l->config;
	char *url = config_text_of(l, s);

	if (url == NULL)
		return;
	if (strncmp(url, "redis://", 8) == 0) {
		parse_redis(l, s, url);
	} else if (strncmp(url, "unix:", 5) == 0 && url[5] == '/') {
		c->ledger.scheme = LEDGER_UNIX;
		c->ledger.host = strdup(url + 5 + (strncmp(url + 5, "///", 3) == 0 ? 2 : 0));
	} else if (strncmp(url, "rediss://", 9) == 0) {
		config_fault(
		    l, s, "url: TLS to Redis is not supported by this version: use redis:// or unix:/PATH");
	} else {
		config_fault(l, s, "url: \"%s\" is neither redis://HOST:PORT/DB nor unix:/PATH", url);
	}
	free(url);
}

/* Keys that this version knows and cannot do: only `only` is allowed. */
void config_only(struct config_loader *l, const config_setting_t *g, const char *key, const char *value)
{
	const config_setting_t *s = g == NULL ? NULL : config_setting_get_member(g, key);
	char *text;

	if (s == NULL)
		return;
	text = value == NULL ? NULL : config_scalar_of(l, s);
	if (text == NULL || strcmp(text, value) != 0) {
		if (value == NULL)
			config_fault(l, s, "%s is not supported by this version", key);
		else
			config_fault(l, s, "%s: only %s is supported by this version", key, value);
	}
	free(text);
}

void config_build_ledger(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *g = config_setting_get_member(root, "ledger"), *s;
	struct config *c = l->config;
	char why[512], *file;

	config_fill(l, SCOPE_LEDGER, g, root, c);
	if (g != NULL && !config_setting_is_group(g))
		return;
	s = g == NULL ? NULL : config_setting_get_member(g, "url");
	if (s != NULL)
		parse_url(l, s);
	else if (g == NULL || config_setting_get_member(g, "servers") == NULL)
		config_fault(l, g == NULL ? root : g, "ledger.url must be given");
	config_only(l, g, "servers", NULL);
	config_only(l, g, "master", NULL);
	config_only(l, g, "tls", NULL);
	config_only(l, g, "mode", "single");
	config_only(l, g, "durability", "none");
	s = g == NULL ? NULL : config_setting_get_member(g, "password_file");
	file = s == NULL ? NULL : config_text_of(l, s);
	if (file != NULL && config_secret(file, l->lenient, &c->ledger.password, why, sizeof(why)) < 0)
		config_fault(l, s, "password_file: %s", why);
	free(file);
	if (c->ledger.lease_ms > 0 && c->ledger.timeout_ms > c->ledger.lease_ms / 2)
		config_warn(l, g == NULL ? root : g,
		    "ledger.timeout is more than half the lease: one slow answer can cost it");
}

void config_build_http(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *g = config_setting_get_member(root, "http"), *s;
	struct config *c = l->config;
	char *listen, *colon;
	unsigned long port;

	config_fill(l, SCOPE_HTTP, g, root, NULL);
	s = g == NULL || !config_setting_is_group(g) ? NULL : config_setting_get_member(g, "listen");
	listen = s == NULL ? strdup("127.0.0.1:9464") : config_text_of(l, s);
	if (listen == NULL || strcmp(listen, "off") == 0) {
		free(listen);
		return;
	}
	colon = strrchr(listen, ':');
	port = colon == NULL ? 65536 : strtoul(colon + 1, NULL, 10);
	if (port > 65535 || colon == listen)
		config_fault(l, s == NULL ? root : s,
		    "listen: expected ADDRESS:PORT or \"off\", found \"%s\"", listen);
	else
		*colon = '\0';
	c->http.host = listen;
	c->http.port = (unsigned)port;
}
