/* notify.h - what the service manager is told: the sd_notify protocol; nothing without one.
 *
 * A datagram of lines to the socket that NOTIFY_SOCKET names, as sd_notify(3)
 * describes it and promises to keep.  Its library would be the only one that
 * the manager needs.
 *
 * Owns:    one socket.
 * Threads: main.
 * Uses:    libc.
 */
#ifndef MANAGER_NOTIFY_H
#define MANAGER_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;				/* -1: nobody listens */
	int64_t watchdog_us;		/* as WATCHDOG_USEC says; 0: none */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID and takes them out of the environment: children are not meant. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);
/* "READY=1\nSTATUS=..." */
void notify_send(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
