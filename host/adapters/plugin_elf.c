#include "adapters/plugin_elf_private.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define OUR_MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#define OUR_MACHINE_NAME "aarch64"
#else
#error "name this machine's ELF type"
#endif

#define SYMBOL "semel_handler"
#define REBUILD "build it with semel_add_handler() for this machine"

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_X86_64: return "x86-64";
	case EM_AARCH64: return "aarch64";
	case EM_386: return "i386";
	case EM_ARM: return "arm";
	case EM_RISCV: return "riscv";
	default: return "another machine";
	}
}

static int judge_header(Elf *elf, GElf_Ehdr *eh, char *why, size_t size)
{
	if (elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, eh) == NULL) {
		snprintf(why, size, "found no ELF file, expected a shared object; " REBUILD);
		return -ENOEXEC;
	}
	if (eh->e_machine != OUR_MACHINE || gelf_getclass(elf) != ELFCLASS64) {
		snprintf(why, size,
		    "found a %s file of %d bits, expected " OUR_MACHINE_NAME " of 64; " REBUILD,
		    machine_name(eh->e_machine), gelf_getclass(elf) == ELFCLASS64 ? 64 : 32);
		return -ENOEXEC;
	}
	if (eh->e_type != ET_DYN) {
		snprintf(why, size,
		    "found an ELF file that is no shared object (type %u), expected one; " REBUILD,
		    eh->e_type);
		return -ENOEXEC;
	}
	return 0;
}

/* Parts named by the headers must lie within the file: a truncated one is found here, not by a SIGBUS later. */
static int judge_extent(int fd, Elf *elf, const GElf_Ehdr *eh, char *why, size_t size)
{
	struct stat st;
	size_t n = 0;
	GElf_Phdr ph;
	uint64_t end = eh->e_shoff + (uint64_t)eh->e_shnum * eh->e_shentsize;

	if (fstat(fd, &st) < 0 || elf_getphdrnum(elf, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &ph) != NULL && ph.p_type == PT_LOAD &&
		    ph.p_offset + ph.p_filesz > end)
			end = ph.p_offset + ph.p_filesz;
	if (n > 0 && end <= (uint64_t)st.st_size)
		return 0;
	snprintf(why, size, "found %lld bytes, expected %llu: the ELF file is truncated; install it again",
	    (long long)st.st_size, (unsigned long long)end);
	return -ENOEXEC;
}

static Elf_Scn *dynamic_symbols(Elf *elf, GElf_Shdr *sh)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn)) != NULL)
		if (gelf_getshdr(scn, sh) != NULL && sh->sh_type == SHT_DYNSYM)
			return scn;
	return NULL;
}

int plugin_elf_symbol(Elf *elf, GElf_Sym *ret_sym, char *why, size_t size)
{
	GElf_Shdr sh;
	Elf_Scn *scn = dynamic_symbols(elf, &sh);
	Elf_Data *data = scn == NULL ? NULL : elf_getdata(scn, NULL);
	size_t n = data == NULL || sh.sh_entsize == 0 ? 0 : sh.sh_size / sh.sh_entsize;

	for (size_t i = 0; i < n; i++) {
		const char *name;

		if (gelf_getsym(data, (int)i, ret_sym) == NULL || ret_sym->st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, sh.sh_link, ret_sym->st_name);
		if (name == NULL || strcmp(name, SYMBOL) != 0)
			continue;
		if (GELF_ST_TYPE(ret_sym->st_info) == STT_OBJECT)
			return 0;
		snprintf(why, size,
		    "found " SYMBOL
		    " that is not data, expected the constant that SEMEL_HANDLER() makes; define it "
		    "with SEMEL_HANDLER()");
		return -ENOEXEC;
	}
	snprintf(why, size,
	    "found no symbol " SYMBOL
	    ", expected one; define the handler with SEMEL_HANDLER() and export it");
	return -ENOEXEC;
}

bool plugin_elf_offset(Elf *elf, uint64_t address, size_t len, off_t *ret_offset)
{
	size_t n = 0;
	GElf_Phdr ph;

	if (elf_getphdrnum(elf, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (gelf_getphdr(elf, (int)i, &ph) == NULL || ph.p_type != PT_LOAD || address < ph.p_vaddr ||
		    ph.p_filesz < len || address - ph.p_vaddr > ph.p_filesz - len)
			continue;
		*ret_offset = (off_t)(ph.p_offset + (address - ph.p_vaddr));
		return true;
	}
	return false;
}

static int read_elf(int fd, Elf *elf, unsigned char *ret_bytes, size_t *ret_size, char *why, size_t size)
{
	GElf_Ehdr eh;
	GElf_Sym sym;
	off_t at;
	int r = judge_header(elf, &eh, why, size);

	if (r == 0)
		r = judge_extent(fd, elf, &eh, why, size);
	if (r == 0)
		r = plugin_elf_symbol(elf, &sym, why, size);
	if (r < 0)
		return r;
	if (sym.st_size < PLUGIN_PLAIN || !plugin_elf_offset(elf, sym.st_value, PLUGIN_PLAIN, &at) ||
	    pread(fd, ret_bytes, PLUGIN_PLAIN, at) != PLUGIN_PLAIN) {
		snprintf(why, size,
		    "found " SYMBOL
		    " of %llu bytes, expected at least %d in the file; define it with SEMEL_HANDLER()",
		    (unsigned long long)sym.st_size, PLUGIN_PLAIN);
		return -ENOEXEC;
	}
	*ret_size = sym.st_size;
	return 0;
}

int plugin_elf_read(int fd, unsigned char ret_bytes[PLUGIN_PLAIN], size_t *ret_size, char *why, size_t size)
{
	Elf *elf;
	int r;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf == NULL) {
		snprintf(
		    why, size, "found no ELF file (%s), expected a shared object; " REBUILD, elf_errmsg(-1));
		return -ENOEXEC;
	}
	r = read_elf(fd, elf, ret_bytes, ret_size, why, size);
	elf_end(elf);
	return r;
}
