/* url.h - the URL of a request, with {id}, {key} and {topic} replaced.
 *
 * A placeholder may stand in path and query only, and what replaces it is percent-encoded, so no event can choose
 * the server; one whose value would make a path segment "." or ".." has no URL.
 *
 * Owns:    its parts.
 * Threads: any, once it is made.
 * Uses:    libcurl.
 */
#ifndef WEBHOOK_URL_H
#define WEBHOOK_URL_H

#include "text.h"

enum url_value { URL_END, URL_ID, URL_KEY, URL_TOPIC };

struct url {
	struct url_part { char *text; enum url_value value; } *parts;	/* a text, then a value; the last has none */
	size_t n;
	bool is_https;
};

/* 0, -ENOMEM, or -EINVAL with `why`. */
int url_make(const char *configured, struct url *ret_url, char *why, size_t size);
void url_free(struct url *u);
static inline bool url_is_fixed(const struct url *u)
{
	return u->n == 1;
}
/* Into `out`, which is emptied first.  NULL, or why the event has none. */
const char *url_expand(const struct url *u, const struct semel_event *e, struct text *out);

#endif
