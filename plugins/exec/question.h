/* question.h - an event as the line that a child reads (docs/handlers/exec.md, Protocol).
 *
 * Owns:    nothing; the line is the worker's.
 * Threads: one at a time for one event.
 * Uses:    plugins/file/json_line.
 */
#ifndef EXEC_QUESTION_H
#define EXEC_QUESTION_H

#include "json_line.h"

/* l->failed: out of memory. */
void question_make(const struct semel_event *e, uint64_t seq, struct json_line *l);

#endif
