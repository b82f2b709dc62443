/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How common/go goes through files that may be large and may lie: forward, through a small buffer.
 */
#ifndef OTB_GO_SCAN_H
#define OTB_GO_SCAN_H

#include "common/go/image.h"

/* Reads all of it; false where the file ends before. */
bool file_read(int fd, void *to, size_t size, uint64_t offset);

/* The PT_LOAD that has the byte at an address in the file; NULL where none has. */
const struct image_segment *image_segment_at(const struct image *image, uint64_t address);

/* Reads bytes at an address as they are in the file, cut to the segment; returns how many, 0 also where that fails. */
size_t image_read_some(const struct image *image, uint64_t address, void *to, size_t size);

enum { WINDOW_SIZE = 128 << 10 };

/* A range of a file, WINDOW_SIZE bytes of it at a time. */
struct window {
	int fd;
	uint64_t end;    /* of the range, as an offset in the file */
	uint64_t offset; /* of data */
	uint8_t *data;
	size_t size, capacity;
};

/* Where there is no memory, there is nothing to see. */
void window_open(struct window *window, int fd, uint64_t offset, uint64_t end);
void window_close(struct window *window);

/* The bytes from an offset on; `size` is how many are at hand, `least` of them or more. NULL where there are fewer, in
 * the range, in a window or in the file. What was there before is valid no longer. */
const uint8_t *window_see(struct window *window, uint64_t offset, size_t least, size_t *size);

/*
 * The RELA relative relocations: lld leaves the words they set 0 in the file. RELR needs nothing: its words hold in the
 * file what they have at a load bias of 0.
 */
struct relocations {
	struct window window;
	uint64_t at; /* an offset in the file */
	uint32_t type;
};

void relocations_open(struct relocations *relocations, const struct image *image);
void relocations_close(struct relocations *relocations);

/* The next word that is set, and to what. */
bool relocations_next(struct relocations *relocations, uint64_t *address, uint64_t *value);

#endif
