/* The table of settings, read in the file: what the dynamic linker would write into a pointer says where it points. */
#include "adapters/plugin_elf_private.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__x86_64__)
#define R_RELATIVE R_X86_64_RELATIVE
#define R_ABSOLUTE R_X86_64_64
#elif defined(__aarch64__)
#define R_RELATIVE R_AARCH64_RELATIVE
#define R_ABSOLUTE R_AARCH64_ABS64
#endif

#define ROWS_MAX 1000 /* as plugin_settings.c */
#define TEXT_MAX 1024

struct image {
	int fd;
	Elf *elf;
};

static bool read_at(const struct image *m, uint64_t address, void *out, size_t len)
{
	off_t at;

	return plugin_elf_offset(m->elf, address, len, &at) && pread(m->fd, out, len, at) == (ssize_t)len;
}

/* What a relocation with a symbol of this file gives. */
static bool symbol_value(const struct image *m, size_t link, size_t index, uint64_t *ret_value)
{
	Elf_Scn *scn = elf_getscn(m->elf, link);
	Elf_Data *data = scn == NULL ? NULL : elf_getdata(scn, NULL);
	GElf_Sym sym;

	if (data == NULL || gelf_getsym(data, (int)index, &sym) == NULL || sym.st_shndx == SHN_UNDEF)
		return false;
	*ret_value = sym.st_value;
	return true;
}

/* In one section of relocations: 1 found, 0 none at that address, -1 one that only the linker can make. */
static int relocated(
    const struct image *m, Elf_Scn *scn, const GElf_Shdr *sh, uint64_t at, uint64_t *ret_value)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data == NULL || sh->sh_entsize == 0 ? 0 : sh->sh_size / sh->sh_entsize;
	GElf_Rela rela;

	for (size_t i = 0; i < n; i++) {
		if (gelf_getrela(data, (int)i, &rela) == NULL || rela.r_offset != at)
			continue;
		*ret_value = 0;
		if (GELF_R_TYPE(rela.r_info) != R_RELATIVE &&
		    (GELF_R_TYPE(rela.r_info) != R_ABSOLUTE ||
			!symbol_value(m, sh->sh_link, GELF_R_SYM(rela.r_info), ret_value)))
			return -1;
		*ret_value += (uint64_t)rela.r_addend;
		return 1;
	}
	return 0;
}

/* The pointer at this address, 0: NULL.  Without a relocation it is what stands there (packed ones, DT_RELR). */
static bool pointer_at(const struct image *m, uint64_t at, uint64_t *ret_value)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	int r = 0;

	while (r == 0 && (scn = elf_nextscn(m->elf, scn)) != NULL)
		if (gelf_getshdr(scn, &sh) != NULL && sh.sh_type == SHT_RELA &&
		    (sh.sh_flags & SHF_ALLOC) != 0)
			r = relocated(m, scn, &sh, at, ret_value);
	if (r == 0)
		return read_at(m, at, ret_value, sizeof(*ret_value));
	return r > 0;
}

/* The text that the pointer at this address names; *ret_text NULL: none. */
static bool text_at(const struct image *m, uint64_t at, char **ret_text)
{
	char text[TEXT_MAX];
	uint64_t value;
	size_t n = 0;

	*ret_text = NULL;
	if (!pointer_at(m, at, &value))
		return false;
	if (value == 0)
		return true;
	do {
		if (n == sizeof(text) || !read_at(m, value + n, &text[n], 1))
			return false;
	} while (text[n++] != '\0');
	*ret_text = strdup(text);
	return *ret_text != NULL;
}

static bool read_row(const struct image *m, uint64_t at, struct semel_setting *row)
{
	char *name = NULL, *fallback = NULL, *help = NULL;
	uint32_t type;
	bool ok = read_at(m, at + offsetof(struct semel_setting, type), &type, sizeof(type)) &&
		  text_at(m, at + offsetof(struct semel_setting, name), &name) &&
		  text_at(m, at + offsetof(struct semel_setting, fallback), &fallback) &&
		  text_at(m, at + offsetof(struct semel_setting, help), &help);

	*row = (struct semel_setting){ name, ok ? (enum semel_type)type : SEMEL_TEXT, fallback, help };
	return ok;
}

static void free_row(struct semel_setting *row)
{
	free((char *)(uintptr_t)row->name);
	free((char *)(uintptr_t)row->fallback);
	free((char *)(uintptr_t)row->help);
}

void plugin_elf_table_free(struct semel_setting *rows)
{
	if (rows == NULL)
		return;
	for (struct semel_setting *row = rows; row->name != NULL; row++)
		free_row(row);
	free(rows);
}

static int read_rows(const struct image *m, uint64_t at, struct semel_setting **ret_rows)
{
	struct semel_setting *rows = calloc(1, sizeof(*rows)), row, *grown;

	for (size_t n = 0; rows != NULL && n < ROWS_MAX; n++, at += sizeof(row)) {
		bool ok = read_row(m, at, &row);

		if (ok && row.name == NULL) {
			free_row(&row);
			*ret_rows = rows;
			return 0;
		}
		grown = ok ? realloc(rows, (n + 2) * sizeof(*rows)) : NULL;
		if (grown == NULL) {
			free_row(&row);
			break;
		}
		rows = grown;
		rows[n] = row;
		rows[n + 1] = (struct semel_setting){ NULL, SEMEL_TEXT, NULL, NULL };
	}
	plugin_elf_table_free(rows);
	return -ENOTSUP;
}

int plugin_elf_table(int fd, struct semel_setting **ret_rows)
{
	struct image m = { fd, NULL };
	GElf_Sym sym;
	uint64_t table;
	char why[512];
	int r = -ENOTSUP;

	*ret_rows = NULL;
	elf_version(EV_CURRENT);
	m.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (m.elf != NULL && plugin_elf_symbol(m.elf, &sym, why, sizeof(why)) == 0 &&
	    pointer_at(&m, sym.st_value + offsetof(struct semel_handler, settings), &table))
		r = table == 0 ? 0 : read_rows(&m, table, ret_rows);
	elf_end(m.elf);
	return r;
}
