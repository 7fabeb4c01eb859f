#include "adapters/redis_route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct redis_route {
	const struct config *config;
	struct tls_files tls;
	uint16_t slot;
	size_t next; /* the server that is asked next */
	char host[256]; /* of the master; empty: to be asked */
	unsigned port;
	char ask_host[256];
};

/* CRC-16 of the slot of a key (XMODEM: polynomial 1021, from 0), as the Redis Cluster specification has it. */
uint16_t redis_slot(struct bytes tag)
{
	const uint8_t *p = tag.data;
	uint16_t crc = 0;

	for (size_t i = 0; i < tag.len; i++) {
		crc ^= (uint16_t)(p[i] << 8);
		for (unsigned k = 0; k < 8; k++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
	}
	return crc % 16384;
}

struct redis_route *redis_route_new(const struct config *c, const char *tag)
{
	struct redis_route *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->config = c;
	r->tls = (struct tls_files){ c->ledger.tls.ca_file, c->ledger.tls.cert_file, c->ledger.tls.key_file,
		c->ledger.tls.server_name };
	r->slot = redis_slot(bytes_of_text(tag));
	return r;
}

void redis_route_free(struct redis_route *r)
{
	free(r);
}

void redis_route_forget(struct redis_route *r)
{
	r->host[0] = '\0';
}

struct redis_login redis_route_login(const struct config *c)
{
	return (struct redis_login){ c->ledger.user, c->ledger.password, c->ledger.database, "semel" };
}

static struct redis_place place_of(const struct redis_route *r, const char *host, unsigned port)
{
	return (struct redis_place){
		.host = host, .port = port, .tls = r->config->ledger.scheme == LEDGER_TLS ? &r->tls : NULL
	};
}

/* ---- Asking a server for another */

struct asking {
	const struct redis_place *place;
};

static int asked_place(void *arg, struct redis_place *ret_place, char *why, size_t size)
{
	(void)why;
	(void)size;
	*ret_place = *((const struct asking *)arg)->place;
	return 0;
}

static bool copy_host(char *to, size_t size, struct bytes host)
{
	if (host.data == NULL || host.len == 0 || host.len >= size ||
	    memchr(host.data, '\0', host.len) != NULL)
		return false;
	memcpy(to, host.data, host.len);
	to[host.len] = '\0';
	return true;
}

static bool copy_port(unsigned *to, struct bytes port)
{
	char text[8], *end;

	if (port.data == NULL || port.len == 0 || port.len >= sizeof(text))
		return false;
	memcpy(text, port.data, port.len);
	text[port.len] = '\0';
	*to = (unsigned)strtoul(text, &end, 10);
	return *end == '\0' && *to > 0 && *to < 65536;
}

static bool take_master(struct redis_route *r, const struct redis_value *v)
{
	return redis_value_kind(v) == REDIS_ARRAY && redis_value_count(v) == 2 &&
	       copy_port(&r->port, redis_value_text(redis_value_at(v, 1))) &&
	       copy_host(r->host, sizeof(r->host), redis_value_text(redis_value_at(v, 0)));
}

/* CLUSTER SLOTS: an array of [first, last, [host, port, ...] of the master, replicas ...]. */
static bool take_owner(struct redis_route *r, const struct redis_value *v, const char *asked)
{
	for (size_t i = 0; i < redis_value_count(v); i++) {
		const struct redis_value *range = redis_value_at(v, i), *node;
		struct bytes host;

		if (redis_value_count(range) < 3)
			return false;
		node = redis_value_at(range, 2);
		if (redis_value_count(node) < 2 || redis_value_integer(redis_value_at(range, 0)) > r->slot ||
		    redis_value_integer(redis_value_at(range, 1)) < r->slot)
			continue;
		/* No host: the one that was asked. */
		host = redis_value_text(redis_value_at(node, 0));
		r->port = (unsigned)redis_value_integer(redis_value_at(node, 1));
		return copy_host(r->host, sizeof(r->host), host.len == 0 ? bytes_of_text(asked) : host);
	}
	return false;
}

/* One server; 0: the route is known. */
static int ask(struct redis_route *r, const struct config_server *server, char *why, size_t size)
{
	const struct config *c = r->config;
	bool sentinel = c->ledger.mode == LEDGER_SENTINEL;
	struct redis_place place = place_of(r, server->host, server->port);
	struct asking asking = { &place };
	struct redis_conn_hooks hooks = { &asking, asked_place, NULL };
	struct redis_login login = redis_route_login(c), plain = { .name = "semel" };
	const struct redis_value *v;
	struct redis_conn *conn;
	int result = 0;

	login.database = 0;
	/* A sentinel has users of its own; most have none. */
	for (int attempt = sentinel ? 0 : 1; attempt < 2; attempt++) {
		conn = redis_conn_new(attempt == 0 ? &plain : &login, c->ledger.timeout_ms, &hooks);
		if (conn == NULL)
			return -ENOMEM;
		if (sentinel)
			result = redis_conn_call(conn, 3,
			    (struct bytes[]){ bytes_of_text("SENTINEL"),
				bytes_of_text("GET-MASTER-ADDR-BY-NAME"), bytes_of_text(c->ledger.master) },
			    &v);
		else
			result = redis_conn_call(conn, 2,
			    (struct bytes[]){ bytes_of_text("CLUSTER"), bytes_of_text("SLOTS") }, &v);
		if (result < 0)
			snprintf(why, size, "%s", redis_conn_text(conn));
		else if (sentinel ? take_master(r, v) : take_owner(r, v, server->host))
			result = 0;
		else {
			struct bytes text = redis_value_text(v);

			result = -ENOENT;
			snprintf(why, size, "%s %s:%u: %.*s", sentinel ? "sentinel" : "cluster node",
			    server->host, server->port,
			    redis_value_kind(v) == REDIS_ERROR ? (int)text.len : 60,
			    redis_value_kind(v) == REDIS_ERROR ? (const char *)text.data
			    : sentinel ? "knows no master of that name (ledger.master)"
				       : "knows no owner of the ledger's slot");
		}
		redis_conn_free(conn);
		if (result == 0 || attempt == 1 || c->ledger.password == NULL)
			return result;
	}
	return result;
}

int redis_route_where(void *arg, struct redis_place *ret_place, char *why, size_t size)
{
	struct redis_route *r = arg;
	const struct config *c = r->config;
	int result = -ENOENT;

	if (c->ledger.mode == LEDGER_SINGLE) {
		*ret_place = place_of(r, c->ledger.servers[0].host, c->ledger.servers[0].port);
		if (c->ledger.scheme == LEDGER_UNIX)
			*ret_place = (struct redis_place){ .path = c->ledger.servers[0].host };
		return 0;
	}
	for (size_t i = 0; i < c->ledger.n_servers && r->host[0] == '\0'; i++) {
		result = ask(r, &c->ledger.servers[r->next], why, size);
		if (result < 0)
			r->next = (r->next + 1) % c->ledger.n_servers;
	}
	if (r->host[0] == '\0')
		return result;
	*ret_place = place_of(r, r->host, r->port);
	return 0;
}

/* ---- MOVED and ASK: "MOVED 3999 127.0.0.1:6381" */

static bool parse_move(struct bytes error, const char *code, char *host, size_t size, unsigned *port)
{
	const char *text = error.data, *end = text + error.len, *place, *colon;

	if (error.len < strlen(code) || memcmp(text, code, strlen(code)) != 0)
		return false;
	place = memrchr(text, ' ', error.len);
	if (place == NULL)
		return false;
	place++;
	colon = memrchr(place, ':', (size_t)(end - place));
	return colon != NULL && copy_port(port, (struct bytes){ colon + 1, (size_t)(end - colon - 1) }) &&
	       copy_host(host, size, (struct bytes){ place, (size_t)(colon - place) });
}

bool redis_route_moved(struct redis_route *r, struct bytes error)
{
	char host[256];
	unsigned port;

	if (r->config->ledger.mode != LEDGER_CLUSTER ||
	    !parse_move(error, "MOVED ", host, sizeof(host), &port))
		return false;
	memcpy(r->host, host, sizeof(host));
	r->port = port;
	return true;
}

bool redis_route_ask(struct redis_route *r, struct bytes error, struct redis_place *ret_place)
{
	unsigned port;

	if (r->config->ledger.mode != LEDGER_CLUSTER ||
	    !parse_move(error, "ASK ", r->ask_host, sizeof(r->ask_host), &port))
		return false;
	*ret_place = place_of(r, r->ask_host, port);
	return true;
}
