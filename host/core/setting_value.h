/* setting_value.h - what a plugin's setting may look like, by the type in its table.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    semel/handler.h, core/units.
 */
#ifndef CORE_SETTING_VALUE_H
#define CORE_SETTING_VALUE_H

#include <semel/handler.h>

/* True if a value of that type is a number, and `text` is one. */
bool setting_number(enum semel_type type, const char *text, int64_t *ret_value);
/* "a duration (\"30s\")", for messages. */
const char *setting_type_text(enum semel_type type);

#endif
