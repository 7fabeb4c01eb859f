/* Chunks of segments: plain strings. */
#include "adapters/redis_store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A chunk that is not committed goes by itself. */
#define CHUNK_MS "600000"

void redis_store_chunk_key(const struct redis_store *s, const uint8_t segment[SEGMENT_ID],
    enum store_stream stream, uint32_t index, char key[KEY_MAX])
{
	char id[2 * SEGMENT_ID + 1];

	redis_hex(segment, SEGMENT_ID, id);
	snprintf(key, KEY_MAX, "%s%c:%s:%u", s->prefix, stream == STORE_FILTER ? 'f' : 's', id, index);
}

int redis_store_looks(
    struct redis_store *s, const struct store_chunk *chunks, size_t n, struct redis_command *commands)
{
	if (n > s->cap_looks) {
		struct look_args *grown = realloc(s->looks, n * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		s->looks = grown;
		s->cap_looks = n;
	}
	for (size_t i = 0; i < n; i++) {
		struct look_args *l = &s->looks[i];

		redis_store_chunk_key(s, chunks[i].segment, chunks[i].stream, chunks[i].index, l->key);
		snprintf(l->from, sizeof(l->from), "%u", chunks[i].from);
		snprintf(l->to, sizeof(l->to), "%u", chunks[i].from + chunks[i].len - 1);
		l->argv[0] = bytes_of_text("GETRANGE");
		l->argv[1] = bytes_of_text(l->key);
		l->argv[2] = bytes_of_text(l->from);
		l->argv[3] = bytes_of_text(l->to);
		commands[i] = (struct redis_command){ 4, l->argv };
	}
	return 0;
}

int redis_store_looked(
    struct redis_store *s, const struct redis_value *const *values, struct store_chunk *chunks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (redis_value_kind(values[i]) == REDIS_ERROR)
			return redis_store_error(s, "GETRANGE", redis_value_text(values[i]));
		if (redis_value_kind(values[i]) != REDIS_STRING)
			return redis_store_bad_reply(s, "GETRANGE");
		chunks[i].data = redis_value_text(values[i]);
	}
	return 0;
}

int redis_chunk_read(struct store *store, struct store_chunk *chunks, size_t n)
{
	struct redis_store *s = (struct redis_store *)store;
	struct redis_command *commands;
	int r;

	if (n == 0)
		return 0;
	commands = malloc(n * sizeof(*commands));
	r = commands == NULL ? -ENOMEM : redis_store_looks(s, chunks, n, commands);
	if (r == 0)
		r = redis_store_pipe(s, commands, n);
	if (r == 0)
		r = redis_store_looked(s, s->values, chunks, n);
	free(commands);
	return r;
}

int redis_chunk_write(struct store *store, const uint8_t segment[SEGMENT_ID], enum store_stream stream,
    uint32_t index, struct bytes data)
{
	struct redis_store *s = (struct redis_store *)store;
	const struct redis_value *v;
	char key[KEY_MAX];

	redis_store_chunk_key(s, segment, stream, index, key);
	return redis_store_command(s, "SET", 5,
	    (struct bytes[]){ bytes_of_text("SET"), bytes_of_text(key), data, bytes_of_text("PX"),
		bytes_of_text(CHUNK_MS) },
	    &v);
}

int redis_lock(struct store *store, struct session_id id, uint64_t ms, bool *ret_ours)
{
	struct redis_store *s = (struct redis_store *)store;
	char session[17], text[NUMBER_MAX];
	int r;

	redis_hex(id.b, sizeof(id.b), session);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)ms);
	r = redis_store_script(s, SCRIPT_LOCK, 1, 6,
	    (struct bytes[]){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, bytes_of_text(s->lock_key),
		bytes_of_text(session), bytes_of_text(text) },
	    NULL, 0);
	if (r < 0)
		return r;
	if (redis_value_kind(s->values[0]) != REDIS_INTEGER)
		return redis_store_bad_reply(s, "the upkeep's lock");
	*ret_ours = redis_value_integer(s->values[0]) == 1;
	return 0;
}
