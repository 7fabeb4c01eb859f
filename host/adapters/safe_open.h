/* safe_open.h - open a file only if nobody else can change it.
 *
 * Configuration, plugins and secrets: owner root or the running user,
 * writable by nobody else (a group only if it is root's or the user's own),
 * the same for each folder on the way, where a sticky one counts as safe.
 * The way is walked descriptor by descriptor, symbolic links included, so
 * that what was judged is what is read.
 *
 * Owns:    nothing; the descriptor is the caller's.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef ADAPTERS_SAFE_OPEN_H
#define ADAPTERS_SAFE_OPEN_H

#include <stddef.h>
#include <stdbool.h>

/* A descriptor for reading, or -errno; -EPERM: unsafe, and `why` says which file or folder, what was found and the
 * remedy.  `why` begins with the path and is written on every failure.  With `lenient`, unsafe is no failure and
 * `why` is still written (empty otherwise). */
int safe_open(const char *path, bool lenient, char *why, size_t size);

#endif
