/* mailbox.h - many senders, one receiver, in order of arrival.
 *
 * The hand-over between threads: senders push intrusive nodes with one atomic
 * exchange, the receiver takes everything there is at once.  A sender makes a
 * system call (eventfd) only if the receiver has said that it sleeps, so a
 * busy receiver costs nobody one.
 *
 * Owns:    the eventfd; never the nodes.
 * Threads: mailbox_send: any; the rest: the receiver.
 * Uses:    libc (eventfd, poll).
 */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>

struct mail {
	struct mail *next;
	unsigned kind;			/* says what the node is part of; the senders' and receiver's own */
};

struct mailbox {
	_Atomic(struct mail *) head;	/* newest first */
	_Atomic bool sleeping;
	int fd;				/* eventfd */
};

int mailbox_init(struct mailbox *m);		/* 0 or -errno */
void mailbox_destroy(struct mailbox *m);

/* Takes one node. */
void mailbox_send(struct mailbox *m, struct mail *mail);

/* Takes a chain first..last already linked newest first (last->next is overwritten). */
void mailbox_send_chain(struct mailbox *m, struct mail *newest, struct mail *oldest);

/* Wakes the receiver without mail. */
void mailbox_wake(struct mailbox *m);

/* Everything there is, oldest first; NULL if nothing. */
struct mail *mailbox_take(struct mailbox *m);

/* Sleeps until there is mail, a wake-up, or `until` (MONO_NEVER: no limit).  Spurious returns are allowed. */
void mailbox_wait(struct mailbox *m, struct mono until);

#endif
