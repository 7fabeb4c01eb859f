#include "transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Why one of our callbacks ended the transfer. */
enum stop { STOP_NONE, STOP_CANCELLED, STOP_AGAIN, STOP_ENOUGH };

struct transfer {
	const struct webhook *w;
	CURL *curl;
	char error[CURL_ERROR_SIZE];
	/* Of the one that runs. */
	const struct semel_event *e;
	struct answer *answer;
	enum stop stop;
	long sent;
	int64_t received;
};

/* open, the only caller, runs on the engine's main thread; libcurl counts the calls, and since 7.84 (Debian builds
 * it so) they may even meet those of another plugin that uses libcurl.  The host uses none in the engine. */
int transfer_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

void transfer_global_cleanup(void)
{
	curl_global_cleanup();
}

/* ---- What curl calls, on the worker's thread */

/* At least once a second while anything is waited for, name look-ups included. */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = arg;

	(void)a, (void)b, (void)c, (void)d;
	if (!t->e->host->cancelled(t->e))
		return 0;
	t->stop = STOP_CANCELLED;
	return 1;
}

/* Connected, and about to send: the last moment at which nothing has been done. */
static int on_send(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct transfer *t = arg;
	long redirects = 0;

	(void)peer, (void)local, (void)peer_port, (void)local_port;
	curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_COUNT, &redirects);
	if (t->e->host->cancelled(t->e) || t->e->host->lease_ms(t->e) <= 0)
		t->stop = STOP_CANCELLED;
	else if (t->sent > redirects)
		t->stop = STOP_AGAIN;
	else
		t->sent++;
	return t->stop == STOP_NONE ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct answer *a = t->answer;
	size_t len = size * n, left = sizeof(a->body) - a->body_len, kept = len < left ? len : left;

	memcpy(a->body + a->body_len, data, kept);
	a->body_len += kept;
	t->received += (int64_t)len;
	if (t->received <= t->w->max_response)
		return len;
	t->stop = STOP_ENOUGH;
	return len + 1; /* any other number ends the transfer */
}

/* ---- Set up once */

static CURLcode set_tls(CURL *c, const struct webhook *w)
{
	CURLcode r = curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);

	if (!w->tls_verify) {
		r |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		r |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (w->ca_file[0] != '\0') {
		r |= curl_easy_setopt(c, CURLOPT_CAINFO, w->ca_file);
		r |= curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* instead of the system's */
	}
	if (w->cert_file[0] != '\0')
		r |= curl_easy_setopt(c, CURLOPT_SSLCERT, w->cert_file);
	if (w->key_file[0] != '\0')
		r |= curl_easy_setopt(c, CURLOPT_SSLKEY, w->key_file);
	return r;
}

static CURLcode set_connection(CURL *c, const struct webhook *w)
{
	/* Timeouts of name look-ups come without SIGALRM; SIGPIPE, which curl then leaves alone, the engine ignores. */
	CURLcode r = curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);

	r |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	r |= curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, w->url.is_https ? "https" : "http,https");
	r |= curl_easy_setopt(
	    c, CURLOPT_HTTP_VERSION, (long)(w->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	r |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, w->timeout_ms);
	r |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, w->connect_timeout_ms);
	r |= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	if (w->keep_alive_s > 0)
		r |= curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, w->keep_alive_s);
	else
		r |= curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	/* "" turns off what the environment says. */
	if (strcmp(w->proxy, "environment") != 0)
		r |= curl_easy_setopt(c, CURLOPT_PROXY, w->proxy);
	if (w->redirects > 0) {
		r |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
		r |= curl_easy_setopt(c, CURLOPT_MAXREDIRS, w->redirects);
		r |= curl_easy_setopt(c, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
	}
	return r;
}

static CURLcode set_up(struct transfer *t)
{
	CURL *c = t->curl;
	CURLcode r = set_connection(c, t->w) | set_tls(c, t->w);

	r |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	r |= curl_easy_setopt(c, CURLOPT_USERAGENT, "semel-webhook");
	r |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	r |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	r |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	r |= curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_send);
	r |= curl_easy_setopt(c, CURLOPT_PREREQDATA, t);
	r |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	r |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	return r;
}

int transfer_new(const struct webhook *w, struct transfer **ret_transfer)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->w = w;
	t->curl = curl_easy_init();
	if (t->curl == NULL || set_up(t) != CURLE_OK) {
		transfer_free(t);
		return -ENOMEM;
	}
	*ret_transfer = t;
	return 0;
}

void transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	curl_easy_cleanup(t->curl);
	free(t);
}

/* ---- One request */

static const char *kind_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return "name look-up";
	case CURLE_COULDNT_CONNECT: return "connect";
	case CURLE_OPERATION_TIMEDOUT: return "timeout";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_PEER_FAILED_VERIFICATION: return "TLS";
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR: return "broken off";
	default: return "request";
	}
}

static void explain(const struct transfer *t, CURLcode code, struct answer *a)
{
	const char *text = t->error[0] != '\0' ? t->error : curl_easy_strerror(code);
	char status[32] = "";

	if (a->status > 0)
		snprintf(status, sizeof(status), " after HTTP %ld", a->status);
	if (t->stop == STOP_AGAIN)
		snprintf(a->why, sizeof(a->why),
		    "broken off: the server closed the connection without an answer; not sent again unmarked");
	else
		snprintf(a->why, sizeof(a->why), "%s%s: %s", kind_of(code), status, text);
}

static CURLcode set_request(struct transfer *t, const struct request *r)
{
	CURL *c = t->curl;
	CURLcode code = curl_easy_setopt(c, CURLOPT_URL, r->url.data);

	/* POST with another name is how curl sends a body with any method. */
	code |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body.len == 0 ? "" : (const char *)r->body.data);
	code |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	code |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, strcmp(r->method, "POST") == 0 ? NULL : r->method);
	code |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
	return code;
}

static void read_answer(struct transfer *t, struct answer *a)
{
	curl_off_t us = 0, after = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &a->status);
	curl_easy_getinfo(t->curl, CURLINFO_TOTAL_TIME_T, &us);
	curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &a->connections);
	curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &after);
	a->seconds = (double)us / 1e6;
	a->retry_after_ms = after <= 0 ? -1 : after > 86400 ? 86400000 : after * 1000;
	a->sent = t->sent > 0;
}

/* Where a redirect that is not followed leads, if the body does not say it. */
static void note_redirect(struct transfer *t, struct answer *a)
{
	char *url = NULL;

	curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_URL, &url);
	if (url != NULL)
		snprintf(a->why, sizeof(a->why), " to %s", url);
}

void transfer_run(
    struct transfer *t, const struct request *r, const struct semel_event *e, struct answer *ret)
{
	CURLcode code;

	*ret = (struct answer){ .retry_after_ms = -1 };
	t->e = e;
	t->answer = ret;
	t->stop = STOP_NONE;
	t->sent = 0;
	t->received = 0;
	t->error[0] = '\0';
	code = set_request(t, r);
	if (code == CURLE_OK)
		code = curl_easy_perform(t->curl);
	read_answer(t, ret);
	if (code == CURLE_OK || t->stop == STOP_ENOUGH) {
		ret->end = TRANSFER_ANSWERED;
		note_redirect(t, ret);
	} else if (t->stop == STOP_CANCELLED) {
		ret->end = TRANSFER_CANCELLED;
	} else {
		ret->end = TRANSFER_FAILED;
		explain(t, code, ret);
	}
}
