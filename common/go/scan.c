/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/scan.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DYNAMIC_MAX = 1024 }; /* entries; programs have 30 or so */

/* ---- files ---- */

bool file_read(int fd, void *to, size_t size, uint64_t offset)
{
	uint8_t *next = to;

	while (size) {
		ssize_t n = pread(fd, next, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		next += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return true;
}

const struct image_segment *image_segment_at(const struct image *image, uint64_t address)
{
	for (unsigned int i = 0; i < image->n_segments; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (address >= segment->address && address - segment->address < segment->file_bytes)
			return segment;
	}
	return NULL;
}

size_t image_read_some(const struct image *image, uint64_t address, void *to, size_t size)
{
	const struct image_segment *segment = image_segment_at(image, address);
	uint64_t skip = segment ? address - segment->address : 0;

	if (!segment)
		return 0;
	if (size > segment->file_bytes - skip)
		size = segment->file_bytes - skip;
	return file_read(image->fd, to, size, segment->offset + skip) ? size : 0;
}

/* ---- windows ---- */

void window_open(struct window *window, int fd, uint64_t offset, uint64_t end)
{
	size_t capacity = end - offset < WINDOW_SIZE ? (size_t)(end - offset) : WINDOW_SIZE;

	*window = (struct window){ .fd = fd, .end = end, .offset = offset, .data = malloc(capacity + 1) };
	if (window->data)
		window->capacity = capacity;
}

void window_close(struct window *window)
{
	free(window->data);
	window->data = NULL;
}

/* Makes the bytes from an offset on those of the window. */
static bool window_move(struct window *window, uint64_t offset, size_t least)
{
	uint64_t left = offset < window->end ? window->end - offset : 0;
	size_t size = left < window->capacity ? (size_t)left : window->capacity;

	if (size < least)
		return false;
	window->offset = offset;
	window->size = file_read(window->fd, window->data, size, offset) ? size : 0;
	return window->size;
}

const uint8_t *window_see(struct window *window, uint64_t offset, size_t least, size_t *size)
{
	uint64_t skip = offset - window->offset; /* huge where the offset lies before the window */

	if (skip > window->size || window->size - skip < least) {
		if (!window_move(window, offset, least))
			return NULL;
		skip = 0;
	}
	*size = window->size - (size_t)skip;
	return window->data + skip;
}

/* ---- relocations ---- */

static bool find_dynamic(const struct image *image, GElf_Phdr *header)
{
	for (int i = 0; gelf_getphdr(image->elf, i, header); i++)
		if (header->p_type == PT_DYNAMIC)
			return true;
	return false;
}

/* Finds the table by PT_DYNAMIC, as the dynamic loader does. */
static bool find_table(const struct image *image, uint64_t *address, uint64_t *size)
{
	uint64_t entry_size = 0;
	GElf_Phdr header;
	Elf64_Dyn entry;

	*address = *size = 0;
	if (!find_dynamic(image, &header))
		return false;
	for (uint64_t i = 0; i < DYNAMIC_MAX && i < header.p_filesz / sizeof(entry); i++) {
		if (!image_read(image, header.p_vaddr + i * sizeof(entry), &entry, sizeof(entry)) ||
		    entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_RELA)
			*address = entry.d_un.d_ptr;
		if (entry.d_tag == DT_RELASZ)
			*size = entry.d_un.d_val;
		if (entry.d_tag == DT_RELAENT)
			entry_size = entry.d_un.d_val;
	}
	return *size && entry_size == sizeof(Elf64_Rela);
}

void relocations_open(struct relocations *relocations, const struct image *image)
{
	const struct image_segment *segment;
	uint64_t address, size;

	*relocations = (struct relocations){
		.type = image->machine == IMAGE_AMD64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE,
	};
	if (!image->is_pie || !find_table(image, &address, &size))
		return;
	segment = image_segment_at(image, address);
	if (!segment)
		return;
	uint64_t skip = address - segment->address, left = segment->file_bytes - skip;
	relocations->at = segment->offset + skip;
	window_open(&relocations->window, image->fd, relocations->at, relocations->at + (size < left ? size : left));
}

void relocations_close(struct relocations *relocations)
{
	window_close(&relocations->window);
}

bool relocations_next(struct relocations *relocations, uint64_t *address, uint64_t *value)
{
	Elf64_Rela entry;
	const uint8_t *bytes;
	size_t size;

	while ((bytes = window_see(&relocations->window, relocations->at, sizeof(entry), &size))) {
		memcpy(&entry, bytes, sizeof(entry));
		relocations->at += sizeof(entry);
		if (ELF64_R_TYPE(entry.r_info) != relocations->type)
			continue;
		*address = entry.r_offset;
		*value = (uint64_t)entry.r_addend;
		return true;
	}
	return false;
}
