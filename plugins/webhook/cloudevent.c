#include "cloudevent.h"

#include "json_check.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define STRUCTURED "application/cloudevents"

bool cloudevent_is_structured(const struct semel_event *e)
{
	struct semel_bytes type = e->host->header(e, "content-type");

	return type.len >= strlen(STRUCTURED) && strncasecmp(type.data, STRUCTURED, strlen(STRUCTURED)) == 0;
}

/* ---- Attributes */

static bool is_attribute_name(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0' &&
	       strcmp(name, "data") != 0 && strcmp(name, "datacontenttype") != 0;
}

/* As CloudEvents want a String: Unicode without control characters. */
static bool is_string(struct semel_bytes value)
{
	const unsigned char *p = value.data;

	if (value.len == 0)
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return line_is_utf8(value);
}

static struct semel_bytes given(const struct semel_event *e, const char *name)
{
	char header[40];
	struct semel_bytes value;

	snprintf(header, sizeof(header), "ce_%s", name);
	value = e->host->header(e, header);
	return is_string(value) ? value : (struct semel_bytes){ NULL, 0 };
}

/* What the event does not say itself.  An empty text means: leave it out. */
static void make(const struct webhook *w, const struct semel_event *e, const char *name, struct text *out)
{
	if (strcmp(name, "specversion") == 0) {
		text_put(out, "1.0");
	} else if (strcmp(name, "id") == 0) {
		text_encode(out, e->id, KEEP_UNRESERVED);
	} else if (strcmp(name, "source") == 0 && w->source[0] != '\0') {
		text_put(out, w->source);
	} else if (strcmp(name, "source") == 0) {
		text_put(out, "/");
		text_put(out, e->subscription);
		text_put(out, "/");
		text_put(out, e->topic);
	} else if (strcmp(name, "type") == 0) {
		text_put(out, w->type);
	} else if (strcmp(name, "time") == 0 && e->timestamp_ms >= 0) {
		text_time(out, e->timestamp_ms);
	} else if (strcmp(name, "partitionkey") == 0 && is_string(e->key)) {
		text_add(out, e->key.data, e->key.len);
	}
}

int cloudevent_attributes(const struct webhook *w, const struct semel_event *e, cloudevent_fn each, void *arg)
{
	static const char *const names[] = { "specversion", "id", "source", "type", "time", "partitionkey" };
	struct text made = { .data = NULL };
	struct semel_header h;
	bool failed = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (given(e, names[i]).data != NULL)
			continue;
		text_clear(&made);
		make(w, e, names[i], &made);
		failed |= made.failed;
		if (made.len > 0 && !made.failed)
			each(arg, names[i], (struct semel_bytes){ made.data, made.len });
	}
	text_free(&made);
	for (size_t i = 0; e->host->header_at(e, i, &h); i++) {
		/* Of a repeated header the last counts. */
		if (strncmp(h.name, "ce_", 3) == 0 && is_attribute_name(h.name + 3) && is_string(h.value) &&
		    e->host->header(e, h.name).data == h.value.data)
			each(arg, h.name + 3, h.value);
	}
	return failed ? -ENOMEM : 0;
}

/* ---- The structured form */

static void put_attribute(void *arg, const char *name, struct semel_bytes value)
{
	line_bytes(arg, name, value);
}

/* application/json, or anything +json; parameters do not count. */
static bool is_json_type(const char *type)
{
	size_t len = strcspn(type, "; ");

	return len >= 5 &&
	       (strncasecmp(type + len - 5, "/json", 5) == 0 || strncasecmp(type + len - 5, "+json", 5) == 0);
}

int cloudevent_body(
    const struct webhook *w, const struct semel_event *e, const char *content_type, struct json_line *out)
{
	int r;

	line_begin(out);
	r = cloudevent_attributes(w, e, put_attribute, out);
	if (e->payload.data != NULL) {
		line_text(out, "datacontenttype", content_type);
		if (!is_json_type(content_type))
			line_bytes(out, "data", e->payload);
		else if (json_is_valid(e->payload))
			line_json(out, "data", e->payload);
		else
			line_base64(out, "data_base64", e->payload);
	}
	line_end(out);
	return r < 0 || out->failed ? -ENOMEM : 0;
}
