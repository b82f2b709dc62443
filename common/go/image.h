/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a program that somebody else runs: its segments, its bytes by address, its symbols.
 *
 * The file is untrusted input to a root process. Nothing here believes a size or an offset: every read is checked
 * against the file, nothing is mapped from it (it may be truncated while it is read), and no allocation is larger than
 * the file. Addresses are those of the file (link time), before a load bias is added.
 */
#ifndef OTB_IMAGE_H
#define OTB_IMAGE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_SEGMENTS_MAX = 32 };

enum image_machine { IMAGE_AMD64, IMAGE_ARM64 };

struct image_segment { /* a PT_LOAD */
	uint64_t address, offset;
	uint64_t file_bytes; /* cut to what the file holds */
	bool executable, writable;
};

struct image {
	int fd;
	Elf *elf;
	uint64_t size; /* of the file */
	enum image_machine machine;
	bool is_pie; /* ET_DYN: there is a load bias */
	struct image_segment segments[IMAGE_SEGMENTS_MAX];
	unsigned int n_segments;
};

/* A part of the file in memory of its own. */
struct image_bytes {
	uint8_t *data; /* followed by a NUL byte */
	uint64_t address;
	size_t size;
};

/* Opens a 64-bit little-endian ELF file for amd64 or arm64, and owns `fd` from then on, also on failure. Returns NULL,
 * or what is wrong, to be said behind the file's name ("is not an ELF file"). image_close() is due in any case. */
const char *image_open(struct image *image, int fd);
void image_close(struct image *image);

/* Reads `size` bytes at an address; false where not all of them are in the file. */
bool image_read(const struct image *image, uint64_t address, void *to, size_t size);

/* Copies bytes at an address, cut to the segment they begin in. Words that relative relocations (RELA, RELR) set at the
 * start have the value they would have at a load bias of 0. False where there is nothing, or no memory. */
bool image_load(const struct image *image, uint64_t address, uint64_t size, struct image_bytes *bytes);
void image_unload(struct image_bytes *bytes);

/* Where in the file the byte at an address is: what a uprobe is attached to. */
bool image_offset(const struct image *image, uint64_t address, uint64_t *offset);

/* The address of a symbol (.symtab); false in a stripped file, and where the table or its strings have more than 256 MB. */
bool image_symbol(const struct image *image, const char *name, uint64_t *address);

#endif
