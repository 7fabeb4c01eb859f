#include "adapters/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *raw(const struct json_doc *d)
{
	return (json_t *)(uintptr_t)d;
}

int json_parse(struct bytes text, struct json_doc **ret_doc, char *why, size_t size)
{
	json_error_t error;
	json_t *j = json_loadb(
	    text.data == NULL ? "" : text.data, text.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

	if (j == NULL) {
		snprintf(why, size, "not JSON: %s at byte %d", error.text, error.position);
		return -EBADMSG;
	}
	*ret_doc = (struct json_doc *)j;
	return 0;
}

void json_free(struct json_doc *d)
{
	json_decref(raw(d));
}

bool json_pointer_valid(const char *pointer)
{
	if (pointer[0] != '\0' && pointer[0] != '/')
		return false;
	for (const char *p = pointer; *p != '\0'; p++)
		if (*p == '~' && p[1] != '0' && p[1] != '1')
			return false;
	return true;
}

/* The member or element that the next token of *at names; NULL: none. */
static json_t *step(json_t *j, const char **at)
{
	struct buf token = { NULL, 0, 0 };
	const char *p = *at + 1;
	json_t *next = NULL;

	buf_add(&token, "", 0);
	for (; *p != '\0' && *p != '/'; p++) {
		if (*p == '~' && (p[1] == '0' || p[1] == '1'))
			buf_char(&token, *++p == '0' ? '~' : '/');
		else
			buf_char(&token, *p);
	}
	*at = p;
	if (json_is_object(j)) {
		next = json_object_get(j, token.data);
	} else if (json_is_array(j) && token.len > 0 && strspn(token.data, "0123456789") == token.len &&
		   (token.len == 1 || token.data[0] != '0')) {
		next = json_array_get(j, strtoul(token.data, NULL, 10));
	}
	buf_free(&token);
	return next;
}

int json_pointer(const struct json_doc *d, const char *pointer, struct buf *out, bool *ret_exists)
{
	json_t *j = raw(d);
	char *text;

	while (j != NULL && *pointer == '/')
		j = step(j, &pointer);
	if (ret_exists != NULL)
		*ret_exists = j != NULL;
	if (j == NULL || json_is_null(j) || json_is_object(j) || json_is_array(j))
		return 0;
	if (json_is_string(j)) {
		buf_add(out, json_string_value(j), json_string_length(j));
		return 1;
	}
	text = json_dumps(j, JSON_ENCODE_ANY);
	if (text == NULL)
		return 0;
	buf_text(out, text);
	free(text);
	return 1;
}

/* ---- Event files */

static int take_bytes(json_t *o, const char *name, struct buf *out, bool *ret_has, char *why, size_t size)
{
	char base64[64];
	json_t *j = json_object_get(o, name), *b;
	char *text;

	snprintf(base64, sizeof(base64), "%s_base64", name);
	b = json_object_get(o, base64);
	*ret_has = b != NULL || (j != NULL && !json_is_null(j));
	if (b != NULL) {
		struct bytes digits = { json_string_value(b), json_string_length(b) };

		if (!json_is_string(b) || buf_unbase64(out, digits) < 0) {
			snprintf(why, size, "%s is not base64", base64);
			return -EBADMSG;
		}
		buf_add(out, "", 0);
	} else if (json_is_string(j)) {
		buf_add(out, json_string_value(j), json_string_length(j));
	} else if (*ret_has) {
		text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
		buf_text(out, text == NULL ? "" : text);
		free(text);
	}
	return 0;
}

static int take_headers(json_t *o, struct json_event *e, char *why, size_t size)
{
	json_t *headers = json_object_get(o, "headers"), *value;
	const char *name;

	if (headers == NULL)
		return 0;
	if (!json_is_object(headers)) {
		snprintf(why, size, "headers is not an object");
		return -EBADMSG;
	}
	e->headers = calloc(json_object_size(headers) + 1, sizeof(*e->headers));
	json_object_foreach(headers, name, value)
	{
		e->headers[e->n_headers].name = strdup(name);
		e->headers[e->n_headers].has_value = !json_is_null(value);
		if (json_is_string(value)) {
			buf_add(&e->headers[e->n_headers].value, json_string_value(value),
			    json_string_length(value));
		} else if (!json_is_null(value)) {
			char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

			buf_text(&e->headers[e->n_headers].value, text == NULL ? "" : text);
			free(text);
		}
		e->n_headers++;
	}
	return 0;
}

int json_event_parse(struct bytes line, struct json_event *ret_event, char *why, size_t size)
{
	json_error_t error;
	struct json_event e = { .timestamp_ms = -1 };
	json_t *o = json_loadb(line.data, line.len, JSON_ALLOW_NUL, &error), *j;
	int r = 0;

	if (o == NULL || !json_is_object(o)) {
		snprintf(why, size, "not a JSON object: %s", o == NULL ? error.text : "another value");
		json_decref(o);
		return -EBADMSG;
	}
	j = json_object_get(o, "topic");
	if (!json_is_string(j)) {
		snprintf(why, size, "topic is missing");
		r = -EBADMSG;
	} else {
		e.topic = strdup(json_string_value(j));
	}
	j = json_object_get(o, "timestamp");
	if (json_is_integer(j))
		e.timestamp_ms = json_integer_value(j);
	if (r == 0)
		r = take_bytes(o, "key", &e.key, &e.has_key, why, size);
	if (r == 0)
		r = take_bytes(o, "payload", &e.payload, &e.has_payload, why, size);
	if (r == 0)
		r = take_headers(o, &e, why, size);
	json_decref(o);
	if (r < 0)
		json_event_free(&e);
	else
		*ret_event = e;
	return r;
}

void json_event_free(struct json_event *e)
{
	for (size_t i = 0; i < e->n_headers; i++) {
		free(e->headers[i].name);
		buf_free(&e->headers[i].value);
	}
	free(e->headers);
	free(e->topic);
	buf_free(&e->key);
	buf_free(&e->payload);
}
