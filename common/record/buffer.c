/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 1024, CAPACITY_KEPT = 1024 * 1024 };

static bool grow(struct buffer *buffer, size_t length)
{
	size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_FIRST;
	char *larger = NULL;

	if (length <= SIZE_MAX / 4 - buffer->length) {
		while (capacity - buffer->length < length)
			capacity *= 2;
		larger = realloc(buffer->bytes, capacity);
	}
	buffer->failed = !larger;
	if (larger) {
		buffer->bytes = larger;
		buffer->capacity = capacity;
	}
	return larger;
}

bool buffer_reserve(struct buffer *buffer, size_t length)
{
	if (buffer->failed)
		return false;
	return length <= buffer->capacity - buffer->length || grow(buffer, length);
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t length)
{
	if (!length || !buffer_reserve(buffer, length))
		return;
	memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_reset(struct buffer *buffer)
{
	if (buffer->capacity > CAPACITY_KEPT)
		buffer_clear(buffer);
	buffer->length = 0;
	buffer->failed = false;
}

void buffer_clear(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ .bytes = NULL };
}
