/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: every sequence there is, against an encoder; cleaning and cutting, against a decoder of another kind. */
#include "common/record/utf8.h"

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

/* ---- sequences ---- */

static size_t sequence_of(uint32_t bytes, size_t size)
{
	unsigned char text[4] = { (unsigned char)(bytes >> 24), (unsigned char)(bytes >> 16),
				  (unsigned char)(bytes >> 8), (unsigned char)bytes };

	return utf8_sequence(text, size);
}

/* Every code point but the surrogates is a sequence of its length, and none when a byte of it is missing. */
static void check_all_characters(void)
{
	unsigned int wrong = 0, wrong_when_cut = 0;

	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		unsigned char bytes[4];
		size_t length = reference_encode(code, bytes);

		wrong += utf8_sequence(bytes, 4) != (code >= 0xd800 && code <= 0xdfff ? 0 : length);
		for (size_t size = 0; size < length; size++)
			wrong_when_cut += utf8_sequence(bytes, size) != 0;
	}
	check(!wrong, "every character is one, and no surrogate");
	check(!wrong_when_cut, "no character is one when it is cut");
}

/* As many strings of n bytes are one sequence as there are characters of n bytes: with the test above, exactly those. */
static void check_nothing_else(void)
{
	unsigned int found[5] = { 0 };

	for (uint32_t bytes = 0; bytes < 1 << 8; bytes++)
		found[1] += sequence_of(bytes << 24, 1) == 1;
	for (uint32_t bytes = 0; bytes < 1 << 16; bytes++)
		found[2] += sequence_of(bytes << 16, 2) == 2;
	for (uint32_t bytes = 0; bytes < 1 << 24; bytes++)
		found[3] += sequence_of(bytes << 8, 3) == 3;
	for (uint64_t bytes = UINT64_C(0xf0000000); bytes < UINT64_C(0xf5000000); bytes++)
		found[4] += sequence_of((uint32_t)bytes, 4) == 4;
	check(found[1] == 0x80, "128 single bytes are characters: %u", found[1]);
	check(found[2] == 0x800 - 0x80, "1920 strings of two bytes are one: %u", found[2]);
	check(found[3] == 0x10000 - 0x800 - 0x800, "61440 strings of three bytes are one: %u", found[3]);
	check(found[4] == 0x110000 - 0x10000, "1048576 strings of four bytes from F0 to F4 are one: %u", found[4]);
}

/* All first and second bytes before the bytes at which ranges end. */
static void check_edges(void)
{
	static const uint32_t edges[] = { 0x00, 0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff };
	const size_t n = sizeof(edges) / sizeof(edges[0]);
	unsigned int wrong = 0;

	for (uint32_t start = 0; start < 1 << 16; start++) {
		for (size_t i = 0; i < n * n * 5; i++) {
			unsigned char text[4] = { (unsigned char)(start >> 8), (unsigned char)start,
						  (unsigned char)edges[i % n], (unsigned char)edges[i / n % n] };
			size_t size = i / n / n;

			wrong += utf8_sequence(text, size) != reference_sequence(text, size);
		}
	}
	check(!wrong, "agrees with the decoder on all starts and sizes before the edges of ranges: %u differ", wrong);
}

/* ---- cleaning and cutting ---- */

/* A copy in exactly the capacity it is given, so that the sanitizers and valgrind see a byte too much. */
static bool cleans_as_reference(const unsigned char *bytes, size_t size, size_t capacity)
{
	size_t whole_length, length, next;
	char *whole = reference_clean(bytes, size, &whole_length);
	char *out = malloc(capacity);
	bool right;

	length = utf8_clean(out, capacity, bytes, size);
	next = length < whole_length ? reference_sequence((unsigned char *)whole + length, 4) : 0;
	right = length < capacity && out[length] == '\0' && length <= whole_length && !memcmp(out, whole, length) &&
		(length == whole_length || (next && length + next >= capacity));
	free(out);
	free(whole);
	return right;
}

static void check_clean(void)
{
	enum { ROUNDS = 30000, LONGEST = 40 };
	uint64_t state = 1;
	unsigned int wrong = 0;
	char out[8];

	for (int i = 0; i < ROUNDS; i++) {
		size_t size = random_below(&state, LONGEST);
		unsigned char *bytes = malloc(size + !size);

		random_bytes(&state, bytes, size);
		wrong += !cleans_as_reference(bytes, size, 1 + random_below(&state, 3 * LONGEST));
		wrong += !cleans_as_reference(bytes, size, 3 * LONGEST + 1);
		free(bytes);
	}
	check(!wrong, "cleans %d random strings, cut at a character where there is no room: %u wrong", ROUNDS, wrong);
	check(utf8_clean(out, 1, "abc", 3) == 0 && !out[0], "cleans nothing into a capacity of one");
	check(utf8_clean(out, 8, "a\0b", 3) == 3 && !memcmp(out, "a\0b", 4), "keeps a NUL that is counted");
	check(utf8_clean(out, 8, NULL, 0) == 0 && !out[0], "cleans nothing at all");
}

static size_t slow_cut(const char *text, size_t whole, size_t length)
{
	size_t at = 0;

	for (;;) {
		size_t n = reference_sequence((const unsigned char *)text + at, whole - at);

		if (!n || at + n > length)
			return at;
		at += n;
	}
}

static void check_cut(void)
{
	enum { ROUNDS = 20000 };
	uint64_t state = 2;
	unsigned int wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned char bytes[24];
		size_t whole;
		char *text;

		random_bytes(&state, bytes, sizeof(bytes));
		text = reference_clean(bytes, random_below(&state, sizeof(bytes) + 1), &whole);
		for (size_t length = 0; length <= whole; length++)
			wrong += utf8_cut(text, length) != slow_cut(text, whole, length);
		free(text);
	}
	check(!wrong, "cuts %d random texts at every length: %u wrong", ROUNDS, wrong);
}

int main(void)
{
	check_all_characters();
	check_nothing_else();
	check_edges();
	check_clean();
	check_cut();
	return finish_tests();
}
