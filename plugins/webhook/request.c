#include "request.h"

#include "cloudevent.h"
#include "headers.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- Headers.  Each is one allocation or two by curl: nothing beside a round trip. */

static void append(struct request *r, const char *line)
{
	struct curl_slist *grown = r->scratch.failed ? NULL : curl_slist_append(r->headers, line);

	if (grown == NULL)
		r->failed = true;
	else
		r->headers = grown;
}

static void add(struct request *r, const char *name, struct semel_bytes value, enum text_kept kept)
{
	text_clear(&r->scratch);
	text_put(&r->scratch, name);
	if (value.len == 0) {
		text_put(&r->scratch, ";"); /* curl's way to say: empty */
	} else {
		text_put(&r->scratch, ": ");
		text_encode(&r->scratch, value, kept);
	}
	append(r, r->scratch.data);
}

/* A value that was judged before. */
static void add_text(struct request *r, const char *name, const char *value)
{
	text_clear(&r->scratch);
	text_put(&r->scratch, name);
	text_put(&r->scratch, value[0] == '\0' ? ";" : ": ");
	text_put(&r->scratch, value);
	append(r, r->scratch.data);
}

static void add_number(struct request *r, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_text(r, name, text);
}

static void add_metadata(struct request *r, const struct semel_event *e)
{
	add_text(r, "Semel-Topic", e->topic);
	add_number(r, "Semel-Partition", (uint64_t)e->partition);
	add_number(r, "Semel-Offset", (uint64_t)e->offset);
	add_number(r, "Semel-Fence", e->fence);
	if (e->timestamp_ms >= 0)
		add_number(r, "Semel-Timestamp", (uint64_t)e->timestamp_ms);
	if (e->key.data != NULL)
		add(r, "Semel-Key", e->key, KEEP_UNRESERVED);
}

static void add_attribute(void *arg, const char *name, struct semel_bytes value)
{
	char header[64];

	if (snprintf(header, sizeof(header), "ce-%s", name) < (int)sizeof(header))
		add(arg, header, value, KEEP_CLOUDEVENTS);
}

/* Does this plugin, or the configuration, say what that header is? */
static bool is_taken(const struct webhook *w, const char *name)
{
	if (header_is_ours(name) || strncasecmp(name, "semel-", 6) == 0 ||
	    strcasecmp(name, "content-type") == 0 || strcasecmp(name, w->id_header) == 0 ||
	    strcasecmp(name, w->authorization_header) == 0)
		return true;
	if (strncasecmp(name, "ce-", 3) == 0 && w->mode == MODE_BINARY)
		return true;
	if (strncasecmp(name, "webhook-", 8) == 0 && w->signer.n > 0)
		return true;
	for (size_t i = 0; i < w->header_names.n; i++)
		if (strcasecmp(name, w->header_names.texts[i]) == 0)
			return true;
	return false;
}

static void pass_on(const struct webhook *w, const struct semel_event *e, struct request *r)
{
	struct semel_header h;

	for (size_t i = 0; w->pass.n > 0 && e->host->header_at(e, i, &h); i++) {
		bool wanted = false;

		for (size_t k = 0; k < w->pass.n && !wanted; k++)
			wanted = header_matches(w->pass.texts[k], h.name);
		if (!wanted || is_taken(w, h.name))
			continue;
		if (header_name_is_legal(h.name))
			add(r, h.name, h.value, KEEP_VISIBLE);
		else
			e->host->record(w->metrics.left_out, 1);
	}
}

static void add_signature(const struct webhook *w, const struct semel_event *e, struct request *r)
{
	struct text id = { .data = NULL }, value = { .data = NULL };
	int64_t now = time(NULL);
	bool standard = w->signer.form == SIGN_STANDARD;

	/* The signed text is joined with dots. */
	text_encode(&id, e->id, KEEP_NO_DOT);
	sign(&w->signer, id.data == NULL ? "" : id.data, now, r->body, &value);
	if (id.failed || value.failed) {
		r->failed = true;
	} else if (standard) {
		add_text(r, "webhook-id", id.data);
		add_number(r, "webhook-timestamp", (uint64_t)now);
		add_text(r, "webhook-signature", value.data);
	} else {
		add_text(r, "Semel-Signature", value.data);
	}
	text_free(&id);
	text_free(&value);
}

/* ---- Body */

static const struct semel_bytes structured_type = { "application/cloudevents+json; charset=utf-8", 43 };

/* The event's content type, as it may stand in a header; in r->scratch. */
static const char *content_type(const struct webhook *w, const struct semel_event *e, struct request *r)
{
	struct semel_bytes type = e->host->header(e, "content-type");

	text_clear(&r->scratch);
	if (type.len > 0)
		text_encode(&r->scratch, type, KEEP_VISIBLE);
	else
		text_put(&r->scratch, w->content_type);
	return r->scratch.data == NULL ? "" : r->scratch.data;
}

static int add_body(const struct webhook *w, const struct semel_event *e, struct request *r)
{
	bool is_cloudevent = w->mode != MODE_RAW && cloudevent_is_structured(e);

	r->body = e->payload;
	if (w->mode == MODE_STRUCTURED && !is_cloudevent && !r->is_delete) {
		if (cloudevent_body(w, e, content_type(w, e, r), &r->envelope) < 0)
			return -ENOMEM;
		r->body = (struct semel_bytes){ r->envelope.data, r->envelope.len };
		add(r, "Content-Type", structured_type, KEEP_VISIBLE);
		return 0;
	}
	if (w->mode == MODE_BINARY && !is_cloudevent && cloudevent_attributes(w, e, add_attribute, r) < 0)
		return -ENOMEM;
	if (e->payload.data != NULL) {
		struct text type = { .data = NULL };

		text_put(&type, content_type(w, e, r));
		if (type.failed)
			r->failed = true;
		else
			add_text(r, "Content-Type", type.data);
		text_free(&type);
	} else {
		/* Without it curl would call the empty body a form. */
		append(r, "Content-Type:");
	}
	return 0;
}

/* What one large event needed is not kept for all that follow. */
static void shrink(struct request *r)
{
	if (r->envelope.cap <= (size_t)1 << 20)
		return;
	free(r->envelope.data);
	r->envelope = (struct json_line){ .data = NULL };
}

int request_make(
    const struct webhook *w, const struct semel_event *e, struct request *r, const char **ret_why)
{
	curl_slist_free_all(r->headers);
	r->headers = NULL;
	r->failed = false;
	shrink(r);
	*ret_why = url_expand(&w->url, e, &r->url);
	if (*ret_why != NULL)
		return -EINVAL;
	r->is_delete = e->payload.data == NULL && w->tombstone == TOMBSTONE_DELETE;
	r->method = r->is_delete ? "DELETE" : w->method;
	if (add_body(w, e, r) < 0)
		return -ENOMEM;
	append(r, "Expect:"); /* no round trip before the body */
	add(r, w->id_header, e->id, KEEP_UNRESERVED);
	add_number(r, "Semel-Attempt", e->attempt);
	add_text(r, "Semel-Redelivered", e->redelivered ? "true" : "false");
	if (e->payload.data == NULL)
		add_text(r, "Semel-Tombstone", "true");
	if (w->metadata)
		add_metadata(r, e);
	if (w->signer.n > 0)
		add_signature(w, e, r);
	if (w->authorization != NULL)
		add_text(r, w->authorization_header, w->authorization);
	for (size_t i = 0; i < w->header_names.n; i++)
		add_text(r, w->header_names.texts[i], w->header_values.texts[i]);
	pass_on(w, e, r);
	return r->failed || r->url.failed ? -ENOMEM : 0;
}

void request_free(struct request *r)
{
	curl_slist_free_all(r->headers);
	text_free(&r->url);
	text_free(&r->scratch);
	free(r->envelope.data);
}
