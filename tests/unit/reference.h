/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What record and utf8 are checked against: a UTF-8 decoder that goes by code points, where common/record/utf8.c goes by
 * ranges of bytes, and random numbers that are the same on every machine.
 */
#ifndef OTB_REFERENCE_H
#define OTB_REFERENCE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length of the character that `bytes` begins with, or 0. */
static inline size_t reference_sequence(const unsigned char *bytes, size_t size)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t length = 0;

	while (size && length < 8 && bytes[0] & 0x80 >> length)
		length++;
	if (!size || !length)
		return size ? 1 : 0;
	if (length == 1 || length > 4 || length > size)
		return 0;
	code = bytes[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] >> 6 != 2)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

/* All of `bytes` as UTF-8 with U+FFFD for each byte that is none; the caller frees it. */
static inline char *reference_clean(const void *bytes, size_t size, size_t *length)
{
	const unsigned char *in = bytes;
	char *out = malloc(3 * size + 1);

	*length = 0;
	for (size_t i = 0; i < size;) {
		size_t n = reference_sequence(in + i, size - i);

		memcpy(out + *length, n ? (const char *)in + i : "\xef\xbf\xbd", n ? n : 3);
		*length += n ? n : 3;
		i += n ? n : 1;
	}
	out[*length] = '\0';
	return out;
}

/* The encoding of a code point, valid or not; returns its length. */
static inline size_t reference_encode(uint32_t code, unsigned char out[4])
{
	size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = length; i-- > 1; code >>= 6)
		out[i] = 0x80 | (code & 0x3f);
	out[0] = (unsigned char)(length == 1 ? code : (0xf00 >> length | code));
	return length;
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

/* Random bytes of a random kind: text, whole characters, bytes of broken ones, control characters, anything. */
static inline void random_bytes(uint64_t *state, unsigned char *bytes, size_t size)
{
	static const unsigned char edges[] = { 0x00, 0x1f, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
					       0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xec, 0xed, 0xee, 0xef,
					       0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfe, 0xff };
	uint64_t kind = random_below(state, 6);

	for (size_t i = 0; i < size;) {
		unsigned char character[4] = { (unsigned char)random_next(state) };
		size_t n = 1;

		if (kind == 0 || (kind == 5 && random_below(state, 8)))
			character[0] = (unsigned char)(' ' + random_below(state, 95));
		else if (kind == 1)
			n = reference_encode((uint32_t)random_below(state, 0x110000) >> random_below(state, 14),
					     character);
		else if (kind == 2)
			character[0] = edges[random_below(state, sizeof(edges))];
		else if (kind == 3)
			character[0] &= 0x1f;
		for (size_t j = 0; j < n && i < size; j++)
			bytes[i++] = character[j];
	}
}

#endif
