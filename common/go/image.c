/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/image.h"

#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/go/scan.h"

/* What is beyond these is no program. What a hostile file costs to read, sparse as it may be, ends here. */
static const uint64_t FILE_SIZE_MAX = UINT64_C(4) << 30, LOAD_MAX = UINT64_C(1) << 30,
		      SYMBOLS_MAX = UINT64_C(256) << 20; /* the table or its strings, which are gone through for each */
enum { SECTIONS_MAX = 4096 };

/* ---- open ---- */

/* The header is looked at before libelf does: its class decides what the rest means, and libelf makes room for as many
 * sections as the file says it has. */
static const char *check_header(struct image *image)
{
	Elf64_Ehdr header;

	if (!file_read(image->fd, &header, sizeof(header), 0) || memcmp(header.e_ident, ELFMAG, SELFMAG))
		return "is not an ELF file";
	if (header.e_ident[EI_CLASS] == ELFCLASS32)
		return "is a 32-bit program";
	if (header.e_ident[EI_DATA] == ELFDATA2MSB)
		return "is a big-endian program";
	if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)
		return "is for another processor than amd64 and arm64";
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return "is an ELF file, but not a program";
	/* 0 and PN_XNUM: section 0 tells the number. No linked program has so many. */
	if (header.e_phnum == PN_XNUM || header.e_shnum > SECTIONS_MAX ||
	    (!header.e_shnum && header.e_shoff && header.e_shoff < image->size))
		return "has too many segments or sections";
	image->machine = header.e_machine == EM_X86_64 ? IMAGE_AMD64 : IMAGE_ARM64;
	image->is_pie = header.e_type == ET_DYN;
	return NULL;
}

/* Takes a PT_LOAD as far as the file holds it and as its addresses do not wrap around. */
static const char *add_segment(struct image *image, const GElf_Phdr *header)
{
	uint64_t bytes = header->p_filesz;

	if (header->p_offset >= image->size)
		return NULL;
	if (bytes > image->size - header->p_offset)
		bytes = image->size - header->p_offset;
	if (bytes > UINT64_MAX - header->p_vaddr)
		bytes = UINT64_MAX - header->p_vaddr;
	if (!bytes)
		return NULL;
	if (image->n_segments == IMAGE_SEGMENTS_MAX)
		return "has too many segments or sections";
	image->segments[image->n_segments++] = (struct image_segment){
		.address = header->p_vaddr,
		.offset = header->p_offset,
		.file_bytes = bytes,
		.executable = header->p_flags & PF_X,
		.writable = header->p_flags & PF_W,
	};
	return NULL;
}

static const char *read_segments(struct image *image)
{
	uint64_t bytes = 0;
	GElf_Phdr header;

	for (int i = 0; gelf_getphdr(image->elf, i, &header); i++) {
		const char *error = header.p_type == PT_LOAD ? add_segment(image, &header) : NULL;

		if (error)
			return error;
	}
	if (!image->n_segments)
		return "has nothing to load";
	for (unsigned int i = 0; i < image->n_segments; i++)
		bytes += image->segments[i].file_bytes;
	return bytes > LOAD_MAX ? "has more than 1 GB to load" : NULL;
}

const char *image_open(struct image *image, int fd)
{
	struct stat status;
	const char *error;

	*image = (struct image){ .fd = fd };
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return "is not a regular file";
	image->size = (uint64_t)status.st_size;
	if (image->size > FILE_SIZE_MAX)
		return "is larger than 4 GB";
	error = check_header(image);
	if (error)
		return error;
	elf_version(EV_CURRENT);
	image->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!image->elf)
		return "is not a valid ELF file";
	return read_segments(image);
}

void image_close(struct image *image)
{
	elf_end(image->elf);
	if (image->fd >= 0)
		close(image->fd);
	*image = (struct image){ .fd = -1 };
}

/* ---- bytes ---- */

bool image_offset(const struct image *image, uint64_t address, uint64_t *offset)
{
	const struct image_segment *segment = image_segment_at(image, address);

	if (!segment)
		return false;
	*offset = segment->offset + (address - segment->address);
	return true;
}

bool image_read(const struct image *image, uint64_t address, void *to, size_t size)
{
	const struct image_segment *segment = image_segment_at(image, address);

	return segment && size <= segment->file_bytes - (address - segment->address) &&
	       image_read_some(image, address, to, size) == size;
}

/* Sets the part of a word that lies in the bytes. */
static void set_word(struct image_bytes *bytes, uint64_t address, uint64_t value)
{
	for (unsigned int i = 0; i < sizeof(value); i++)
		if (address + i - bytes->address < bytes->size)
			bytes->data[address + i - bytes->address] = (uint8_t)(value >> 8 * i);
}

static void relocate(const struct image *image, struct image_bytes *bytes)
{
	struct relocations relocations;
	uint64_t address, value;

	relocations_open(&relocations, image);
	while (relocations_next(&relocations, &address, &value))
		if (address + sizeof(value) - 1 - bytes->address < bytes->size + sizeof(value) - 1)
			set_word(bytes, address, value);
	relocations_close(&relocations);
}

bool image_load(const struct image *image, uint64_t address, uint64_t size, struct image_bytes *bytes)
{
	const struct image_segment *segment = image_segment_at(image, address);
	uint64_t skip = segment ? address - segment->address : 0;

	*bytes = (struct image_bytes){ .address = address };
	if (!segment || !size)
		return false;
	if (size > segment->file_bytes - skip)
		size = segment->file_bytes - skip;
	/* Not malloc(): what is freed there may stay with the process. */
	/* cppcheck-suppress invalidFunctionArg */
	void *data = mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return false;
	bytes->data = data;
	bytes->size = size;
	if (!file_read(image->fd, data, size, segment->offset + skip)) {
		image_unload(bytes);
		return false;
	}
	/* Nor does the dynamic loader set anything elsewhere (but for DT_TEXTREL, which no Go program has). */
	if (segment->writable)
		relocate(image, bytes);
	return true;
}

void image_unload(struct image_bytes *bytes)
{
	if (bytes->data)
		munmap(bytes->data, bytes->size + 1);
	*bytes = (struct image_bytes){ 0 };
}

/* ---- symbols ---- */

enum { NAME_PLACES_MAX = 64 };

/* Where in a string table a name stands: more than once where it is the end of others. */
struct name_places {
	uint32_t at[NAME_PLACES_MAX];
	unsigned int n;
};

/* Finds the range of a section's contents in the file. */
static bool section_range(const struct image *image, const GElf_Shdr *header, uint64_t *offset, uint64_t *end)
{
	*offset = header->sh_offset;
	if (header->sh_type == SHT_NOBITS || *offset >= image->size || header->sh_size > SYMBOLS_MAX)
		return false;
	*end = header->sh_size < image->size - *offset ? *offset + header->sh_size : image->size;
	return true;
}

static void find_name(const struct image *image, const GElf_Shdr *strings, const char *name, struct name_places *places)
{
	size_t length = strlen(name) + 1, size, used;
	struct window window;
	uint64_t offset, end;
	const uint8_t *bytes;

	places->n = 0;
	if (!section_range(image, strings, &offset, &end))
		return;
	window_open(&window, image->fd, offset, end);
	for (uint64_t at = offset; (bytes = window_see(&window, at, length, &size)); at += used) {
		const uint8_t *found = memmem(bytes, size, name, length);

		used = found ? (size_t)(found - bytes) + 1 : size - length + 1;
		if (!found)
			continue;
		places->at[places->n++] = (uint32_t)(at - offset + used - 1);
		if (places->n == NAME_PLACES_MAX)
			break;
	}
	window_close(&window);
}

static bool is_at(const struct name_places *places, uint32_t offset)
{
	for (unsigned int i = 0; i < places->n; i++)
		if (places->at[i] == offset)
			return true;
	return false;
}

static bool find_symbol(const struct image *image, const GElf_Shdr *symbols, const struct name_places *places,
			uint64_t *address)
{
	struct window window;
	uint64_t offset, end;
	const uint8_t *bytes;
	bool found = false;
	Elf64_Sym symbol;
	size_t size;

	if (!section_range(image, symbols, &offset, &end))
		return false;
	window_open(&window, image->fd, offset, end);
	while (!found && (bytes = window_see(&window, offset, sizeof(symbol), &size))) {
		memcpy(&symbol, bytes, sizeof(symbol));
		offset += sizeof(symbol);
		found = symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) <= STT_FUNC &&
			is_at(places, symbol.st_name);
	}
	if (found)
		*address = symbol.st_value;
	window_close(&window);
	return found;
}

/* Not by elf_getdata(), which would hold the whole table as long as the file is open. */
bool image_symbol(const struct image *image, const char *name, uint64_t *address)
{
	GElf_Shdr symbols, strings;
	struct name_places places;
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(image->elf, section)))
		if (gelf_getshdr(section, &symbols) && symbols.sh_type == SHT_SYMTAB)
			break;
	if (!section || !gelf_getshdr(elf_getscn(image->elf, symbols.sh_link), &strings))
		return false;
	find_name(image, &strings, name, &places);
	return places.n && find_symbol(image, &symbols, &places, address);
}
