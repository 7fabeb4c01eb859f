/* request.h - one event as a request: URL, method, headers, body.
 *
 * Owns:    memory that is used again for the next event.
 * Threads: worker.
 * Uses:    libcurl (its list of headers).
 */
#ifndef WEBHOOK_REQUEST_H
#define WEBHOOK_REQUEST_H

#include "json_line.h"
#include "settings.h"

struct curl_slist;

struct request {
	const char *method;
	struct semel_bytes body;	/* the event's, or in `envelope` */
	struct curl_slist *headers;
	bool is_delete;			/* of a tombstone: no body in any mode */
	bool failed;			/* out of memory on the way */
	struct text url, scratch;
	struct json_line envelope;
};

/* 0; -ENOMEM; -EINVAL with *ret_why: the event cannot be sent. */
int request_make(const struct webhook *w, const struct semel_event *e, struct request *r, const char **ret_why);
void request_free(struct request *r);

#endif
