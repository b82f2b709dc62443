/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/trace_id.h"

#include <endian.h>
#include <openssl/evp.h>
#include <string.h>

enum { ID_TEXT_MAX = 1024, DIGEST_SIZE = 32 };

enum { DIGITS_64 = 16, DIGITS_128 = 32, ZEROS_MAX = 2 /* that may be missing: R is made of 14 digits */ };

/* Of each byte one more than the hexadecimal digit is worth that it is; 0: it is none. */
static const uint8_t digits[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static bool read_hex(const char *text, size_t length, struct trace_id *id)
{
	bool is_hex = true;

	if (length > DIGITS_128 || length + ZEROS_MAX < DIGITS_64 ||
	    (length > DIGITS_64 && length + ZEROS_MAX < DIGITS_128))
		return false;
	*id = (struct trace_id){ .is_hex = true };
	for (size_t i = 0; i < length; i++) {
		uint8_t digit = digits[(unsigned char)text[i]];

		is_hex &= digit > 0;
		id->high = id->high << 4 | id->low >> 60;
		id->low = id->low << 4 | ((digit - 1) & 0xf);
	}
	return is_hex;
}

/* Libcrypto fails here only without memory; all records then have one hash, which is no worse than to end. */
static void hash(const char *text, size_t length, unsigned char digest[DIGEST_SIZE])
{
	memset(digest, 0, DIGEST_SIZE);
	EVP_Digest(text, length, digest, NULL, EVP_sha256(), NULL);
}

static uint64_t load_big(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return be64toh(word);
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
