/* plugin_elf.h - what a plugin's file says of itself, before anything of it runs.
 *
 * Owns:    nothing.
 * Threads: any.
 * Uses:    libelf.
 */
#ifndef ADAPTERS_PLUGIN_ELF_H
#define ADAPTERS_PLUGIN_ELF_H

#include <stddef.h>

#include <semel/handler.h>

#define PLUGIN_PLAIN 112		/* bytes of struct semel_handler that are read in the file */

/* The first PLUGIN_PLAIN bytes of the symbol semel_handler.  0, or -errno with `why` (without the file's name). */
int plugin_elf_read(int fd, unsigned char ret_bytes[PLUGIN_PLAIN], size_t *ret_size, char *why, size_t size);

/* The table of settings of a plugin that was judged before, up to its row without a name.  0: *ret_rows is owned, free it
 * with plugin_elf_table_free, NULL: it has none; -ENOTSUP: it is not there before the plugin runs (made by its code). */
int plugin_elf_table(int fd, struct semel_setting **ret_rows);
void plugin_elf_table_free(struct semel_setting *rows);	/* NULL is allowed */

#endif
