#include "engine/web_tap.h"

#include <semel/handler.h>

#include <errno.h>
#include <string.h>

static struct subscription *find(const struct status_source *source, const char *name)
{
	for (size_t i = 0; i < source->n_subs; i++)
		if (strcmp(source->subs[i]->conf->name, name) == 0)
			return source->subs[i];
	return NULL;
}

/* The index of a route of this subscription, or of a handler; -1: there is none. */
static int route_of(const struct subscription *s, const char *name)
{
	for (size_t i = 0; i < s->config->n_routes; i++)
		if (s->config->routes[i].subscription == s->index &&
		    strcmp(s->config->routes[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int handler_of(const struct subscription *s, const char *name)
{
	for (size_t i = 0; i < s->config->n_handlers; i++)
		if (strcmp(s->config->handlers[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int outcome_of(const char *name)
{
	for (int i = SEMEL_OK; i <= SEMEL_CANCELLED; i++)
		if (event_outcome_name(i) != NULL && strcmp(event_outcome_name(i), name) == 0)
			return i;
	return -1;
}

/* NULL, or what is wrong with the query. */
static const char *parse(
    const struct subscription *s, const struct http_request *r, struct tap_filter *f, const char **ret_remedy)
{
	const char *route = r->query(r, "route"), *handler = r->query(r, "handler"),
		   *outcome = r->query(r, "outcome"), *id = r->query(r, "id"), *key = r->query(r, "key");

	*f = (struct tap_filter){ .route = -1,
		.handler = -1,
		.outcome = -1,
		.dead = r->query(r, "dead") != NULL,
		.payload = r->query(r, "payload") != NULL,
		.has_id = id != NULL,
		.has_key = key != NULL };
	*ret_remedy = "semel config shows routes and handlers";
	if (route != NULL && (f->route = route_of(s, route)) < 0)
		return "the subscription has no such route";
	if (handler != NULL && (f->handler = handler_of(s, handler)) < 0)
		return "there is no such handler";
	*ret_remedy = "outcome=ok|retry|reject|skip|cancelled";
	if (outcome != NULL && (f->outcome = outcome_of(outcome)) < 0)
		return "there is no such outcome";
	*ret_remedy = "GET /v1/tap/SUBSCRIPTION?id=BASE64URL&key=BASE64URL";
	if (id != NULL && buf_unbase64(&f->id, bytes_of_text(id)) < 0)
		return "id is not base64url";
	return key != NULL && buf_unbase64(&f->key, bytes_of_text(key)) < 0 ? "key is not base64url" : NULL;
}

static void read_tap(void *arg, struct buf *out, size_t cap)
{
	tap_read(arg, out, cap);
}

static void close_tap(void *arg)
{
	tap_close(arg);
}

unsigned web_tap(const struct status_source *source, const char *sub, const struct http_request *r,
    struct http_answer *a, const char **ret_error, const char **ret_remedy)
{
	struct subscription *s = find(source, sub);
	struct tap_filter filter;
	struct tap *tap;
	int result;

	*ret_error = "there is no such subscription";
	*ret_remedy = "semel status lists them";
	if (s == NULL)
		return 404;
	*ret_error = parse(s, r, &filter, ret_remedy);
	result = *ret_error != NULL ? -EINVAL : tap_open(&s->tap, &filter, &tap);
	buf_free(&filter.id);
	buf_free(&filter.key);
	if (*ret_error != NULL)
		return 400;
	*ret_error = result == -EBUSY ? "the subscription is tapped by as many as can be" : "out of memory";
	*ret_remedy = "end another semel tap";
	if (result < 0)
		return 503;
	a->status = 200;
	a->type = "application/x-ndjson";
	a->stream = (struct http_stream){ tap, read_tap, close_tap };
	return 0;
}
