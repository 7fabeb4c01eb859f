/* plugin_elf.h - what a plugin's file says of itself, before anything of it runs.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libelf.
 */
#ifndef ADAPTERS_PLUGIN_ELF_H
#define ADAPTERS_PLUGIN_ELF_H

#include <stddef.h>

#define PLUGIN_PLAIN 112		/* bytes of struct semel_handler that are read in the file */

/* The first PLUGIN_PLAIN bytes of the symbol semel_handler.  0, or -errno with `why` (without the file's name). */
int plugin_elf_read(int fd, unsigned char ret_bytes[PLUGIN_PLAIN], size_t *ret_size, char *why, size_t size);

#endif
