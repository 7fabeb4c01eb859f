/* plugin_elf_private.h - what the files of plugin_elf share; nobody else includes it.
 *
 * plugin_elf.c        judging the file, the plain part of semel_handler
 * plugin_elf_table.c  the table of settings
 *
 * Owns:    -
 * Threads: as adapters/plugin_elf.h.
 * Uses:    libelf.
 */
#ifndef ADAPTERS_PLUGIN_ELF_PRIVATE_H
#define ADAPTERS_PLUGIN_ELF_PRIVATE_H

#include "adapters/plugin_elf.h"

#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

/* The symbol semel_handler; 0, or -ENOEXEC with `why`. */
int plugin_elf_symbol(Elf *elf, GElf_Sym *ret_sym, char *why, size_t size);
/* The file offset of a virtual address that has len bytes in the file. */
bool plugin_elf_offset(Elf *elf, uint64_t address, size_t len, off_t *ret_offset);

#endif
