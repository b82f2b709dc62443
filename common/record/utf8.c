/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/utf8.h"

#include <stdbool.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The second byte's range is narrower behind some first bytes: RFC 3629 section 4. */
static bool second_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0: /* overlong */
		return second >= 0xa0 && second <= 0xbf;
	case 0xed: /* surrogates */
		return second >= 0x80 && second <= 0x9f;
	case 0xf0: /* overlong */
		return second >= 0x90 && second <= 0xbf;
	case 0xf4: /* above U+10FFFF */
		return second >= 0x80 && second <= 0x8f;
	}
	return is_continuation(second);
}

size_t utf8_sequence(const unsigned char *bytes, size_t size)
{
	size_t length;

	if (!size)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf)
		length = 2;
	else if (bytes[0] >= 0xe0 && bytes[0] <= 0xef)
		length = 3;
	else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (size < length || !second_fits(bytes[0], bytes[1]))
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!is_continuation(bytes[i]))
			return 0;
	return length;
}

size_t utf8_clean(char *out, size_t capacity, const void *bytes, size_t size)
{
	const unsigned char *in = bytes;
	size_t length = 0;

	for (size_t i = 0; i < size;) {
		size_t valid = utf8_sequence(in + i, size - i);
		const void *piece = valid ? (const void *)(in + i) : replacement;
		size_t n = valid ? valid : sizeof(replacement) - 1;

		if (length + n >= capacity)
			break;
		memcpy(out + length, piece, n);
		length += n;
		i += valid ? valid : 1;
	}
	out[length] = '\0';
	return length;
}

size_t utf8_cut(const char *text, size_t length)
{
	size_t start = length;

	/* Back to the first byte of the last sequence; it is kept if all of it lies before the cut. */
	while (start && is_continuation((unsigned char)text[start - 1]))
		start--;
	if (!start)
		return 0;
	start--;
	if (start + utf8_sequence((const unsigned char *)text + start, length - start) == length)
		return length;
	return start;
}
