#include "settings.h"

#include "headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PASS_DEFAULT "traceparent tracestate"

const struct semel_setting webhook_settings[] = {
	{ "url", SEMEL_TEXT, NULL,
	    "Where to, http:// or https://; {id}, {key}, {topic} in path and query are replaced." },
	{ "method", SEMEL_TEXT, "POST", "POST, PUT, PATCH or DELETE." },
	{ "mode", SEMEL_TEXT, "raw",
	    "The body: raw, the payload as it is; or a CloudEvent, binary or structured." },
	{ "content_type", SEMEL_TEXT, "application/octet-stream",
	    "Of events without a header content-type." },
	{ "tombstone", SEMEL_TEXT, "send",
	    "An event without payload: send (empty body, Semel-Tombstone: true), delete (method DELETE), skip, reject." },
	{ "id_header", SEMEL_TEXT, "Idempotency-Key", "The header that carries the event's id." },
	{ "metadata", SEMEL_BOOLEAN, "true",
	    "Send Semel-Topic, -Partition, -Offset, -Timestamp, -Fence and -Key." },
	{ "headers", SEMEL_MAP, "", "Headers of each request: { X-Team = \"billing\"; }." },
	{ "pass_headers", SEMEL_LIST, PASS_DEFAULT,
	    "Headers of the event to pass on; \"x-*\" is all that begin so." },
	{ "authorization", SEMEL_SECRET, "",
	    "A file with the value of authorization_header, such as Bearer TOKEN." },
	{ "authorization_header", SEMEL_TEXT, "Authorization",
	    "The header that carries it, such as X-Api-Key." },
	{ "secret", SEMEL_SECRET, "",
	    "A file with the secrets that sign each request, one a line, at most 4." },
	{ "signature", SEMEL_TEXT, "semel", "semel (Semel-Signature) or standard (webhook-signature)." },
	{ "timeout", SEMEL_DURATION, "10s",
	    "From the start to the end of the answer; below the handler's timeout." },
	{ "connect_timeout", SEMEL_DURATION, "3s", "Of that, until connected, TLS included." },
	{ "keep_alive", SEMEL_DURATION, "60s",
	    "A connection idle for longer is not used again; 0s: one a request." },
	{ "http2", SEMEL_BOOLEAN, "true", "Offer HTTP/2 over TLS." },
	{ "redirects", SEMEL_INTEGER, "0", "How many redirects are followed, with all headers." },
	{ "proxy", SEMEL_TEXT, "",
	    "A proxy's URL; \"environment\": what http_proxy, https_proxy and no_proxy say." },
	{ "tls/ca_file", SEMEL_TEXT, "", "Authorities to trust instead of the system's." },
	{ "tls/cert_file", SEMEL_TEXT, "", "The client's certificate, PEM." },
	{ "tls/key_file", SEMEL_TEXT, "", "Its key, PEM without passphrase; empty: in cert_file, too." },
	{ "tls/verify", SEMEL_BOOLEAN, "true", "Refuse a server whose certificate or name is not trusted." },
	{ "status/ok", SEMEL_LIST, STATUS_OK_DEFAULT,
	    "Status codes, \"409\" or \"4xx\", that mean handled." },
	{ "status/reject", SEMEL_LIST, STATUS_REJECT_DEFAULT, "That mean a dead letter, no retry." },
	{ "status/retry", SEMEL_LIST, STATUS_RETRY_DEFAULT,
	    "That mean a retry; so does every code in no list." },
	{ "max_retry_after", SEMEL_DURATION, "5m",
	    "The longest Retry-After that is waited; 0s: it is ignored." },
	{ "max_response", SEMEL_SIZE, "64KiB",
	    "The rest of a longer answer is not read, and its connection closed." },
	{ "cloudevents/source", SEMEL_TEXT, "",
	    "Where the event has no ce_source; empty: /SUBSCRIPTION/TOPIC." },
	{ "cloudevents/type", SEMEL_TEXT, "semel.event", "Where the event has no ce_type." },
	{ NULL, SEMEL_TEXT, NULL, NULL },
};

/* Reads on after a fault, so that all are told. */
struct reader {
	const struct semel_host *host;
	const struct semel_settings *settings;
	int r;
};

static void fault(struct reader *in, const char *name, const char *why)
{
	in->host->fault(in->settings, name, why);
	if (in->r != -ENOMEM)
		in->r = -EINVAL; /* more than a file that may come yet */
}

static char *copy(struct reader *in, const char *text)
{
	char *out = strdup(text);

	if (out == NULL)
		in->r = -ENOMEM;
	return out;
}

static char *take_text(struct reader *in, const char *name)
{
	const char *text = in->host->text(in->settings, name);

	return copy(in, text == NULL ? "" : text);
}

static int take_word(struct reader *in, const char *name, const char *const *words, const char *why)
{
	const char *text = in->host->text(in->settings, name);

	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	fault(in, name, why);
	return 0;
}

static long take_number(struct reader *in, const char *name, int64_t least, int64_t most, const char *why)
{
	int64_t n = in->host->number(in->settings, name);

	if (n < least || n > most)
		fault(in, name, why);
	return (long)n;
}

static void append(struct reader *in, struct list *l, const char *text)
{
	char **grown = realloc(l->texts, (l->n + 1) * sizeof(*grown));

	if (grown == NULL) {
		in->r = -ENOMEM;
		return;
	}
	l->texts = grown;
	l->texts[l->n] = copy(in, text);
	l->n += l->texts[l->n] != NULL;
}

/* ---- Headers */

static void judge_header_name(struct reader *in, const char *setting, const char *name)
{
	if (!header_name_is_legal(name))
		fault(in, setting, "is no name of a header");
	else if (header_is_ours(name))
		fault(in, setting, "is a header that cannot be set: it belongs to the connection");
}

static void take_header(struct reader *in, struct webhook *w, const char *name, const char *value)
{
	char setting[300];

	snprintf(setting, sizeof(setting), "headers/%s", name);
	judge_header_name(in, setting, name);
	if (value == NULL || !header_value_is_legal(value))
		fault(in, setting, "is no text, or holds a control character");
	if (strcasecmp(name, "Content-Type") == 0)
		fault(in, setting, "is what content_type is for");
	if (strcasecmp(name, "Authorization") == 0)
		fault(in, setting, "is a secret: put it into a file and name that in authorization_file");
	if (strncasecmp(name, "Semel-", 6) == 0)
		fault(in, setting, "is set by this plugin");
	append(in, &w->header_names, name);
	append(in, &w->header_values, value == NULL ? "" : value);
}

static void take_headers(struct reader *in, struct webhook *w)
{
	const char *name, *text;

	for (size_t i = 0; in->host->at(in->settings, "headers", i, &name, &text); i++)
		take_header(in, w, name, text);
	for (size_t i = 0; in->host->at(in->settings, "pass_headers", i, &name, &text); i++)
		append(in, &w->pass, text);
	if (in->host->text(in->settings, "pass_headers") != NULL) {
		append(in, &w->pass, "traceparent");
		append(in, &w->pass, "tracestate");
	}
	w->id_header = take_text(in, "id_header");
	if (w->id_header != NULL)
		judge_header_name(in, "id_header", w->id_header);
	w->content_type = take_text(in, "content_type");
	if (w->content_type != NULL &&
	    (w->content_type[0] == '\0' || !header_value_is_legal(w->content_type)))
		fault(in, "content_type", "is empty, or holds a control character");
	w->authorization_header = take_text(in, "authorization_header");
	if (w->authorization_header != NULL)
		judge_header_name(in, "authorization_header", w->authorization_header);
}

/* The same header from two settings would be sent twice. */
static void judge_twice(struct reader *in, const struct webhook *w)
{
	char setting[300];

	if (in->r < 0)
		return;
	for (size_t i = 0; i < w->header_names.n; i++) {
		const char *name = w->header_names.texts[i];
		bool id = strcasecmp(name, w->id_header) == 0;

		snprintf(setting, sizeof(setting), "headers/%s", name);
		if (id || (w->authorization != NULL && strcasecmp(name, w->authorization_header) == 0))
			fault(in, setting, id ? "is the id_header" : "is the authorization_header");
	}
}

/* ---- Secrets and TLS */

static void take_secrets(struct reader *in, struct webhook *w)
{
	static const char *const forms[] = { "semel", "standard", NULL };
	enum sign_form form = (enum sign_form)take_word(
	    in, "signature", forms, "is neither semel nor standard");
	const char *secrets = in->host->text(in->settings, "secret");
	const char *authorization = in->host->text(in->settings, "authorization");
	char why[160];
	int r;

	if (authorization != NULL && !header_value_is_legal(authorization))
		fault(in, "authorization_file", "holds more than one line, or a control character");
	else if (authorization != NULL)
		w->authorization = copy(in, authorization);
	if (secrets == NULL)
		return;
	r = signer_make(secrets, form, &w->signer, why, sizeof(why));
	if (r == -EINVAL)
		fault(in, "secret_file", why);
	else if (r < 0)
		in->r = r;
}

static char *take_file(struct reader *in, const char *name)
{
	char *file = take_text(in, name);

	int r = file == NULL || file[0] == '\0' || access(file, R_OK) == 0 ? 0 : -errno;

	/* It may come yet, as a certificate does that is fetched at boot. */
	if (r < 0)
		in->host->fault(in->settings, name, strerror(-r));
	if (in->r == 0)
		in->r = r;
	return file;
}

static void take_tls(struct reader *in, struct webhook *w)
{
	w->ca_file = take_file(in, "tls/ca_file");
	w->cert_file = take_file(in, "tls/cert_file");
	w->key_file = take_file(in, "tls/key_file");
	w->tls_verify = in->host->number(in->settings, "tls/verify") != 0;
	if (w->cert_file != NULL && w->key_file != NULL && w->cert_file[0] == '\0' && w->key_file[0] != '\0')
		fault(in, "tls/key_file", "is of no use without tls.cert_file");
}

/* ---- The rest */

static void take_status(struct reader *in, struct webhook *w)
{
	static const struct {
		const char *name, *fallback;
		enum semel_outcome outcome;
	} lists[] = { { "status/ok", STATUS_OK_DEFAULT, SEMEL_OK },
		{ "status/reject", STATUS_REJECT_DEFAULT, SEMEL_REJECT },
		{ "status/retry", STATUS_RETRY_DEFAULT, SEMEL_RETRY } };

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		const char *name, *text;
		char setting[64];

		if (in->host->text(in->settings, lists[l].name) != NULL)
			status_add_defaults(&w->status, lists[l].fallback, lists[l].outcome);
		for (size_t i = 0; in->host->at(in->settings, lists[l].name, i, &name, &text); i++) {
			int r = status_add(&w->status, text, lists[l].outcome, false);

			snprintf(setting, sizeof(setting), "%s/%zu", lists[l].name, i);
			if (r == -EINVAL)
				fault(in, setting,
				    "is neither a status code, as \"409\", nor a class, as \"4xx\"");
			else if (r < 0)
				fault(in, setting, "stands in another list of status, too");
		}
	}
}

static void take_url(struct reader *in, struct webhook *w)
{
	char why[256];
	int r = url_make(in->host->text(in->settings, "url"), &w->url, why, sizeof(why));

	if (r == -EINVAL)
		fault(in, "url", why);
	else if (r < 0)
		in->r = r;
}

static void take_words(struct reader *in, struct webhook *w)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE", NULL };
	static const char *const modes[] = { "raw", "binary", "structured", NULL };
	static const char *const tombstones[] = { "send", "delete", "skip", "reject", NULL };

	w->method = copy(
	    in, methods[take_word(in, "method", methods, "is none of POST, PUT, PATCH, DELETE")]);
	w->mode = take_word(in, "mode", modes, "is none of raw, binary, structured");
	w->tombstone = take_word(in, "tombstone", tombstones, "is none of send, delete, skip, reject");
	w->source = take_text(in, "cloudevents/source");
	w->type = take_text(in, "cloudevents/type");
	if (w->type != NULL && w->type[0] == '\0')
		fault(in, "cloudevents/type", "is empty");
}

static void take_numbers(struct reader *in, struct webhook *w)
{
	static const char time[] = "is none of 1ms to 24h";
	const int64_t day = 86400000;

	w->timeout_ms = take_number(in, "timeout", 1, day, time);
	w->connect_timeout_ms = take_number(in, "connect_timeout", 1, day, time);
	w->keep_alive_s = take_number(in, "keep_alive", 0, day, "is none of 0s to 24h") / 1000;
	w->redirects = take_number(in, "redirects", 0, 20, "is none of 0 to 20");
	w->max_retry_after_ms = take_number(in, "max_retry_after", 0, day, "is none of 0s to 24h");
	w->max_response = take_number(in, "max_response", 0, (int64_t)1 << 30, "is more than 1GiB");
	w->http2 = in->host->number(in->settings, "http2") != 0;
	w->metadata = in->host->number(in->settings, "metadata") != 0;
	w->proxy = take_text(in, "proxy");
}

int settings_read(struct webhook *w, const struct semel_settings *s)
{
	struct reader in = { w->host, s, 0 };

	take_url(&in, w);
	take_words(&in, w);
	take_numbers(&in, w);
	take_headers(&in, w);
	take_secrets(&in, w);
	take_tls(&in, w);
	take_status(&in, w);
	judge_twice(&in, w);
	return in.r;
}

static void free_list(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->texts[i]);
	free(l->texts);
}

void settings_free(struct webhook *w)
{
	char *texts[] = { w->method, w->content_type, w->id_header, w->authorization_header, w->proxy,
		w->ca_file, w->cert_file, w->key_file, w->source, w->type };

	if (w->authorization != NULL)
		explicit_bzero(w->authorization, strlen(w->authorization));
	free(w->authorization);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	free_list(&w->header_names);
	free_list(&w->header_values);
	free_list(&w->pass);
	url_free(&w->url);
	signer_free(&w->signer);
}
