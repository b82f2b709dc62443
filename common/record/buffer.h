/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are appended to, for lines and pages whose length is not known before. A zeroed buffer is an empty one.
 * Without memory it fails, and stays so until it is emptied: what it holds is not whole then. One check at the end is
 * enough.
 */
#ifndef OTB_BUFFER_H
#define OTB_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *bytes;
	size_t length, capacity;
	bool failed;
};

/* `bytes` do not lie in the buffer itself. */
void buffer_add(struct buffer *buffer, const void *bytes, size_t length);
void buffer_add_text(struct buffer *buffer, const char *text);

/* Room for `length` more bytes, to be written to buffer->bytes + buffer->length by the caller. False: no memory. */
bool buffer_reserve(struct buffer *buffer, size_t length);

/* Empties it, and keeps its memory for the next line, but not what a line of more than a megabyte took. */
void buffer_reset(struct buffer *buffer);

/* Frees the memory; the buffer is empty then. */
void buffer_clear(struct buffer *buffer);

#endif
