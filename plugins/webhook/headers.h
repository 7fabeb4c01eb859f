/* headers.h - what may stand in an HTTP request's header.
 *
 * Owns:    -
 * Threads: any.
 * Uses:    libc.
 */
#ifndef WEBHOOK_HEADERS_H
#define WEBHOOK_HEADERS_H

#include <semel/handler.h>

/* A name is a token (RFC 9110); the host of the connection and the frame of the message are curl's alone. */
bool header_name_is_legal(const char *name);
bool header_is_ours(const char *name);		/* Host, Content-Length, Connection, ... */
/* No control character, so no CR and no LF. */
bool header_value_is_legal(const char *value);
/* Exactly the name, or "prefix*"; case does not count. */
bool header_matches(const char *pattern, const char *name);

#endif
