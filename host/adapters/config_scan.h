/* config_scan.h - what libconfig does not tell of a text.
 *
 * libconfig 1.5 reads an integer that does not fit as another one, silently,
 * and opens included files itself.  So numbers and @include lines are found
 * in the text, before it is parsed.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libc.
 */
#ifndef ADAPTERS_CONFIG_SCAN_H
#define ADAPTERS_CONFIG_SCAN_H

#include <stddef.h>

struct config_scan {
	void (*number)(void *arg, unsigned line, const char *digits, size_t len);	/* one that does not fit */
	void (*include)(void *arg, unsigned line, const char *file, size_t len);
	void *arg;
};

void config_scan(const char *text, const struct config_scan *found);

#endif
