/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/trace_id.h"

#include <endian.h>
#include <openssl/evp.h>
#include <string.h>

enum { ID_TEXT_MAX = 1024, DIGEST_SIZE = 32 };

enum { DIGITS_64 = 16, DIGITS_128 = 32, ZEROS_MAX = 2 /* that may be missing: R is made of 14 digits */ };

static uint64_t load_big(const void *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return be64toh(word);
}

/* ---- hexadecimal digits, eight at once ---- */

#define EACH_BYTE(n) ((n)*UINT64_C(0x0101010101010101))

/* The highest bit of each byte that is at least `least`; both are ASCII. */
static uint64_t find_least(uint64_t word, unsigned int least)
{
	return ((word | EACH_BYTE(0x80)) - EACH_BYTE(least)) & EACH_BYTE(0x80);
}

/* Of a byte that is no digit the highest bit in *are_digits is cleared. */
static uint64_t read_eight(const char *text, uint64_t *are_digits)
{
	uint64_t word = load_big(text), ascii = word & EACH_BYTE(0x7f), lower = ascii | EACH_BYTE('a' - 'A');
	uint64_t numerals = find_least(ascii, '0') & ~find_least(ascii, '9' + 1);
	uint64_t letters = find_least(lower, 'a') & ~find_least(lower, 'f' + 1);
	uint64_t digits = (ascii & EACH_BYTE(0x0f)) + (letters >> 7) * 9;

	*are_digits &= (numerals | letters) & ~word;
	digits = (digits | digits >> 4) & UINT64_C(0x00ff00ff00ff00ff);
	digits = (digits | digits >> 8) & UINT64_C(0x0000ffff0000ffff);
	return (digits | digits >> 16) & UINT32_MAX;
}

static bool read_hex(const char *text, size_t length, struct trace_id *id)
{
	uint64_t halves[2] = { 0 }, are_digits = EACH_BYTE(0x80);
	char padded[DIGITS_128];

	if (length > DIGITS_128 || length + ZEROS_MAX < DIGITS_64 ||
	    (length > DIGITS_64 && length + ZEROS_MAX < DIGITS_128))
		return false;
	memset(padded, '0', sizeof(padded));
	memcpy(padded + sizeof(padded) - length, text, length);
	for (size_t i = 0; i < DIGITS_128; i += 8)
		halves[i / DIGITS_64] = halves[i / DIGITS_64] << 32 | read_eight(padded + i, &are_digits);
	*id = (struct trace_id){ .high = halves[0], .low = halves[1], .is_hex = true };
	return are_digits == EACH_BYTE(0x80);
}

/* ---- hashes ---- */

/* Libcrypto fails here only without memory; all records then have one hash, which is no worse than to end. */
static void hash(const char *text, size_t length, unsigned char digest[DIGEST_SIZE])
{
	memset(digest, 0, DIGEST_SIZE);
	EVP_Digest(text, length, digest, NULL, EVP_sha256(), NULL);
}

uint64_t hash_randomness(const char *text, size_t length)
{
	unsigned char digest[DIGEST_SIZE];

	hash(text, length, digest);
	return load_big(digest + DIGEST_SIZE - sizeof(uint64_t)) & (THRESHOLD_NEVER - 1);
}

bool trace_id_read(const struct record_view *record, struct trace_id *id)
{
	unsigned char digest[DIGEST_SIZE];
	char space[ID_TEXT_MAX];
	const char *text;
	size_t length = fields_read_string(record, FIELD_TRACE_ID, space, sizeof(space), &text);

	if (!length)
		return false;
	if (read_hex(text, length, id))
		return id->high || id->low;
	hash(text, length, digest);
	*id = (struct trace_id){ .high = load_big(digest), .low = load_big(digest + sizeof(uint64_t)) };
	return true;
}
