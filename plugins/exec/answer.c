#include "answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 256 /* as the host takes */

/* Where the first fault is written. */
struct reader {
	char *why;
	size_t size;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void fault(struct reader *in, const char *format, ...)
{
	va_list ap;

	if (in->failed)
		return;
	in->failed = true;
	va_start(ap, format);
	vsnprintf(in->why, in->size, format, ap);
	va_end(ap);
}

static void judge_names(struct reader *in, json_t *object, const char *const *known, const char *where)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		size_t i = 0;

		while (known[i] != NULL && strcmp(known[i], name) != 0)
			i++;
		if (known[i] == NULL)
			fault(in, "%s has \"%.80s\", which is no field of the protocol", where, name);
	}
}

/* ---- Bytes */

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* In place: what it gives is shorter.  False: it is not base64 with its padding (RFC 4648, 4). */
static bool decode(char *text, size_t len, size_t *ret_len)
{
	size_t out = 0, pad;
	unsigned bits = 0;

	if (len % 4 != 0)
		return false;
	pad = len > 0 && text[len - 1] == '=' ? 1 + (text[len - 2] == '=') : 0;
	for (size_t i = 0; i < len - pad; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return false;
		bits = bits << 6 | (unsigned)d;
		if (i % 4 != 0)
			text[out++] = (char)(bits >> (6 - i % 4 * 2) & 0xff);
	}
	*ret_len = out;
	return true;
}

/* NAME, NAME_base64, or neither: absent.  The bytes are the object's. */
static struct semel_bytes take_bytes(struct reader *in, json_t *object, const char *name)
{
	struct semel_bytes out = { NULL, 0 };
	char encoded_name[32];
	json_t *plain = json_object_get(object, name), *encoded;
	char *text;

	snprintf(encoded_name, sizeof(encoded_name), "%s_base64", name);
	encoded = json_object_get(object, encoded_name);
	if (plain != NULL && encoded != NULL)
		fault(in, "%s and %s_base64 exclude each other", name, name);
	else if (json_is_string(plain))
		out = (struct semel_bytes){ json_string_value(plain), json_string_length(plain) };
	else if (plain != NULL && !json_is_null(plain))
		fault(in, "%s is neither a string nor null", name);
	else if (json_is_string(encoded)) {
		/* The string is ours alone: nobody reads it again. */
		text = (char *)(uintptr_t)json_string_value(encoded);
		out.data = text;
		if (!decode(text, json_string_length(encoded), &out.len))
			fault(in, "%s is not base64", encoded_name);
	} else if (encoded != NULL)
		fault(in, "%s is no string", encoded_name);
	return out;
}

/* ---- Records */

static const char *take_name(struct reader *in, json_t *value, const char *what)
{
	const char *text = json_string_value(value);

	if (text == NULL || text[0] == '\0' || strlen(text) != json_string_length(value))
		fault(in, "emit: %s is no text", what);
	return text;
}

static uint32_t take_headers(struct reader *in, json_t *list, struct semel_header *out)
{
	static const char *const known[] = { "name", "value", "value_base64", NULL };
	uint32_t n = 0;
	json_t *item;
	size_t i;

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > HEADERS_MAX) {
		fault(in, "emit: headers is no list of at most %d", HEADERS_MAX);
		return 0;
	}
	json_array_foreach(list, i, item)
	{
		judge_names(in, item, known, "a header in emit");
		out[n].name = take_name(in, json_object_get(item, "name"), "a header's name");
		out[n++].value = take_bytes(in, item, "value");
	}
	return n;
}

/* 0, or what the host says; a fault of the line is in->failed. */
static int emit_one(struct reader *in, const struct semel_event *e, json_t *item, const char **ret_topic)
{
	static const char *const known[] = { "topic", "key", "key_base64", "payload", "payload_base64",
		"headers", NULL };
	struct semel_header headers[HEADERS_MAX];
	struct semel_record r = { .size = sizeof(r) };

	if (!json_is_object(item))
		fault(in, "emit holds what is no object");
	judge_names(in, item, known, "emit");
	r.topic = take_name(in, json_object_get(item, "topic"), "topic");
	r.key = take_bytes(in, item, "key");
	r.payload = take_bytes(in, item, "payload");
	r.n_headers = take_headers(in, json_object_get(item, "headers"), headers);
	r.headers = headers;
	*ret_topic = r.topic;
	return in->failed ? 0 : e->host->emit(e, &r);
}

static int refused(const struct semel_event *e, int r, const char *topic)
{
	if (r == -EACCES)
		return semel_end(e, SEMEL_RETRY, -1, "emit: topic %s is not in handlers.%s.emits", topic,
		    e->host->handler);
	return semel_end(e, SEMEL_RETRY, -1, "emit to %s: %s", topic, strerror(-r));
}

static int emit_all(struct reader *in, const struct semel_event *e, json_t *list)
{
	const char *topic = NULL;
	json_t *item;
	size_t i;

	if (list != NULL && !json_is_array(list))
		fault(in, "emit is no list");
	json_array_foreach(list, i, item)
	{
		int r = emit_one(in, e, item, &topic);

		if (r < 0)
			return refused(e, r, topic);
	}
	return SEMEL_OK;
}

/* ---- The line */

static int take_outcome(struct reader *in, json_t *value)
{
	static const char *const words[] = { "ok", "retry", "reject", "skip" };
	const char *word = json_string_value(value);

	for (int i = 0; word != NULL && i < 4; i++)
		if (strcmp(words[i], word) == 0)
			return i; /* as enum semel_outcome counts them */
	fault(in, "outcome is none of \"ok\", \"retry\", \"reject\", \"skip\"");
	return SEMEL_RETRY;
}

static void judge_seq(struct reader *in, json_t *value, uint64_t seq)
{
	if (!json_is_integer(value))
		fault(in, "seq is not there, or no integer");
	else if ((uint64_t)json_integer_value(value) != seq)
		fault(in, "seq is %lld, asked was %llu", (long long)json_integer_value(value),
		    (unsigned long long)seq);
}

static int64_t take_retry_ms(struct reader *in, json_t *value, int outcome)
{
	if (value == NULL || json_is_null(value))
		return -1;
	if (outcome != SEMEL_RETRY)
		fault(in, "retry_ms goes with the outcome retry only");
	else if (!json_is_integer(value) || json_integer_value(value) < 0)
		fault(in, "retry_ms is no integer from 0");
	return json_integer_value(value);
}

static int take_answer(struct reader *in, const struct semel_event *e, uint64_t seq, json_t *answer)
{
	static const char *const known[] = { "v", "seq", "outcome", "retry_ms", "why", "emit", NULL };
	json_t *emit = json_object_get(answer, "emit"), *why = json_object_get(answer, "why");
	int64_t retry_ms;
	int outcome;

	judge_seq(in, json_object_get(answer, "seq"), seq);
	judge_names(in, answer, known, "it");
	outcome = take_outcome(in, json_object_get(answer, "outcome"));
	retry_ms = take_retry_ms(in, json_object_get(answer, "retry_ms"), outcome);
	if (why != NULL && !json_is_string(why) && !json_is_null(why))
		fault(in, "why is no string");
	if (emit != NULL && outcome != SEMEL_OK)
		fault(in, "emit goes with the outcome ok only");
	if (in->failed)
		return -EINVAL;
	if (outcome == SEMEL_OK && emit != NULL)
		outcome = emit_all(in, e, emit);
	else if (outcome != SEMEL_OK)
		return semel_end(e, outcome, retry_ms, "%s",
		    json_is_string(why) ? json_string_value(why) : "the program gave no reason");
	return in->failed ? -EINVAL : outcome;
}

int answer_take(
    const struct semel_event *e, uint64_t seq, const char *line, size_t len, char *why, size_t size)
{
	struct reader in = { why, size, false };
	json_error_t error;
	json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	int r = -EINVAL;

	if (answer == NULL)
		fault(&in, "no JSON (%s): %.*s", error.text, (int)(len < 120 ? len : 120), line);
	else if (!json_is_object(answer))
		fault(&in, "JSON that is no object: %.*s", (int)(len < 120 ? len : 120), line);
	else
		r = take_answer(&in, e, seq, answer);
	json_decref(answer);
	return r;
}
