/* systemd.h - what the service manager is told; nothing without one.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libsystemd.
 */
#ifndef ADAPTERS_SYSTEMD_H
#define ADAPTERS_SYSTEMD_H

void systemd_notify(const char *state);		/* "READY=1", "STATUS=...", "STOPPING=1" */

#endif
