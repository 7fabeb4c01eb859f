/* channel.h - what manager and engine tell each other: a pair of sockets, a message a packet.
 *
 * Owns:    nothing; descriptors are the caller's.
 * Threads: sending: any; receiving: one.
 * Uses:    libc.
 */
#ifndef BASE_CHANNEL_H
#define BASE_CHANNEL_H

#include "base/bytes.h"

enum channel_kind {
	/* From the engine. */
	CHANNEL_SERVING = 1,		/* it answers HTTP from now on */
	CHANNEL_READY,			/* everything was started */
	CHANNEL_ALIVE,			/* its main thread goes round; value: 1 if events make progress, 0 if they are stuck */
	CHANNEL_RELOAD,			/* somebody asks for a reload; CHANNEL_RELOADED answers */
	CHANNEL_OVERRUN,		/* it ends because of events that are past max_run */
	/* From the manager. */
	CHANNEL_RELOADED		/* value: 0 good, the engine will be asked to stop; else an exit status, `text` says why */
};

struct channel_message {
	uint32_t kind;
	int32_t value;
	char text[4096 - 8];		/* with its NUL */
};

/* Both ends, close-on-exec and non-blocking; 0 or -errno. */
int channel_pair(int ret_fds[2]);
/* text may be NULL; cut if too long.  0, -EPIPE: the other end is gone, -EAGAIN: it does not read. */
int channel_send(int fd, enum channel_kind kind, int value, const char *text);
/* 1: there was a message; 0: none now; -EPIPE: the other end is gone. */
int channel_receive(int fd, struct channel_message *ret_message);

#endif
