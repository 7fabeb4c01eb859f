/* json_line.h - one JSON object on one line, built in memory that is kept.
 *
 * Owns:    its bytes.
 * Threads: one at a time for one line.
 * Uses:    libc.
 */
#ifndef FILE_JSON_LINE_H
#define FILE_JSON_LINE_H

#include <semel/handler.h>

struct json_line {
	char *data;
	size_t len, cap;
	bool failed; /* out of memory: the line is not to be used */
};

void line_begin(struct json_line *l);
void line_end(struct json_line *l); /* the closing brace and the newline */
/* "name":[{...},{...}]: a list of objects, each between line_item and line_item_end. */
void line_list(struct json_line *l, const char *name);
void line_list_end(struct json_line *l);
void line_item(struct json_line *l);
void line_item_end(struct json_line *l);
void line_number(struct json_line *l, const char *name, long long value);
void line_unsigned(struct json_line *l, const char *name, unsigned long long value);
void line_bool(struct json_line *l, const char *name, bool value);
void line_text(struct json_line *l, const char *name, const char *value);
/* "name":"text" where it is UTF-8, "name_base64":"..." where not, "name":null where it is absent. */
void line_bytes(struct json_line *l, const char *name, struct semel_bytes value);
void line_base64(struct json_line *l, const char *name, struct semel_bytes value);
void line_json(struct json_line *l, const char *name, struct semel_bytes value); /* JSON already */
bool line_is_utf8(struct semel_bytes value);

#endif
