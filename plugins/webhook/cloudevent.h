/* cloudevent.h - an event as a CloudEvent 1.0.
 *
 * An event that is one in Kafka already (headers ce_*) keeps its attributes; what is missing of the four required
 * ones, time and partitionkey is made of what Kafka knows.  One that is a structured CloudEvent already
 * (content-type: application/cloudevents...) is passed on as it is.
 *
 * Owns:    -
 * Threads: worker.
 * Uses:    json_line, json_check.
 */
#ifndef WEBHOOK_CLOUDEVENT_H
#define WEBHOOK_CLOUDEVENT_H

#include "json_line.h"
#include "settings.h"

/* Its headers are already what HTTP wants. */
bool cloudevent_is_structured(const struct semel_event *e);

/* Each attribute but datacontenttype; values are UTF-8, valid for the call.  -ENOMEM or 0. */
typedef void (*cloudevent_fn)(void *arg, const char *name, struct semel_bytes value);
int cloudevent_attributes(const struct webhook *w, const struct semel_event *e, cloudevent_fn each, void *arg);

/* The structured form, one JSON object; 0 or -ENOMEM. */
int cloudevent_body(
    const struct webhook *w, const struct semel_event *e, const char *content_type, struct json_line *out);

#endif
