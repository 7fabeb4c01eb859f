#include "engine/web.h"

#include "adapters/http_server.h"
#include "base/page.h"
#include "engine/process_metrics.h"
#include "engine/web_tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct web {
	const struct status_source *source;
	struct http_server *tcp, *admin;
};

static void get_metrics(struct web *w, struct http_answer *a)
{
	status_metrics(w->source);
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	a->status = 200;
	metrics_render(w->source->metrics, &a->body);
	process_metrics(&a->body);
}

/* The routes that both listeners have; false: none of them. */
static bool get_common(struct web *w, const char *path, struct http_answer *a)
{
	a->status = 200;
	if (strcmp(path, "/healthz") == 0) {
		buf_text(&a->body, "ok\n");
	} else if (strcmp(path, "/readyz") == 0) {
		if (status_ready(w->source, &a->body))
			buf_text(&a->body, "ready\n");
		else
			a->status = 503;
	} else if (strcmp(path, "/status") == 0) {
		a->type = "application/json";
		status_json(w->source, &a->body);
	} else if (strcmp(path, "/metrics") == 0) {
		get_metrics(w, a);
	} else if (strcmp(path, "/") == 0) {
		a->type = "text/html; charset=utf-8";
		a->policy = page_policy;
		buf_text(&a->body, page_html);
	} else {
		return false;
	}
	return true;
}

static bool is_get(const struct http_request *r)
{
	return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

static void serve_tcp(void *arg, const struct http_request *r, struct http_answer *a)
{
	if (!is_get(r)) {
		a->status = 405;
		buf_text(&a->body, "only GET and HEAD\n");
	} else if (!get_common(arg, r->path, a)) {
		a->status = 404;
		buf_text(&a->body, "not found\n");
	}
}

/* ---- The admin socket */

static void refuse(struct http_answer *a, unsigned status, const char *error, const char *remedy)
{
	a->status = status;
	a->type = "application/json";
	buf_text(&a->body, "{\"error\":");
	buf_json_string(&a->body, bytes_of_text(error));
	buf_text(&a->body, ",\"remedy\":");
	buf_json_string(&a->body, bytes_of_text(remedy));
	buf_text(&a->body, "}\n");
}

static void get_event(struct web *w, const char *sub, const struct http_request *r, struct http_answer *a)
{
	const char *id = r->query(r, "id");
	struct buf bytes = { NULL, 0, 0 };
	int found;

	if (id == NULL || buf_unbase64(&bytes, bytes_of_text(id)) < 0 || bytes.len == 0) {
		refuse(a, 400, "id is missing or not base64url", "GET /v1/events/SUBSCRIPTION?id=BASE64URL");
		buf_free(&bytes);
		return;
	}
	found = w->source->find_event(w->source->arg, sub, (struct bytes){ bytes.data, bytes.len }, &a->body);
	buf_free(&bytes);
	if (found == 1) {
		a->status = 200;
		a->type = "application/json";
		buf_char(&a->body, '\n');
	} else if (found == 0) {
		refuse(a, 404, "the ledger does not know this id",
		    "check the id: semel route shows how ids are made");
	} else if (found == -ENOENT) {
		refuse(a, 404, "there is no such subscription", "semel status lists them");
	} else {
		refuse(a, 503, "the ledger was not opened yet", "see semel status");
	}
}

static void post_aside(struct web *w, const char *sub, const struct http_request *r, struct http_answer *a)
{
	const char *id = r->query(r, "id"), *detail = r->query(r, "detail");
	struct buf bytes = { NULL, 0, 0 }, why = { NULL, 0, 0 };
	int n = -EINVAL;

	buf_text(&why, "");
	if (id != NULL && buf_unbase64(&bytes, bytes_of_text(id)) == 0 && bytes.len > 0 &&
	    (detail == NULL || buf_unbase64(&why, bytes_of_text(detail)) == 0))
		n = w->source->put_aside(
		    w->source->arg, sub, (struct bytes){ bytes.data, bytes.len }, why.data);
	if (n > 0) {
		a->status = 200;
		a->type = "application/json";
		buf_printf(&a->body, "{\"events\":%d}\n", n);
	} else if (n == 0) {
		refuse(a, 404, "no event of this id is waiting, retrying or running on this host",
		    "semel event tells its owner; one that is recorded cannot be put aside");
	} else if (n == -ENOENT) {
		refuse(a, 404, "there is no such subscription", "semel status lists them");
	} else {
		refuse(a, n == -EINVAL ? 400 : 503,
		    "id is missing or not base64url, or the subscription has ended",
		    "POST /v1/dlq/SUBSCRIPTION?id=BASE64URL&detail=BASE64URL");
	}
	buf_free(&bytes);
	buf_free(&why);
}

static void post_log(const struct http_request *r, struct http_answer *a)
{
	const char *text = r->query(r, "level");
	enum log_level level;

	if (text == NULL || log_level_parse(text, &level) < 0) {
		refuse(a, 400, "level is none of debug, info, warning, error", "POST /v1/log?level=LEVEL");
		return;
	}
	log_set_level(level);
	log_at(LOG_WARNING, "log level changed", LOG_TEXT("to", text));
	a->status = 200;
	a->type = "application/json";
	buf_text(&a->body, "{}\n");
}

static void post_accept_loss(struct web *w, const struct http_request *r, struct http_answer *a)
{
	char why[400];
	int e = w->source->accept_loss(w->source->arg, r->query(r, "subscription"), why, sizeof(why));

	if (e == 0) {
		a->status = 200;
		a->type = "application/json";
		buf_text(&a->body, "{}\n");
	} else if (e == -ENOENT) {
		refuse(a, 404, "there is no such subscription", "semel status lists them");
	} else {
		refuse(a, e == -EALREADY ? 409 : 503, why, "see semel status");
	}
}

static void post_reload(struct web *w, struct http_answer *a)
{
	char why[4096];
	int status = w->source->reload(w->source->reload_arg, why, sizeof(why));

	if (status == 0) {
		a->status = 200;
		a->type = "application/json";
		buf_printf(&a->body, "{\"pid\":%d}\n", (int)getpid());
	} else {
		refuse(a, status == 78 ? 409 : 503, why,
		    "semel check shows all errors; the engine goes on as before");
	}
}

/* POST /v1/pause, /v1/drain, /v1/resume; false: none of them. */
static bool post_hold(struct web *w, const struct http_request *r, struct http_answer *a)
{
	static const struct {
		const char *path;
		enum sub_hold hold;
	} verbs[] = { { "/v1/pause", HOLD_PAUSE }, { "/v1/drain", HOLD_DRAIN }, { "/v1/resume", HOLD_NONE } };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(r->path, verbs[i].path) != 0)
			continue;
		if (w->source->hold(w->source->arg, r->query(r, "subscription"), verbs[i].hold) < 0) {
			refuse(a, 404, "there is no such subscription", "semel status lists them");
			return true;
		}
		a->status = 200;
		a->type = "application/json";
		buf_text(&a->body, "{}\n");
		return true;
	}
	return false;
}

static void get_tap(struct web *w, const char *sub, const struct http_request *r, struct http_answer *a)
{
	const char *error, *remedy;
	unsigned status = web_tap(w->source, sub, r, a, &error, &remedy);

	if (status != 0)
		refuse(a, status, error, remedy);
}

static void serve_admin(void *arg, const struct http_request *r, struct http_answer *a)
{
	static const char events[] = "/v1/events/", dlq[] = "/v1/dlq/", taps[] = "/v1/tap/";

	if (is_get(r) && get_common(arg, r->path, a))
		return;
	if (strcmp(r->method, "POST") == 0 && post_hold(arg, r, a))
		return;
	if (is_get(r) && strncmp(r->path, events, sizeof(events) - 1) == 0)
		get_event(arg, r->path + sizeof(events) - 1, r, a);
	else if (strcmp(r->method, "GET") == 0 && strncmp(r->path, taps, sizeof(taps) - 1) == 0)
		get_tap(arg, r->path + sizeof(taps) - 1, r, a);
	else if (strcmp(r->method, "POST") == 0 && strncmp(r->path, dlq, sizeof(dlq) - 1) == 0)
		post_aside(arg, r->path + sizeof(dlq) - 1, r, a);
	else if (strcmp(r->method, "POST") == 0 && strcmp(r->path, "/v1/log") == 0)
		post_log(r, a);
	else if (strcmp(r->method, "POST") == 0 && strcmp(r->path, "/v1/reload") == 0)
		post_reload(arg, a);
	else if (strcmp(r->method, "POST") == 0 && strcmp(r->path, "/v1/ledger/accept-loss") == 0)
		post_accept_loss(arg, r, a);
	else if (is_get(r) || strcmp(r->method, "POST") == 0)
		refuse(a, 404, "not found", "see docs/operations.md");
	else
		refuse(a, 405, "only GET, HEAD and POST", "see docs/operations.md");
}

/* ---- Start and stop */

int web_start(
    const struct status_source *source, int tcp, int admin, struct web **ret_web, char *why, size_t size)
{
	struct web *w = calloc(1, sizeof(*w));
	int r = 0;

	if (w == NULL)
		return -ENOMEM;
	w->source = source;
	if (tcp >= 0)
		r = http_server_start(tcp, "http.listen", serve_tcp, w, &w->tcp, why, size);
	if (r == 0)
		r = http_server_start(admin, "admin.socket", serve_admin, w, &w->admin, why, size);
	if (r < 0) {
		web_stop(w);
		return r;
	}
	*ret_web = w;
	return 0;
}

void web_tick(struct web *w)
{
	if (w == NULL)
		return;
	http_server_tick(w->tcp, mono_now());
	http_server_tick(w->admin, mono_now());
}

void web_stop(struct web *w)
{
	if (w == NULL)
		return;
	http_server_stop(w->tcp);
	http_server_stop(w->admin);
	free(w);
}
