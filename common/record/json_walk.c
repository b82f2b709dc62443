/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/json_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#include <emmintrin.h>
#endif

enum { NUMBER_LENGTH_MAX = 63 }; /* of a number in a string with escapes */

/* ---- skipping: each function takes the place where its part begins, and returns the one behind it ---- */

static inline const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

#if defined(__SSE2__) && !defined(JSON_PORTABLE)

/* A bit for each of 16 bytes that equals `c`. */
static inline uint32_t bytes_equal(__m128i bytes, char c)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

static inline const char *skip_plain(const char *p)
{
	for (;; p += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)p);
		uint32_t special = bytes_equal(bytes, '"') | bytes_equal(bytes, '\\');

		if (special)
			return p + __builtin_ctz(special);
	}
}

/* What matters of a block of bytes to find the end of a container, a bit for each byte. JSON_PADDING is a block, so that
 * one can be read wherever there is text. */
struct block {
	uint32_t quotes, backslashes, open, close;
};

static inline struct block block_read(const char *p)
{
	__m128i low = _mm_loadu_si128((const __m128i *)p), high = _mm_loadu_si128((const __m128i *)(p + 16));
	struct block block = {
		.quotes = bytes_equal(low, '"') | bytes_equal(high, '"') << 16,
		.backslashes = bytes_equal(low, '\\') | bytes_equal(high, '\\') << 16,
	};
	/* A bit tells brackets from braces. */
	low = _mm_or_si128(low, _mm_set1_epi8(0x20));
	high = _mm_or_si128(high, _mm_set1_epi8(0x20));
	block.open = bytes_equal(low, '{') | bytes_equal(high, '{') << 16;
	block.close = bytes_equal(low, '}') | bytes_equal(high, '}') << 16;
	return block;
}

/* The quotes without a backslash before them that counts. *carry: the first byte of a block has one. */
static inline uint32_t block_quotes(const struct block *block, bool *carry)
{
	uint64_t escaped = *carry;

	for (uint32_t bits = block->backslashes; bits; bits &= bits - 1)
		if (!(escaped & bits & -bits))
			escaped |= (uint64_t)(bits & -bits) << 1;
	*carry = escaped >> 32;
	return block->quotes & ~(uint32_t)escaped;
}

/* From each quote on to the next one: each bit becomes the sum of those up to it. */
static inline uint32_t between_quotes(uint32_t quotes)
{
	for (int i = 1; i < 32; i *= 2)
		quotes ^= quotes << i;
	return quotes;
}

static const char *skip_container(const char *p)
{
	uint32_t in_string = 0; /* all bits of it */
	unsigned int depth = 1;
	bool carry = false;

	for (p++;; p += 32) {
		struct block block = block_read(p);
		uint32_t strings = between_quotes(block_quotes(&block, &carry)) ^ in_string;

		for (uint32_t bits = (block.open | block.close) & ~strings; bits; bits &= bits - 1) {
			if (block.open & bits & -bits)
				depth++;
			else if (--depth == 0)
				return p + __builtin_ctz(bits) + 1;
		}
		in_string = -(strings >> 31);
	}
}

_Static_assert(JSON_PADDING >= 32, "a block may begin with the last byte of the text");

#else

static inline const char *skip_plain(const char *p)
{
	return p + strcspn(p, "\"\\");
}

static const char *skip_container(const char *p)
{
	unsigned int depth = 0;

	for (;; p++) {
		if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (--depth == 0)
				return p + 1;
		} else if (*p == '"') {
			for (p = skip_plain(p + 1); *p != '"'; p = skip_plain(p + 2))
				;
		}
	}
}

#endif

/* From behind the opening quote to the closing one. */
static inline const char *skip_string(const char *p, bool *escaped)
{
	p = skip_plain(p);
	*escaped = *p == '\\';
	while (*p == '\\')
		p = skip_plain(p + 2);
	return p;
}

/* A number or a word: up to what can stand behind it. */
static const char *skip_scalar(const char *p)
{
	while (*p != ',' && *p != ']' && *p != '}' && (unsigned char)*p > ' ')
		p++;
	return p;
}

static enum value_type type_of(char first)
{
	switch (first) {
	case '"':
		return VALUE_STRING;
	case '{':
		return VALUE_OBJECT;
	case '[':
		return VALUE_ARRAY;
	case 't':
		return VALUE_TRUE;
	case 'f':
		return VALUE_FALSE;
	case 'n':
		return VALUE_NULL;
	default:
		return VALUE_NUMBER;
	}
}

/* ---- the walk ---- */

static inline const char *take_value(const char *text, const char *p, struct json_value *value)
{
	const char *end;

	value->type = type_of(*p);
	value->escaped = false;
	if (value->type == VALUE_STRING)
		end = skip_string(++p, &value->escaped);
	else if (value->type == VALUE_OBJECT || value->type == VALUE_ARRAY)
		end = skip_container(p);
	else
		end = skip_scalar(p);
	value->start = (uint32_t)(p - text);
	value->length = (uint32_t)(end - p);
	return end + (value->type == VALUE_STRING);
}

/* From behind a member or an element to the next one, or to the closing bracket. */
static inline const char *skip_comma(const char *p)
{
	p = skip_space(p);
	return *p == ',' ? skip_space(p + 1) : p;
}

void json_walk_open_text(struct json_walk *walk, const char *text)
{
	*walk = (struct json_walk){ .text = text, .next = skip_space(skip_space(text) + 1), .type = VALUE_OBJECT };
}

void json_walk_open(struct json_walk *walk, const char *text, const struct json_value *value)
{
	*walk = (struct json_walk){ .text = text, .type = value->type };
	if (value->type == VALUE_OBJECT || value->type == VALUE_ARRAY)
		walk->next = skip_space(text + value->start + 1);
}

bool json_walk_member(struct json_walk *walk, struct json_value *key, struct json_value *value)
{
	if (walk->type != VALUE_OBJECT || *walk->next == '}')
		return false;
	key->key = value->key = (uint32_t)(walk->next - walk->text);
	const char *colon = skip_space(take_value(walk->text, walk->next, key));
	walk->next = skip_comma(take_value(walk->text, skip_space(colon + 1), value));
	return true;
}

bool json_walk_element(struct json_walk *walk, struct json_value *value)
{
	if (walk->type != VALUE_ARRAY || *walk->next == ']')
		return false;
	value->key = 0;
	walk->next = skip_comma(take_value(walk->text, walk->next, value));
	return true;
}

bool json_key_equals(const char *text, const struct json_value *key, const char *name)
{
	/* Some bytes more than any name, so that a longer key is not cut to one. */
	char decoded[JSON_NAME_LENGTH_MAX + 4];
	const char *string;
	size_t length = json_text_of(text, key, decoded, sizeof(decoded), &string);

	/* An escaped key may hold a NUL, at which strncmp() would end. */
	return !strncmp(string, name, length) && !memchr(string, '\0', length) && !name[length];
}

void json_find(const char *text, const struct json_value *object, const char *const *names, size_t n,
	       struct json_value *values)
{
	struct json_walk walk;
	struct json_value key, value;

	memset(values, 0, n * sizeof(*values));
	json_walk_open(&walk, text, object);
	while (json_walk_member(&walk, &key, &value)) {
		for (size_t i = 0; i < n; i++) {
			if ((key.escaped || !key.length || names[i][0] == text[key.start]) &&
			    json_key_equals(text, &key, names[i])) {
				values[i] = value;
				break;
			}
		}
	}
}

/* ---- values ---- */

size_t json_text_of(const char *text, const struct json_value *value, char *space, size_t capacity, const char **string)
{
	*string = text + value->start;
	if (value->type != VALUE_STRING)
		return 0;
	if (!value->escaped)
		return value->length;
	*string = space;
	return json_decode(text + value->start, value->length, space, capacity);
}

/* The text of a number or a string, with something behind it that can belong to no number; 0: it is no number's. */
static size_t number_text(const char *text, const struct json_value *value, char space[NUMBER_LENGTH_MAX + 1],
			  const char **string)
{
	*string = text + value->start;
	if (value->type == VALUE_NUMBER)
		return value->length;
	size_t length = json_text_of(text, value, space, NUMBER_LENGTH_MAX, string);
	if (*string != space)
		return length;
	space[length] = '\0';
	return length <= NUMBER_LENGTH_MAX - 4 ? length : 0; /* else it may have been cut */
}

/* Notes the text of an integer, or of what json_read_int64() can tell from one. */
static bool take_integer(const char *text, const struct json_value *value, char space[NUMBER_LENGTH_MAX + 1],
			 const char **string, struct json_value *integer)
{
	size_t length = number_text(text, value, space, string);

	*integer = (struct json_value){ .type = VALUE_NUMBER, .length = (uint32_t)length };
	return length && (unsigned char)((*string)[length - 1] - '0') <= 9;
}

bool json_walk_uint64(const char *text, const struct json_value *value, uint64_t *number)
{
	char space[NUMBER_LENGTH_MAX + 1];
	const char *string;
	struct json_value integer;

	return take_integer(text, value, space, &string, &integer) && json_read_uint64(string, &integer, number);
}

bool json_walk_int64(const char *text, const struct json_value *value, int64_t *number)
{
	char space[NUMBER_LENGTH_MAX + 1];
	const char *string;
	struct json_value integer;

	return take_integer(text, value, space, &string, &integer) && json_read_int64(string, &integer, number);
}

/* The number that a string holds. What strtod() knows besides JSON's numbers has other letters. */
static bool parse_double(const char *string, size_t length, double *number)
{
	char *end;

	if (!length || strspn(string, "+-.0123456789eE") != length)
		return false;
	double parsed = strtod(string, &end);
	if (end != string + length || !isfinite(parsed))
		return false;
	*number = parsed;
	return true;
}

bool json_walk_double(const char *text, const struct json_value *value, double *number)
{
	static const struct {
		const char *name;
		double number;
	} words[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };
	char space[NUMBER_LENGTH_MAX + 1];
	const char *string;

	if (value->type == VALUE_NUMBER)
		return json_read_double(text, value, number);
	size_t length = number_text(text, value, space, &string);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (length == strlen(words[i].name) && !memcmp(string, words[i].name, length)) {
			*number = words[i].number;
			return true;
		}
	}
	return parse_double(string, length, number);
}
