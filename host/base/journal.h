/* journal.h - systemd's journal, by its native protocol.
 *
 * A datagram of NAME, newline, length and value for each field, as systemd's
 * "Native Journal Protocol" documents it for those who do without its
 * library: forty lines here, where the library would come into the manager,
 * which has none.
 *
 * Owns:    one socket.
 * Threads: journal_open: setup; the rest: one at a time.
 * Uses:    libc.
 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include "base/buf.h"

/* The journal reads our stderr: JOURNAL_STREAM names what stderr is now (an inherited variable alone says nothing). */
bool journal_has_stderr(void);
/* A socket to send by, or -errno. */
int journal_open(void);
/* One more field; the name is made one that the journal takes, and never one that it gives a meaning to. */
void journal_field(struct buf *b, const char *name, struct bytes value);
/* The same for those that have a meaning: MESSAGE, PRIORITY, ... */
void journal_own_field(struct buf *b, const char *name, struct bytes value);
/* 0, or -errno: -EAGAIN while the journal does not take more, others if it is not there. */
int journal_send(int fd, const char *path, const struct buf *b);

#endif
