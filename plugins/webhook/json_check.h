/* json_check.h - is it JSON?
 *
 * Owns:    -
 * Threads: any.
 * Uses:    jansson.
 */
#ifndef WEBHOOK_JSON_CHECK_H
#define WEBHOOK_JSON_CHECK_H

#include <semel/handler.h>

/* One JSON value (RFC 8259) and nothing else. */
bool json_is_valid(struct semel_bytes text);

#endif
