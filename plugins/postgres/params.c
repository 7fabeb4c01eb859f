/* From events to values.
 *
 * Numbers and names that the host knows have a declared type and go in
 * binary.  Bytes take the type of their place, which PostgreSQL tells when
 * the statement is prepared: bytea and the texts go as they are, with their
 * length; of all else the server reads the text form, as psql would send it.
 */
#include "postgres.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* From pg_type.dat; they never change. */
enum {
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_JSON = 114,
	TYPE_BPCHAR = 1042,
	TYPE_VARCHAR = 1043,
	TYPE_TIMESTAMPTZ = 1184
};

/* 2000-01-01, where PostgreSQL's timestamps begin. */
#define EPOCH_MS INT64_C(946684800000)

Oid param_type(enum sql_source source)
{
	switch (source) {
	case SQL_ID:
	case SQL_KEY:
	case SQL_PAYLOAD:
	case SQL_HEADER: return 0;
	case SQL_SUBSCRIPTION:
	case SQL_ROUTE:
	case SQL_HANDLER:
	case SQL_TOPIC: return TYPE_TEXT;
	case SQL_PARTITION:
	case SQL_ATTEMPT: return TYPE_INT4;
	case SQL_OFFSET:
	case SQL_FENCE:
	case SQL_TIMESTAMP_MS: return TYPE_INT8;
	case SQL_TIMESTAMP: return TYPE_TIMESTAMPTZ;
	case SQL_REDELIVERED: return TYPE_BOOL;
	}
	return 0;
}

static struct semel_bytes text_of(const char *text)
{
	return (struct semel_bytes){ text, strlen(text) };
}

/* The sources that are bytes or text. */
static struct semel_bytes bytes_of(const struct sql_param *p, const struct semel_event *e)
{
	switch (p->source) {
	case SQL_ID: return e->id;
	case SQL_KEY: return e->key;
	case SQL_PAYLOAD: return e->payload;
	case SQL_HEADER: return e->host->header(e, p->header);
	case SQL_SUBSCRIPTION: return text_of(e->subscription);
	case SQL_ROUTE: return text_of(e->route);
	case SQL_HANDLER: return text_of(e->host->handler);
	case SQL_TOPIC: return text_of(e->topic);
	default: return (struct semel_bytes){ NULL, 0 };
	}
}

/* The others, big endian, in room[8]; NULL: unknown. */
static struct semel_bytes number_of(enum sql_source source, const struct semel_event *e, unsigned char *room)
{
	uint64_t wide = 0;
	uint32_t narrow;

	switch (source) {
	case SQL_REDELIVERED: room[0] = e->redelivered; return (struct semel_bytes){ room, 1 };
	case SQL_PARTITION:
	case SQL_ATTEMPT:
		narrow = htobe32(source == SQL_ATTEMPT ? e->attempt : (uint32_t)e->partition);
		memcpy(room, &narrow, sizeof(narrow));
		return (struct semel_bytes){ room, sizeof(narrow) };
	case SQL_OFFSET: wide = (uint64_t)e->offset; break;
	case SQL_FENCE: wide = e->fence; break;
	case SQL_TIMESTAMP_MS: wide = (uint64_t)e->timestamp_ms; break;
	default: wide = (uint64_t)((e->timestamp_ms - EPOCH_MS) * 1000); break;
	}
	if ((source == SQL_TIMESTAMP || source == SQL_TIMESTAMP_MS) && e->timestamp_ms < 0)
		return (struct semel_bytes){ NULL, 0 };
	wide = htobe64(wide);
	memcpy(room, &wide, sizeof(wide));
	return (struct semel_bytes){ room, sizeof(wide) };
}

/* Whether the binary form is the bytes themselves. */
static bool goes_raw(Oid type)
{
	return type == TYPE_BYTEA || type == TYPE_TEXT || type == TYPE_VARCHAR || type == TYPE_BPCHAR ||
	       type == TYPE_JSON;
}

bool params_fit(const struct conn *c, const struct semel_event *e, char *why, size_t size)
{
	for (size_t i = 0; i < c->p->sql.n; i++) {
		const struct sql_statement *st = &c->p->sql.statements[i];

		for (size_t j = 0; j < st->n_params; j++) {
			const struct sql_param *param = &st->params[j];
			struct semel_bytes b;

			if (c->types[i][j] == TYPE_BYTEA || param_type(param->source) != 0)
				continue;
			b = bytes_of(param, e);
			if (b.data == NULL || memchr(b.data, '\0', b.len) == NULL)
				continue;
			snprintf(why, size, "statement %zu: %s has a NUL byte, which only bytea can hold",
			    i + 1, sql_source_name(param->source));
			return false;
		}
	}
	return true;
}

/* A copy of the bytes with a NUL behind them; those of one statement lie one after the other. */
static int add_text(struct conn *c, size_t *len, struct semel_bytes b)
{
	if (*len + b.len + 1 > c->text_cap) {
		size_t cap = (*len + b.len + 1) * 2;
		char *grown = realloc(c->text, cap);

		if (grown == NULL)
			return -ENOMEM;
		c->text = grown;
		c->text_cap = cap;
	}
	if (b.len > 0)
		memcpy(c->text + *len, b.data, b.len);
	c->text[*len + b.len] = '\0';
	*len += b.len + 1;
	return 0;
}

/* What one call of PQsendQueryPrepared takes. */
struct values {
	const char **data;
	int *lengths, *formats;
	size_t *text_at; /* where in conn.text, of format 0 */
	unsigned char (*rooms)[8];
};

static int fill(struct conn *c, size_t statement, const struct semel_event *e, struct values *v)
{
	const struct sql_statement *st = &c->p->sql.statements[statement];
	size_t len = 0;

	for (size_t j = 0; j < st->n_params; j++) {
		const struct sql_param *param = &st->params[j];
		Oid type = c->types[statement][j];
		bool number = param->source >= SQL_PARTITION;
		struct semel_bytes b = number ? number_of(param->source, e, v->rooms[j]) : bytes_of(param, e);

		v->data[j] = b.data;
		v->lengths[j] = (int)b.len;
		v->formats[j] = number || goes_raw(type) ? 1 : 0;
		v->text_at[j] = len;
		if (v->formats[j] == 0 && b.data != NULL && add_text(c, &len, b) < 0)
			return -ENOMEM;
	}
	for (size_t j = 0; j < st->n_params; j++)
		if (v->formats[j] == 0 && v->data[j] != NULL)
			v->data[j] = c->text + v->text_at[j];
	return 0;
}

/* One block for all of them: the widest first, so that each is aligned. */
#define VALUE_SIZE (sizeof(char *) + sizeof(size_t) + 8 + 2 * sizeof(int))

int params_room(struct conn *c)
{
	size_t most = 0;

	for (size_t i = 0; i < c->p->sql.n; i++)
		if (c->p->sql.statements[i].n_params > most)
			most = c->p->sql.statements[i].n_params;
	if (c->values == NULL)
		c->values = calloc(most + 1, VALUE_SIZE);
	return c->values == NULL ? -ENOMEM : 0;
}

int params_send(struct conn *c, size_t statement, const struct semel_event *e)
{
	size_t n = c->p->sql.statements[statement].n_params;
	struct values v;
	char name[32];

	v.data = c->values;
	v.text_at = (size_t *)(void *)(v.data + n);
	v.rooms = (unsigned char(*)[8])(void *)(v.text_at + n);
	v.lengths = (int *)(void *)(v.rooms + n);
	v.formats = v.lengths + n;
	snprintf(name, sizeof(name), "semel_%zu", statement);
	if (fill(c, statement, e, &v) < 0)
		return -ENOMEM;
	return PQsendQueryPrepared(c->pg, name, (int)n, v.data, v.lengths, v.formats, 0) == 1 ? 0 : -ENOTCONN;
}
