/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes: against the same bytes in one large array, and what remains without memory. */
#include "common/record/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

enum { ALL = 3 * 1024 * 1024 };

static void test_adding(void)
{
	struct buffer buffer = { .bytes = NULL };
	unsigned char *all = malloc(ALL);
	uint64_t state = 1;
	size_t length = 0;
	bool within = true;

	if (!all)
		abort();
	for (size_t i = 0; i < ALL; i++)
		all[i] = (unsigned char)random_next(&state);
	while (length < ALL) {
		size_t most = (size_t)1 << random_below(&state, 17), n = random_below(&state, most + 1);

		n = n < ALL - length ? n : ALL - length;
		buffer_add(&buffer, all + length, n);
		length += n;
		within &= buffer.length == length && buffer.length <= buffer.capacity;
	}
	check(within && !buffer.failed && !memcmp(buffer.bytes, all, ALL), "pieces of 0 to 65536 bytes make the whole");
	check(buffer.capacity < 2 * ALL, "there is less than twice the memory it takes: %zu", buffer.capacity);
	buffer_clear(&buffer);
	check(!buffer.bytes && !buffer.length && !buffer.capacity && !buffer.failed, "cleared, it is empty");
	free(all);
}

static void test_text(void)
{
	struct buffer buffer = { .bytes = NULL };

	buffer_add(&buffer, NULL, 0);
	buffer_add_text(&buffer, "");
	check(!buffer.length && !buffer.failed, "nothing is no bytes");
	buffer_add_text(&buffer, "one");
	buffer_add(&buffer, "\0,", 2);
	buffer_add_text(&buffer, "two");
	check(buffer.length == 8 && !memcmp(buffer.bytes, "one\0,two", 8),
	      "texts come without their NUL, bytes as they are");
	buffer_clear(&buffer);
}

static void test_reserving(void)
{
	struct buffer buffer = { .bytes = NULL };
	bool done = true;

	for (size_t length = 1; length <= ALL; length *= 3) {
		done &= buffer_reserve(&buffer, length) && buffer.capacity - buffer.length >= length;
		memset(buffer.bytes + buffer.length, 'x', length);
		buffer.length += length;
	}
	check(done, "there is room for what was reserved");
	done = buffer_reserve(&buffer, buffer.capacity - buffer.length);
	check(done && buffer_reserve(&buffer, 0), "and for all that is free");
	buffer_clear(&buffer);
}

static void test_emptying(void)
{
	struct buffer buffer = { .bytes = NULL };
	size_t capacity;

	buffer_add_text(&buffer, "a line");
	capacity = buffer.capacity;
	buffer_reset(&buffer);
	check(!buffer.length && capacity && buffer.capacity == capacity, "emptied, it keeps its memory");
	buffer_reserve(&buffer, 1024 * 1024);
	buffer_reset(&buffer);
	check(buffer.capacity == 1024 * 1024, "that of a megabyte too");
	buffer_reserve(&buffer, 1024 * 1024 + 1);
	buffer_reset(&buffer);
	check(!buffer.bytes && !buffer.capacity, "but not of more");
	buffer_clear(&buffer);
}

/* A length that no address space has fails before memory is asked for. */
static void test_failure(void)
{
	struct buffer buffer = { .bytes = NULL };

	buffer_add_text(&buffer, "a line");
	check(!buffer_reserve(&buffer, SIZE_MAX) && buffer.failed, "there is not that much memory");
	buffer_add_text(&buffer, ", and more");
	check(buffer.failed && buffer.length == 6 && !buffer_reserve(&buffer, 1), "it stays failed");
	buffer_reset(&buffer);
	buffer_add_text(&buffer, "another");
	check(!buffer.failed && buffer.length == 7 && !memcmp(buffer.bytes, "another", 7), "emptied, it begins anew");
	check(!buffer_reserve(&buffer, SIZE_MAX / 2) && buffer.failed, "nor half of it");
	buffer_clear(&buffer);
	check(!buffer.failed && !buffer.bytes, "cleared, it begins anew");
}

int main(void)
{
	test_adding();
	test_text();
	test_reserving();
	test_emptying();
	test_failure();
	return finish_tests();
}
