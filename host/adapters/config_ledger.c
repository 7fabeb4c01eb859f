/* The groups ledger and http: addresses. */
#include "adapters/config_tree.h"

#include <errno.h>
#include <stdlib.h>

#define PORT_MAX 65535
#define DATABASE_MAX 65535
#define SOCKET_MAX 107 /* of struct sockaddr_un */

/* Digits and nothing else. */
static int small_number(const char *text, unsigned max, unsigned *ret_value)
{
	unsigned v = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(*text - '0');
		if (v > max)
			return -EINVAL;
	}
	*ret_value = v;
	return 0;
}

/* HOST, HOST:PORT, [HOST]:PORT; *ret_port is untouched where no port stands.  *ret_host is owned. */
static int split_address(const char *text, char **ret_host, unsigned *ret_port)
{
	const char *host = text, *end, *colon;

	if (host[0] == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strrchr(host, ':');
		end = colon == NULL ? host + strlen(host) : colon;
		/* An IPv6 address needs its brackets, or its last part would be a port. */
		if (memchr(host, ':', (size_t)(end - host)) != NULL)
			return -EINVAL;
	}
	if (end == host || strcspn(host, " \t\n@/") < (size_t)(end - host))
		return -EINVAL;
	if (colon != NULL && small_number(colon + 1, PORT_MAX, ret_port) < 0)
		return -EINVAL;
	*ret_host = strndup(host, (size_t)(end - host));
	return 0;
}

/* ---- ledger */

static void add_server(struct config *c, char *host, unsigned port)
{
	struct config_server *grown = realloc(c->ledger.servers, (c->ledger.n_servers + 1) * sizeof(*grown));

	if (grown == NULL)
		abort();
	c->ledger.servers = grown;
	c->ledger.servers[c->ledger.n_servers++] = (struct config_server){ host, port };
}

/* HOST:PORT/DB, behind redis:// or rediss:// */
static void take_redis(struct config_loader *l, const config_setting_t *s, const char *rest)
{
	struct config *c = l->config;
	size_t len = strcspn(rest, "/");
	char *address = strndup(rest, len), *host = NULL;
	unsigned port = c->ledger.mode == LEDGER_SENTINEL ? 26379 : 6379;

	if (strchr(rest, '@') != NULL)
		config_fault(l, s, "url: user and password do not stand here: set user and password_file");
	else if (split_address(address, &host, &port) < 0 || port == 0 ||
		 (len + 1 < strlen(rest) &&
		     small_number(rest + len + 1, DATABASE_MAX, &c->ledger.database) < 0))
		config_fault(l, s, "url: expected redis://HOST:PORT/DB, with an IPv6 address in [ ]");
	else if (c->ledger.mode == LEDGER_CLUSTER && c->ledger.database != 0)
		config_fault(l, s, "url: a cluster has no database but 0");
	if (host != NULL)
		add_server(c, host, port);
	free(address);
}

static void take_unix(struct config_loader *l, const config_setting_t *s, const char *path)
{
	/* unix:///PATH is unix:/PATH */
	path += strncmp(path, "///", 3) == 0 ? 2 : 0;
	if (strlen(path) > SOCKET_MAX)
		config_fault(l, s, "url: longer than a Unix socket's path may be (%d)", SOCKET_MAX);
	if (l->config->ledger.mode != LEDGER_SINGLE)
		config_fault(l, s, "url: a Unix socket needs mode = \"single\"");
	l->config->ledger.scheme = LEDGER_UNIX;
	add_server(l->config, strdup(path), 0);
}

static void take_url(struct config_loader *l, const config_setting_t *s)
{
	char *url = config_text_of(l, s);

	if (url == NULL)
		return;
	if (strncmp(url, "redis://", 8) == 0) {
		take_redis(l, s, url + 8);
	} else if (strncmp(url, "unix:/", 6) == 0) {
		take_unix(l, s, url + 5);
	} else if (strncmp(url, "rediss://", 9) == 0) {
		l->config->ledger.scheme = LEDGER_TLS;
		take_redis(l, s, url + 9);
	} else {
		config_fault(l, s,
		    "url: \"%s\" is neither redis://HOST:PORT/DB nor rediss://HOST:PORT/DB nor unix:/PATH",
		    url);
	}
	free(url);
}

static void take_servers(struct config_loader *l, const config_setting_t *s)
{
	char **list = NULL;
	size_t n = 0;

	if (!config_texts_of(l, s, &list, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		char *host = NULL;
		unsigned port = 0;

		if (split_address(list[i], &host, &port) < 0 || port == 0) {
			config_fault(l, s, "servers: \"%s\" is not HOST:PORT", list[i]);
			free(host);
		} else {
			add_server(l->config, host, port);
		}
	}
	if (n > 1 && l->config->ledger.mode == LEDGER_SINGLE)
		config_fault(l, s,
		    "servers: mode = \"single\" has one server: set mode = \"sentinel\" or \"cluster\"");
	config_texts_free(list, n);
}

static void take_durability(struct config_loader *l, const config_setting_t *s)
{
	char *text = config_text_of(l, s);

	if (text != NULL && strcmp(text, "none") != 0 &&
	    (strncmp(text, "replicas:", 9) != 0 ||
		small_number(text + 9, 1000, &l->config->ledger.replicas) < 0 ||
		l->config->ledger.replicas == 0))
		config_fault(l, s, "durability: \"%s\" is neither none nor replicas:N", text);
	free(text);
}

static void take_password(struct config_loader *l, const config_setting_t *s)
{
	char *file = config_path_of(l, s), why[1024];

	if (file != NULL &&
	    config_secret(file, l->lenient, &l->config->ledger.password, why, sizeof(why)) < 0)
		config_fault(l, s, "password_file: %s", why);
	free(file);
}

static void take_tls(struct config_loader *l, const config_setting_t *s)
{
	struct config *c = l->config;

	if (s == NULL || !config_is_group(l, s))
		return;
	config_fill(l, SCOPE_TLS, s, s, c);
	if ((c->ledger.tls.cert_file == NULL) != (c->ledger.tls.key_file == NULL))
		config_fault(l, s, "tls: cert_file and key_file belong together");
	if (c->ledger.scheme != LEDGER_TLS)
		config_fault(l, s, "tls: the url must begin with rediss:// for it");
}

static void check_prefix(struct config_loader *l, const config_setting_t *g)
{
	const config_setting_t *s = config_member(g, "prefix");
	const char *prefix = l->config->ledger.prefix;
	size_t n = prefix == NULL
		       ? 0
		       : strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:._-");

	/* { and } would change the hash slot that keeps a ledger's keys together. */
	if (s != NULL && prefix != NULL && (prefix[n] != '\0' || n > 64))
		config_fault(l, s, "prefix: \"%s\" is none: up to 64 letters, digits and : . _ -", prefix);
}

void config_build_ledger(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *g = config_member(root, "ledger"), *where = g == NULL ? root : g, *s;
	struct config *c = l->config;

	config_fill(l, SCOPE_LEDGER, g, where, c);
	if ((s = config_member(g, "servers")) != NULL)
		take_servers(l, s);
	if ((s = config_member(g, "url")) != NULL)
		take_url(l, s);
	else if (config_member(g, "servers") == NULL)
		config_fault(l, where, "ledger.url must be given");
	if (c->ledger.mode == LEDGER_SENTINEL && c->ledger.master == NULL)
		config_fault(l, where, "ledger.master must be given with mode = \"sentinel\"");
	take_tls(l, config_member(g, "tls"));
	if ((s = config_member(g, "durability")) != NULL)
		take_durability(l, s);
	if ((s = config_member(g, "password_file")) != NULL)
		take_password(l, s);
	check_prefix(l, g);
	if (c->ledger.timeout_ms > c->ledger.lease_ms / 2 && c->ledger.lease_ms > 0) {
		s = config_member(g, "timeout");
		config_warn(l, s == NULL ? where : s,
		    "ledger.timeout is more than half of ledger.lease: one slow answer can cost the lease");
	}
}

/* ---- http */

void config_build_http(struct config_loader *l, const config_setting_t *root)
{
	const config_setting_t *g = config_member(root, "http"), *s = config_member(g, "listen");
	const struct config_key *k = config_key_find(SCOPE_HTTP, "listen");
	struct config *c = l->config;
	unsigned port = PORT_MAX + 1;
	char *listen;

	config_fill(l, SCOPE_HTTP, g, root, NULL);
	listen = s == NULL ? strdup(k->fallback) : config_text_of(l, s);
	if (listen != NULL && strcmp(listen, "off") != 0) {
		if (split_address(listen, &c->http.host, &port) < 0 || port > PORT_MAX)
			config_fault(l, s == NULL ? root : s,
			    "listen: expected ADDRESS:PORT or \"off\", found \"%s\"", listen);
		c->http.port = port;
	}
	free(listen);
}
