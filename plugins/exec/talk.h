/* talk.h - one line to a child, one line back.
 *
 * Both directions are polled at once, so neither side waits for the other with
 * a full pipe, however long the lines are.
 *
 * Owns:    the bytes read.
 * Threads: worker.
 * Uses:    libc.
 */
#ifndef EXEC_TALK_H
#define EXEC_TALK_H

#include "child.h"

struct inbox {
	char *data;
	size_t len, cap;
	size_t line; /* length of the first line, if one is there, newline excluded */
	bool eof;
};

enum talk_end {
	TALK_ANSWERED, /* the line stands in the inbox */
	TALK_CANCELLED, /* the host said so */
	TALK_DEAD, /* the child ended without an answer */
	TALK_BROKEN /* it is of no more use: why says it */
};

enum talk_end talk(struct child *c, struct inbox *in, const struct semel_event *e, const char *line,
    size_t len, const char **ret_why);
/* Whether it wrote, or closed, what nobody asked for. */
bool talk_has_stray(const struct child *c, struct inbox *in);
void inbox_clear(struct inbox *in); /* its memory is kept, unless it is large */
void inbox_free(struct inbox *in);

#endif
