/* json.h - reading JSON payloads by pointer, and event files.
 *
 * Owns:    a parsed document, until json_free.
 * Threads: one at a time for one document.
 * Uses:    jansson.
 */
#ifndef ADAPTERS_JSON_H
#define ADAPTERS_JSON_H

#include "base/buf.h"

struct json_doc;
/* -EBADMSG: not JSON, with `why`; depth and size are bounded by jansson's own limits. */
int json_parse(struct bytes text, struct json_doc **ret_doc, char *why, size_t size);
void json_free(struct json_doc *d);		/* NULL is allowed */
/* The scalar at an RFC 6901 pointer, as text (strings bare, numbers and booleans as written by the encoder).
 * 1: there, appended to out; 0: not there, null, an object or an array.  `ret_exists`, if not NULL, is true for
 * objects, arrays and null, too. */
int json_pointer(const struct json_doc *d, const char *pointer, struct buf *out, bool *ret_exists);
bool json_pointer_valid(const char *pointer);

/* One line of an event file (REFERENCE section 2), for semel route, try and dev. */
struct json_event {
	char *topic;
	struct buf key, payload;
	bool has_key, has_payload;
	int64_t timestamp_ms;		/* -1: absent */
	struct { char *name; struct buf value; bool has_value; } *headers;
	size_t n_headers;
};
int json_event_parse(struct bytes line, struct json_event *ret_event, char *why, size_t size);
void json_event_free(struct json_event *e);

#endif
