/* Replies: hiredis' structures behind a name of ours. */
#include "adapters/redis_conn.h"

#include <hiredis/hiredis.h>

static const redisReply *raw(const struct redis_value *v)
{
	return (const redisReply *)(const void *)v;
}

enum redis_kind redis_value_kind(const struct redis_value *v)
{
	switch (raw(v)->type) {
	case REDIS_REPLY_STRING: return REDIS_STRING;
	case REDIS_REPLY_ARRAY: return REDIS_ARRAY;
	case REDIS_REPLY_INTEGER: return REDIS_INTEGER;
	case REDIS_REPLY_STATUS: return REDIS_STATUS;
	case REDIS_REPLY_ERROR: return REDIS_ERROR;
	default: return REDIS_NIL;
	}
}

struct bytes redis_value_text(const struct redis_value *v)
{
	enum redis_kind k = redis_value_kind(v);

	if (k != REDIS_STRING && k != REDIS_STATUS && k != REDIS_ERROR)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ raw(v)->str, (size_t)raw(v)->len };
}

int64_t redis_value_integer(const struct redis_value *v)
{
	return raw(v)->integer;
}

size_t redis_value_count(const struct redis_value *v)
{
	return redis_value_kind(v) == REDIS_ARRAY ? raw(v)->elements : 0;
}

const struct redis_value *redis_value_at(const struct redis_value *v, size_t i)
{
	return (const struct redis_value *)(const void *)raw(v)->element[i];
}
