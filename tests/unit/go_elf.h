/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small Go programs for tests, made here byte by byte: only what common/go looks at, in each of the forms there are.
 * An address is GO_ELF_BASE more than the offset in the file.
 */
#ifndef OTB_GO_ELF_H
#define OTB_GO_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GO_ELF_BASE = 0x10000, GO_ELF_SIZE = 512 << 10, GO_ELF_LOADS = 5, GO_ELF_RELOCATIONS_MAX = 64 };

enum go_elf_words {
	GO_ELF_FIXED, /* not a PIE */
	GO_ELF_RELA,  /* words that hold an address are 0, and have a relocation */
	GO_ELF_RELR,  /* they hold it, and would be relocated by DT_RELR */
};

struct go_elf {
	/* to be set before go_elf_make() */
	bool is_arm64;
	unsigned int minor; /* of the release: 17, 18 to 19, 20 to 25, 26 have different forms; 0: without buildinfo */
	enum go_elf_words words;
	bool has_symbols;
	bool has_decoys; /* what looks like a table and like buildinfo, too */
	bool has_two_modules;
	size_t n_fillers; /* names before the others */
	/* what was made, and where: offsets */
	uint8_t bytes[GO_ELF_SIZE];
	size_t size, text, etext, table, names, functab, table_end, data, buildinfo, module, dynamic, rela, symtab,
		strtab, sections;
	Elf64_Rela relocations[GO_ELF_RELOCATIONS_MAX];
	size_t n_relocations;
};

#define GO_ELF_LONG_NAME                                                                                             \
	"main.long0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"  \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789" \
	"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define GO_ELF_FILLER "a.name.that.nobody.looks.for"

#define GO_ELF_VENDORED "example.org/a/vendor/example.org/b/vendor/example.org/c.(*T).run"

/* A name that stands twice is an ABI0 wrapper's and its function's. */
static const struct go_elf_function {
	const char *name;
	size_t size;
} go_elf_functions[] = {
	{ "runtime.gcStart", 0x40 }, { "runtime.mstart", 0x10 },
	{ "runtime.mstart", 0x20 },  { "runtime.startTheWorldWithSema", 0x30 },
	{ GO_ELF_VENDORED, 0x10 },   { GO_ELF_LONG_NAME, 0x10 },
	{ "main.main", 0x18 },
};

enum { GO_ELF_FUNCTIONS = sizeof(go_elf_functions) / sizeof(go_elf_functions[0]) };

/* ---- bytes ---- */

/* Little-endian. */
static inline void go_elf_set(struct go_elf *elf, size_t at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		elf->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static inline void go_elf_put(struct go_elf *elf, uint64_t value, size_t size)
{
	go_elf_set(elf, elf->size, value, size);
	elf->size += size;
}

static inline void go_elf_put_bytes(struct go_elf *elf, const void *bytes, size_t size)
{
	memcpy(elf->bytes + elf->size, bytes, size);
	elf->size += size;
}

/* A word with the address of what is at an offset. */
static inline void go_elf_put_pointer(struct go_elf *elf, size_t offset)
{
	uint64_t address = GO_ELF_BASE + offset;

	if (elf->words == GO_ELF_RELA)
		elf->relocations[elf->n_relocations++] = (Elf64_Rela){
			.r_offset = GO_ELF_BASE + elf->size,
			.r_info = elf->is_arm64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE,
			.r_addend = (int64_t)address,
		};
	go_elf_put(elf, elf->words == GO_ELF_RELA ? 0 : address, 8);
}

static inline size_t go_elf_align(struct go_elf *elf, size_t to)
{
	elf->size = (elf->size + to - 1) / to * to;
	return elf->size;
}

/* ---- parts, in their order in the file ---- */

static inline size_t go_elf_function_at(const struct go_elf *elf, size_t i)
{
	size_t at = elf->text;

	while (i--)
		at += go_elf_functions[i].size;
	return at;
}

static inline void go_elf_put_text(struct go_elf *elf)
{
	elf->text = go_elf_align(elf, 16);
	elf->etext = elf->size = go_elf_function_at(elf, GO_ELF_FUNCTIONS);
	memset(elf->bytes + elf->text, 0xcc, elf->etext - elf->text);
	if (elf->minor >= 24)
		elf->etext = go_elf_align(elf, 16);
}

static inline void go_elf_put_table(struct go_elf *elf)
{
	bool is_old = elf->minor && elf->minor < 18;
	size_t word = is_old ? 8 : 4, name = 0, n = GO_ELF_FUNCTIONS, offsets;

	elf->table = go_elf_align(elf, 8);
	go_elf_put(elf, is_old ? 0xfffffffa : elf->minor && elf->minor < 20 ? 0xfffffff0 : 0xfffffff1, 6);
	go_elf_put(elf, elf->is_arm64 ? 0x0804 : 0x0801, 2);
	go_elf_set(elf, elf->table + 4, 0, 2);
	go_elf_put(elf, n, 8);
	go_elf_put(elf, 1, 8);
	if (!is_old && (!elf->minor || elf->minor >= 26))
		go_elf_put(elf, 0, 8);
	else if (!is_old)
		go_elf_put_pointer(elf, elf->text);
	offsets = elf->size;
	elf->names = elf->size += 5 * 8;
	for (size_t i = 0; i < elf->n_fillers; i++, name += sizeof(GO_ELF_FILLER))
		go_elf_put_bytes(elf, GO_ELF_FILLER, sizeof(GO_ELF_FILLER));
	for (size_t i = 0; i < n; i++)
		go_elf_put_bytes(elf, go_elf_functions[i].name, strlen(go_elf_functions[i].name) + 1);
	for (size_t i = 0; i < 4; i++, elf->size += 4)
		go_elf_set(elf, offsets + 8 * i, (i ? elf->size : elf->names) - elf->table, 8);
	elf->functab = go_elf_align(elf, 8);
	go_elf_set(elf, offsets + 8 * 4, elf->functab - elf->table, 8);
	for (size_t i = 0; i <= n; i++) {
		if (is_old)
			go_elf_put_pointer(elf, go_elf_function_at(elf, i));
		else
			go_elf_put(elf, go_elf_function_at(elf, i) - elf->text, word);
		if (i < n)
			go_elf_put(elf, (2 * n + 2) * word + 16 * i, word);
	}
	go_elf_align(elf, 8);
	for (size_t i = 0; i < n; name += strlen(go_elf_functions[i++].name) + 1) {
		go_elf_put(elf, 0, word);
		go_elf_put(elf, name, 4);
		elf->size = elf->functab + (2 * n + 2) * word + 16 * (i + 1);
	}
	elf->table_end = elf->size;
	if (elf->has_decoys) {
		go_elf_align(elf, 8);
		go_elf_put_bytes(elf, elf->bytes + elf->table, elf->table_end - elf->table);
	}
}

/* One header with bytes that are no text, and one with a text that is no release. */
static inline void go_elf_put_decoys(struct go_elf *elf)
{
	go_elf_align(elf, 16);
	go_elf_put_bytes(elf, "\xff Go buildinf:\x08\x02________________\x04\x01\x02\x03\x04", 37);
	go_elf_align(elf, 16);
	go_elf_put_bytes(elf, "\xff Go buildinf:\x08\x02________________\x05other", 38);
	go_elf_align(elf, 16);
	go_elf_put_bytes(elf, "\xff Go buildinf:\x08\x00________________", 32);
}

static inline void go_elf_put_buildinfo(struct go_elf *elf)
{
	char version[32];
	int length = snprintf(version, sizeof(version), "go1.%u.3", elf->minor);

	elf->buildinfo = go_elf_align(elf, 16);
	go_elf_put_bytes(elf, "\xff Go buildinf:\x08", 15);
	go_elf_put(elf, elf->minor < 18 ? 0 : 2, 1);
	if (elf->minor < 18) {
		go_elf_put_pointer(elf, elf->buildinfo + 32);
		go_elf_put(elf, 0, 8);
		go_elf_put_pointer(elf, elf->buildinfo + 48);
		go_elf_put(elf, (unsigned int)length, 8);
	} else {
		elf->size += 16;
		go_elf_put(elf, (unsigned int)length, 1);
	}
	go_elf_put_bytes(elf, version, (size_t)length);
}

static inline void go_elf_put_module(struct go_elf *elf)
{
	elf->module = go_elf_align(elf, 8);
	go_elf_put_pointer(elf, elf->table);
	go_elf_put_pointer(elf, elf->names);
	elf->size += 11 * 8;
	go_elf_put_pointer(elf, elf->functab);
	go_elf_put(elf, elf->table_end - elf->functab, 8);
	go_elf_put(elf, elf->table_end - elf->functab, 8);
	go_elf_put_pointer(elf, elf->functab);
	go_elf_put(elf, GO_ELF_FUNCTIONS + 1, 8);
	elf->size += 2 * 8;
	go_elf_put_pointer(elf, elf->text);
	go_elf_put_pointer(elf, go_elf_function_at(elf, GO_ELF_FUNCTIONS));
	go_elf_put_pointer(elf, elf->text);
	go_elf_put_pointer(elf, elf->etext);
	elf->size += 16 * 8;
}

static inline void go_elf_put_dynamic(struct go_elf *elf)
{
	bool is_rela = elf->words == GO_ELF_RELA;
	uint64_t other = elf->is_arm64 ? R_AARCH64_ABS64 : R_X86_64_64;
	size_t size = 8;

	if (is_rela) {
		/* That of the moduledata once more, and one of a kind that sets no constant. */
		elf->relocations[elf->n_relocations++] = (Elf64_Rela){
			.r_offset = GO_ELF_BASE + elf->module,
			.r_info = elf->is_arm64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE,
			.r_addend = (int64_t)(GO_ELF_BASE + elf->table),
		};
		elf->relocations[elf->n_relocations++] =
			(Elf64_Rela){ .r_offset = GO_ELF_BASE + elf->module, .r_info = other, .r_addend = 1 };
		size = elf->n_relocations * sizeof(Elf64_Rela);
	}

	elf->dynamic = go_elf_align(elf, 16);
	elf->rela = elf->dynamic + 4 * sizeof(Elf64_Dyn);
	go_elf_put(elf, is_rela ? DT_RELA : DT_RELR, 8);
	go_elf_put(elf, GO_ELF_BASE + elf->rela, 8);
	go_elf_put(elf, is_rela ? DT_RELASZ : DT_RELRSZ, 8);
	go_elf_put(elf, size, 8);
	go_elf_put(elf, is_rela ? DT_RELAENT : DT_RELRENT, 8);
	go_elf_put(elf, is_rela ? sizeof(Elf64_Rela) : 8, 8);
	elf->size = elf->rela;
	if (is_rela)
		go_elf_put_bytes(elf, elf->relocations, size);
	else
		go_elf_put(elf, GO_ELF_BASE + elf->module, 8);
}

/* Symbols: one that is not defined, one that is; of the second the name is also the end of another's. */
static inline void go_elf_put_symbols(struct go_elf *elf)
{
	Elf64_Sym symbols[3] = { { 0 } };
	Elf64_Shdr sections[3] = { { 0 } };

	elf->symtab = go_elf_align(elf, 8);
	symbols[1] = (Elf64_Sym){ .st_name = 1, .st_info = STT_OBJECT, .st_shndx = SHN_UNDEF, .st_value = 1 };
	symbols[2] = (Elf64_Sym){ .st_name = 14, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = 0x4242 };
	go_elf_put_bytes(elf, symbols, sizeof(symbols));
	elf->strtab = elf->size;
	go_elf_put_bytes(elf, "\0runtime.none\0runtime.work", 27);
	elf->sections = go_elf_align(elf, 8);
	sections[1] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = elf->symtab,
		.sh_size = sizeof(symbols),
		.sh_link = 2,
		.sh_entsize = sizeof(Elf64_Sym),
	};
	sections[2] = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = elf->strtab, .sh_size = 27 };
	go_elf_put_bytes(elf, sections, sizeof(sections));
}

static inline void go_elf_put_headers(struct go_elf *elf)
{
	/* In a PIE, words are set in the table before 1.26. */
	uint32_t table_flags = elf->words == GO_ELF_FIXED || elf->minor >= 26 ? PF_R : PF_R | PF_W;
	size_t ends[GO_ELF_LOADS + 1] = { 0, elf->text, elf->table, elf->data, elf->rela, elf->size };
	uint32_t flags[GO_ELF_LOADS] = { PF_R, PF_R | PF_X, table_flags, PF_R | PF_W, PF_R };
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = elf->words == GO_ELF_FIXED ? ET_EXEC : ET_DYN,
		.e_machine = elf->is_arm64 ? EM_AARCH64 : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_shoff = elf->sections,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = GO_ELF_LOADS + 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = elf->sections ? 3 : 0,
	};
	Elf64_Phdr loads[GO_ELF_LOADS + 1];

	for (size_t i = 0; i <= GO_ELF_LOADS; i++)
		loads[i] = (Elf64_Phdr){
			.p_type = i < GO_ELF_LOADS ? PT_LOAD : PT_DYNAMIC,
			.p_flags = i < GO_ELF_LOADS ? flags[i] : PF_R,
			.p_offset = i < GO_ELF_LOADS ? ends[i] : elf->dynamic,
			.p_vaddr = GO_ELF_BASE + (i < GO_ELF_LOADS ? ends[i] : elf->dynamic),
			.p_filesz = i < GO_ELF_LOADS ? ends[i + 1] - ends[i] : elf->rela - elf->dynamic,
		};
	memcpy(elf->bytes, &header, sizeof(header));
	memcpy(elf->bytes + sizeof(header), loads, sizeof(loads));
}

static inline void go_elf_make(struct go_elf *elf)
{
	elf->size = sizeof(Elf64_Ehdr) + (GO_ELF_LOADS + 1) * sizeof(Elf64_Phdr);
	go_elf_put_text(elf);
	go_elf_put_table(elf);
	elf->data = go_elf_align(elf, 16);
	if (elf->has_decoys)
		go_elf_put_decoys(elf);
	if (elf->minor)
		go_elf_put_buildinfo(elf);
	if (elf->has_two_modules)
		go_elf_put_module(elf);
	go_elf_put_module(elf);
	go_elf_put_dynamic(elf);
	if (elf->has_symbols)
		go_elf_put_symbols(elf);
	go_elf_put_headers(elf);
}

/* A file in memory with these bytes. */
static inline int go_elf_file(const void *bytes, size_t size)
{
	int fd = memfd_create("go_elf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	return fd;
}

#endif
