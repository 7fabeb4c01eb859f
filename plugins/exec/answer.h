/* answer.h - the line that a child writes, to an outcome.
 *
 * Owns:    nothing.
 * Threads: worker.
 * Uses:    jansson.
 */
#ifndef EXEC_ANSWER_H
#define EXEC_ANSWER_H

#include <semel/handler.h>

/* The outcome, explained, with what is to be published; -EINVAL: the line breaks the protocol, why then says how, to stand behind "the program's answer: ". */
int answer_take(
    const struct semel_event *e, uint64_t seq, const char *line, size_t len, char *why, size_t size);

#endif
