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

void redis_meta_format(const struct ledger_meta *meta, struct redis_meta_fields *f)
{
	static const char *const names[REDIS_META_FIELDS] = { "format", "rules", "identity", "replaces",
		"hash_key", "version", "generation", "oldest", "cluster", "group", "id_rule", "retention_ms",
		"dropped_s" };
	char(*v)[REDIS_FIELD_MAX] = f->values;

	memcpy(f->names, names, sizeof(names));
	snprintf(v[0], sizeof(v[0]), "%u", meta->format);
	snprintf(v[1], sizeof(v[1]), "%u", meta->rules);
	redis_hex(meta->identity, sizeof(meta->identity), v[2]);
	redis_hex(meta->replaces, sizeof(meta->replaces), v[3]);
	redis_hex(meta->hash_key, sizeof(meta->hash_key), v[4]);
	redis_hex(meta->version.b, sizeof(meta->version.b), v[5]);
	snprintf(v[6], sizeof(v[6]), "%u", meta->generation);
	snprintf(v[7], sizeof(v[7]), "%u", meta->oldest);
	snprintf(v[8], sizeof(v[8]), "%s", meta->cluster);
	snprintf(v[9], sizeof(v[9]), "%s", meta->group);
	snprintf(v[10], sizeof(v[10]), "%016llx", (unsigned long long)meta->id_rule);
	snprintf(v[11], sizeof(v[11]), "%llu", (unsigned long long)meta->retention_ms);
	snprintf(v[12], sizeof(v[12]), "%llu", (unsigned long long)meta->dropped_s);
}

void redis_segment_format(
    const struct segment_info *i, char field[REDIS_SEGMENT_FIELD], char value[REDIS_SEGMENT_VALUE])
{
	memcpy(field, "seg:", 4);
	redis_hex(i->id, SEGMENT_ID, field + 4);
	snprintf(value, REDIS_SEGMENT_VALUE, "%u %u %u %u %u %u %u %08x", i->n, i->q, i->known, i->tier,
	    i->t_min, i->t_max, i->generation, i->crc);
}

/* The numbers of a segment's field, each up to its maximum; nothing behind them. */
static int parse_segment(struct bytes field, struct bytes value, struct segment_info *i)
{
	char text[REDIS_SEGMENT_VALUE], rest;
	unsigned q, known, tier;

	if (field.len != 4 + 2 * SEGMENT_ID || value.len == 0 || value.len >= sizeof(text) ||
	    redis_unhex((struct bytes){ (const char *)field.data + 4, 2 * SEGMENT_ID }, i->id, SEGMENT_ID) <
		0)
		return -EBADMSG;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	if (sscanf(text, "%u %u %u %u %u %u %u %8x%c", &i->n, &q, &known, &tier, &i->t_min, &i->t_max,
		&i->generation, &i->crc, &rest) != 8 ||
	    q > 255 || known > 255 || tier > 255)
		return -EBADMSG;
	i->q = (uint8_t)q;
	i->known = (uint8_t)known;
	i->tier = (uint8_t)tier;
	return segment_check_info(i);
}

struct fields {
	const struct redis_value *v;
	size_t first;
};

static struct bytes field(const struct fields *f, const char *name)
{
	for (size_t i = f->first; i + 1 < redis_value_count(f->v); i += 2)
		if (bytes_equal(redis_value_text(redis_value_at(f->v, i)), bytes_of_text(name)))
			return redis_value_text(redis_value_at(f->v, i + 1));
	return (struct bytes){ NULL, 0 };
}

static int number_field(const struct fields *v, const char *name, uint64_t max, uint64_t *ret_number)
{
	int r = redis_number(field(v, name), ret_number);

	return r < 0 || *ret_number > max ? -EBADMSG : 0;
}

static int text_field(const struct fields *v, const char *name, char *ret_text, size_t size)
{
	struct bytes text = field(v, name);

	if (text.data == NULL || text.len >= size)
		return -EBADMSG;
	memcpy(ret_text, text.data, text.len);
	ret_text[text.len] = '\0';
	return 0;
}

static const char *parse_fields(const struct fields *v, struct ledger_meta *m)
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
	if (redis_unhex(field(v, "replaces"), m->replaces, sizeof(m->replaces)) < 0)
		return "replaces";
	if (number_field(v, "dropped_s", UINT64_MAX, &m->dropped_s) < 0)
		return "dropped_s";
	if (field(v, "heal_until_us").data != NULL &&
	    number_field(v, "heal_until_us", UINT64_MAX, &m->heal_until_us) < 0)
		return "heal_until_us";
	m->rules = (unsigned)rules;
	m->generation = (uint32_t)generation;
	m->oldest = (uint32_t)oldest;
	m->id_rule = 0;
	for (unsigned i = 0; i < sizeof(rule); i++)
		m->id_rule = m->id_rule << 8 | rule[i];
	return NULL;
}

static bool begins(struct bytes text, const char *prefix)
{
	return text.len >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

/* Those of which there may be many.  NULL, or the name of the field that is not of its form. */
static const char *parse_lists(const struct fields *f, struct ledger_meta *m)
{
	for (size_t i = f->first; i + 1 < redis_value_count(f->v); i += 2) {
		struct bytes name = redis_value_text(redis_value_at(f->v, i));

		m->unhealed += begins(name, "unhealed:");
		if (!begins(name, "seg:"))
			continue;
		if (m->n_segments == LEDGER_MAX_SEGMENTS ||
		    parse_segment(
			name, redis_value_text(redis_value_at(f->v, i + 1)), &m->segments[m->n_segments]) < 0)
			return "seg:";
		m->n_segments++;
	}
	return NULL;
}

int redis_meta_parse(
    const struct redis_value *v, size_t first, struct ledger_meta *ret_meta, char *why, size_t size)
{
	struct fields fields = { v, first };
	uint64_t format;
	const char *bad;

	if (number_field(&fields, "format", 65535, &format) < 0) {
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
	*ret_meta = (struct ledger_meta){ .format = (unsigned)format };
	bad = parse_fields(&fields, ret_meta);
	if (bad == NULL)
		bad = parse_lists(&fields, ret_meta);
	if (bad == NULL &&
	    (ret_meta->generation == 0 || ret_meta->oldest == 0 ||
		(ret_meta->oldest != ret_meta->generation && ret_meta->oldest + 1 != ret_meta->generation)))
		bad = "oldest";
	if (bad != NULL) {
		snprintf(why, size,
		    "the ledger's metadata is damaged: field %s is missing or not of its form", bad);
		return -EBADMSG;
	}
	return 0;
}
