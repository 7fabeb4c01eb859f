#include "adapters/redis_server.h"

#include "adapters/redis_meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The value of "name:" in the text of INFO; empty if it is not there. */
struct bytes redis_info(struct bytes info, const char *name)
{
	size_t len = strlen(name);
	const char *p = info.data, *end = p + info.len;

	while (p != NULL && p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		if (eol == NULL)
			eol = end;
		if ((size_t)(eol - p) > len && memcmp(p, name, len) == 0 && p[len] == ':') {
			const char *v = p + len + 1;

			return (struct bytes){ v, (size_t)(eol - v) - (eol > v && eol[-1] == '\r') };
		}
		p = eol + 1;
	}
	return (struct bytes){ "", 0 };
}

static void copy_text(struct bytes text, char *ret_text, size_t size)
{
	size_t len = text.len < size ? text.len : size - 1;

	memcpy(ret_text, text.data, len);
	ret_text[len] = '\0';
}

static int refuse(struct redis_conn *c, struct redis_server *s, enum store_trouble trouble, const char *text)
{
	s->trouble = trouble;
	redis_conn_fail(c, "%s", text);
	return -EPERM;
}

static int judge(struct redis_conn *c, struct redis_server *s, struct bytes info)
{
	char policy[32], text[160];

	copy_text(redis_info(info, "run_id"), s->run_id, sizeof(s->run_id));
	copy_text(redis_info(info, "redis_version"), s->version, sizeof(s->version));
	copy_text(redis_info(info, "maxmemory_policy"), policy, sizeof(policy));
	if (strtoul(s->version, NULL, 10) < 7) {
		snprintf(text, sizeof(text), "version %s is too old: 7.0 or later is needed", s->version);
		return refuse(c, s, STORE_REFUSED, text);
	}
	if (bytes_equal(redis_info(info, "cluster_enabled"), bytes_of_text("1")) !=
	    (s->mode == LEDGER_CLUSTER))
		return refuse(c, s, STORE_REFUSED,
		    s->mode == LEDGER_CLUSTER
			? "it is no node of a cluster: set ledger.mode = single or sentinel"
			: "it is a node of a cluster: set ledger.mode = cluster");
	/* Behind Sentinel or in a cluster it may be a master again in a moment; an old one is fenced by this, too. */
	if (!bytes_equal(redis_info(info, "role"), bytes_of_text("master")))
		return refuse(c, s, STORE_READONLY, "it is a replica, not the master");
	if (strcmp(policy, "noeviction") != 0) {
		snprintf(text, sizeof(text),
		    "maxmemory-policy is %s, which drops ids silently: CONFIG SET maxmemory-policy noeviction",
		    policy);
		return refuse(c, s, STORE_REFUSED, text);
	}
	if (bytes_equal(redis_info(info, "loading"), bytes_of_text("1")))
		return refuse(c, s, STORE_LOADING, "it reads its data set");
	return 0;
}

int redis_server_greet(struct redis_conn *c, struct redis_server *s)
{
	const struct redis_value *v;
	int r = redis_conn_ask(c, 1, (struct bytes[]){ bytes_of_text("INFO") }, &v);

	if (r < 0)
		return r;
	if (redis_value_kind(v) == REDIS_ERROR) {
		s->trouble = STORE_DENIED;
		redis_conn_fail(c, "INFO refused: %.*s", (int)redis_value_text(v).len,
		    (const char *)redis_value_text(v).data);
		return -EPERM;
	}
	if (redis_value_text(v).data == NULL)
		return refuse(c, s, STORE_REFUSED, "INFO: the reply is not of its form");
	return judge(c, s, redis_value_text(v));
}

void redis_stats_parse(struct bytes info, struct store_stats *ret_stats)
{
	uint64_t replicas;

	if (info.data == NULL)
		return;
	redis_number(redis_info(info, "used_memory"), &ret_stats->memory);
	redis_number(redis_info(info, "maxmemory"), &ret_stats->memory_limit);
	ret_stats->append_only = bytes_equal(redis_info(info, "aof_enabled"), bytes_of_text("1"));
	if (redis_number(redis_info(info, "connected_slaves"), &replicas) == 0)
		ret_stats->replicas = (unsigned)replicas;
	copy_text(redis_info(info, "maxmemory_policy"), ret_stats->policy, sizeof(ret_stats->policy));
}
