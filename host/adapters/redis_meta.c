#include "adapters/redis_meta.h"

#include "adapters/keyed_hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void redis_hex(const uint8_t *data, size_t len, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret_text[2 * i] = digits[data[i] >> 4];
		ret_text[2 * i + 1] = digits[data[i] & 15];
	}
	ret_text[2 * len] = '\0';
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int redis_unhex(struct bytes text, uint8_t *ret_data, size_t len)
{
	const char *p = text.data;

	if (text.len != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret_data[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int redis_number(struct bytes text, uint64_t *ret_number)
{
	const char *p = text.data;
	uint64_t n = 0;

	if (p == NULL || text.len == 0 || text.len > 19)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EINVAL;
		n = 10 * n + (uint64_t)(p[i] - '0');
	}
	*ret_number = n;
	return 0;
}

void redis_new_version(struct ledger_version *ret_version)
{
	random_bytes(ret_version->b, sizeof(ret_version->b));
}

/* ---- Metadata */

void redis_meta_format(const struct ledger_meta *meta, const char *run_id, struct redis_meta_fields *f)
{
	static const char *const names[REDIS_META_FIELDS] = { "format", "rules", "identity", "hash_key",
		"version", "generation", "oldest", "run_id", "cluster", "group", "id_rule", "retention_ms" };
	char(*v)[260] = f->values;

	memcpy(f->names, names, sizeof(names));
	snprintf(v[0], sizeof(v[0]), "%u", meta->format);
	snprintf(v[1], sizeof(v[1]), "%u", meta->rules);
	redis_hex(meta->identity, sizeof(meta->identity), v[2]);
	redis_hex(meta->hash_key, sizeof(meta->hash_key), v[3]);
	redis_hex(meta->version.b, sizeof(meta->version.b), v[4]);
	snprintf(v[5], sizeof(v[5]), "%u", meta->generation);
	snprintf(v[6], sizeof(v[6]), "%u", meta->oldest);
	snprintf(v[7], sizeof(v[7]), "%s", run_id);
	snprintf(v[8], sizeof(v[8]), "%s", meta->cluster);
	snprintf(v[9], sizeof(v[9]), "%s", meta->group);
	snprintf(v[10], sizeof(v[10]), "%016llx", (unsigned long long)meta->id_rule);
	snprintf(v[11], sizeof(v[11]), "%llu", (unsigned long long)meta->retention_ms);
}

static struct bytes field(const struct redis_value *v, const char *name)
{
	for (size_t i = 0; i + 1 < redis_value_count(v); i += 2)
		if (bytes_equal(redis_value_text(redis_value_at(v, i)), bytes_of_text(name)))
			return redis_value_text(redis_value_at(v, i + 1));
	return (struct bytes){ NULL, 0 };
}

static int number_field(const struct redis_value *v, const char *name, uint64_t max, uint64_t *ret_number)
{
	int r = redis_number(field(v, name), ret_number);

	return r < 0 || *ret_number > max ? -EBADMSG : 0;
}

static int text_field(const struct redis_value *v, const char *name, char *ret_text, size_t size)
{
	struct bytes text = field(v, name);

	if (text.data == NULL || text.len >= size)
		return -EBADMSG;
	memcpy(ret_text, text.data, text.len);
	ret_text[text.len] = '\0';
	return 0;
}

static const char *parse_fields(const struct redis_value *v, struct ledger_meta *m)
{
	uint64_t rules, generation, oldest;
	uint8_t rule[8];

	if (number_field(v, "rules", 255, &rules) < 0)
		return "rules";
	if (redis_unhex(field(v, "identity"), m->identity, sizeof(m->identity)) < 0)
		return "identity";
	if (redis_unhex(field(v, "hash_key"), m->hash_key, sizeof(m->hash_key)) < 0)
		return "hash_key";
	if (redis_unhex(field(v, "version"), m->version.b, sizeof(m->version.b)) < 0)
		return "version";
	if (number_field(v, "generation", UINT32_MAX, &generation) < 0)
		return "generation";
	if (number_field(v, "oldest", UINT32_MAX, &oldest) < 0)
		return "oldest";
	if (text_field(v, "run_id", m->run_id, sizeof(m->run_id)) < 0)
		return "run_id";
	if (text_field(v, "cluster", m->cluster, sizeof(m->cluster)) < 0)
		return "cluster";
	if (text_field(v, "group", m->group, sizeof(m->group)) < 0)
		return "group";
	if (redis_unhex(field(v, "id_rule"), rule, sizeof(rule)) < 0)
		return "id_rule";
	if (number_field(v, "retention_ms", UINT64_MAX, &m->retention_ms) < 0)
		return "retention_ms";
	m->rules = (unsigned)rules;
	m->generation = (uint32_t)generation;
	m->oldest = (uint32_t)oldest;
	m->id_rule = 0;
	for (unsigned i = 0; i < sizeof(rule); i++)
		m->id_rule = m->id_rule << 8 | rule[i];
	return NULL;
}

int redis_meta_parse(const struct redis_value *v, struct ledger_meta *ret_meta, char *why, size_t size)
{
	struct ledger_meta m = { .format = 0 };
	uint64_t format;
	const char *bad;

	if (number_field(v, "format", 65535, &format) < 0) {
		snprintf(why, size,
		    "the key of the ledger's metadata holds something else (no field format): use another "
		    "ledger.prefix");
		return -EBADMSG;
	}
	if (format > LEDGER_FORMAT) {
		snprintf(why, size,
		    "the ledger has format %llu, this version knows up to %d: upgrade this host",
		    (unsigned long long)format, LEDGER_FORMAT);
		return -ENOTSUP;
	}
	m.format = (unsigned)format;
	bad = parse_fields(v, &m);
	if (bad != NULL) {
		snprintf(why, size,
		    "the ledger's metadata is damaged: field %s is missing or not of its form", bad);
		return -EBADMSG;
	}
	*ret_meta = m;
	return 0;
}

/* ---- The server */

/* The value of "name:" in the text of INFO; empty if it is not there. */
static struct bytes info_value(struct bytes info, const char *name)
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

	copy_text(info_value(info, "run_id"), s->run_id, sizeof(s->run_id));
	copy_text(info_value(info, "redis_version"), s->version, sizeof(s->version));
	copy_text(info_value(info, "maxmemory_policy"), policy, sizeof(policy));
	if (strtoul(s->version, NULL, 10) < 7) {
		snprintf(text, sizeof(text), "version %s is too old: 7.0 or later is needed", s->version);
		return refuse(c, s, STORE_REFUSED, text);
	}
	if (bytes_equal(info_value(info, "cluster_enabled"), bytes_of_text("1")))
		return refuse(
		    c, s, STORE_REFUSED, "it runs in cluster mode, which this version does not support");
	if (!bytes_equal(info_value(info, "role"), bytes_of_text("master")))
		return refuse(c, s, STORE_READONLY, "it is a replica: point ledger.url at the master");
	if (strcmp(policy, "noeviction") != 0) {
		snprintf(text, sizeof(text),
		    "maxmemory-policy is %s, which drops ids silently: CONFIG SET maxmemory-policy noeviction",
		    policy);
		return refuse(c, s, STORE_REFUSED, text);
	}
	if (bytes_equal(info_value(info, "loading"), bytes_of_text("1")))
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
	if (info.data == NULL)
		return;
	redis_number(info_value(info, "used_memory"), &ret_stats->memory);
	redis_number(info_value(info, "maxmemory"), &ret_stats->memory_limit);
	copy_text(info_value(info, "maxmemory_policy"), ret_stats->policy, sizeof(ret_stats->policy));
}
