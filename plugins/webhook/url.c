#include "url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- The template */

static enum url_value value_of(const char *name, size_t len)
{
	static const char *const names[] = { [URL_ID] = "id", [URL_KEY] = "key", [URL_TOPIC] = "topic" };

	for (int v = URL_ID; v <= URL_TOPIC; v++)
		if (strlen(names[v]) == len && memcmp(names[v], name, len) == 0)
			return (enum url_value)v;
	return URL_END;
}

static int add_part(struct url *u, const char *text, size_t len, enum url_value value)
{
	struct url_part *grown = realloc(u->parts, (u->n + 1) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	u->parts = grown;
	u->parts[u->n].value = value;
	u->parts[u->n].text = strndup(text, len);
	if (u->parts[u->n].text == NULL)
		return -ENOMEM;
	u->n++;
	return 0;
}

/* Cut at the placeholders; 0, -ENOMEM or -EINVAL. */
static int cut(struct url *u, const char *text, char *why, size_t size)
{
	const char *server = strstr(text, "://"), *path, *open;

	server = server == NULL ? text : server + 3;
	path = server + strcspn(server, "/?");
	while ((open = strpbrk(text, "{}")) != NULL) {
		size_t len = open[0] == '{' ? strcspn(open + 1, "}") : 0;
		enum url_value value = open[0] == '{' && open[len + 1] == '}' ? value_of(open + 1, len)
									      : URL_END;

		if (value == URL_END) {
			snprintf(why, size,
			    "%.*s is none of {id}, {key}, {topic}; a brace itself is written %%7B, %%7D",
			    (int)(open[0] == '{' && open[len + 1] == '}' ? len + 2 : 1), open);
			return -EINVAL;
		}
		if (open < path) {
			snprintf(why, size,
			    "a placeholder may stand in path and query only, so that no event chooses the server");
			return -EINVAL;
		}
		if (add_part(u, text, (size_t)(open - text), value) < 0)
			return -ENOMEM;
		text = open + len + 2;
	}
	return add_part(u, text, strlen(text), URL_END);
}

/* ---- Judging */

static bool has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return there;
}

/* What is wrong with a URL that curl can parse; NULL: nothing. */
static const char *fault_of(CURLU *u, struct url *ret_url)
{
	char *scheme = NULL;
	bool known;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return "it does not begin with http:// or https://";
	ret_url->is_https = strcasecmp(scheme, "https") == 0;
	known = ret_url->is_https || strcasecmp(scheme, "http") == 0;
	curl_free(scheme);
	if (!known)
		return "it does not begin with http:// or https://";
	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
		return "it holds credentials: put them into a file and name that in authorization_file";
	if (has_part(u, CURLUPART_FRAGMENT))
		return "it has a fragment (#...), which is never sent";
	return NULL;
}

static int parse(const char *text, struct url *ret_url, char *why, size_t size)
{
	CURLU *u = curl_url();
	CURLUcode code;
	const char *fault;

	if (u == NULL)
		return -ENOMEM;
	code = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	/* "example.org/x" is no URL, and curl says so in a way that helps nobody. */
	fault = strstr(text, "://") == NULL ? "it does not begin with http:// or https://"
		: code != CURLUE_OK         ? curl_url_strerror(code)
					    : fault_of(u, ret_url);
	curl_url_cleanup(u);
	if (fault == NULL)
		return 0;
	snprintf(why, size, "%s", fault);
	return -EINVAL;
}

/* Length of a dot at p, plain or encoded; 0: none. */
static size_t dot(const char *p)
{
	return p[0] == '.' ? 1 : strncasecmp(p, "%2e", 3) == 0 ? 3 : 0;
}

/* Does a segment of the path consist of one or two dots?  Whoever resolves that gets to another path. */
static bool has_dot_segment(const char *url)
{
	const char *p = strstr(url, "://") + 3;

	p += strcspn(p, "/?");
	while (*p == '/') {
		size_t n = 0, len;

		for (p++; (len = dot(p)) > 0; p += len)
			n++;
		if ((n == 1 || n == 2) && (*p == '\0' || *p == '/' || *p == '?'))
			return true;
		p += strcspn(p, "/?");
	}
	return false;
}

int url_make(const char *configured, struct url *ret_url, char *why, size_t size)
{
	struct url u = { .parts = NULL };
	struct text sample = { .data = NULL };
	int r = cut(&u, configured, why, size);

	for (size_t i = 0; r == 0 && i < u.n; i++) {
		text_put(&sample, u.parts[i].text);
		text_put(&sample, u.parts[i].value == URL_END ? "" : "x");
	}
	if (r == 0)
		r = sample.failed ? -ENOMEM : parse(sample.data, &u, why, size);
	if (r == 0 && !url_is_fixed(&u) && has_dot_segment(sample.data)) {
		snprintf(why, size, "a path with placeholders may not hold . or ..");
		r = -EINVAL;
	}
	text_free(&sample);
	if (r < 0)
		url_free(&u);
	else
		*ret_url = u;
	return r;
}

void url_free(struct url *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->parts[i].text);
	free(u->parts);
	*u = (struct url){ .parts = NULL };
}

const char *url_expand(const struct url *u, const struct semel_event *e, struct text *out)
{
	text_clear(out);
	for (size_t i = 0; i < u->n; i++) {
		const struct url_part *p = &u->parts[i];
		struct semel_bytes value = p->value == URL_ID ? e->id
					   : p->value == URL_KEY
					       ? e->key
					       : (struct semel_bytes){ e->topic, strlen(e->topic) };

		text_put(out, p->text);
		if (p->value == URL_END)
			continue;
		if (value.len == 0)
			return "its url needs a key, and the event has none";
		text_encode(out, value, KEEP_UNRESERVED);
	}
	if (!out->failed && !url_is_fixed(u) && has_dot_segment(out->data))
		return "its url would hold . or .. as a part of the path";
	return NULL;
}
