/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef OTB_UTF8_H
#define OTB_UTF8_H

#include <stddef.h>

/* The length (1-4) of the valid sequence that `bytes` begins with, or 0 if there is none within `size`. */
size_t utf8_sequence(const unsigned char *bytes, size_t size);

/* Copies `size` bytes to `out` as valid UTF-8 with a NUL behind it, U+FFFD for each byte that is none; cut at a
 * character where `capacity` (which counts the NUL, and is at least 1) is short. Returns the length without the NUL. */
size_t utf8_clean(char *out, size_t capacity, const void *bytes, size_t size);

/* The largest length <= `length` at which valid UTF-8 text can be cut without splitting a character. */
size_t utf8_cut(const char *text, size_t length);

#endif
