/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/json.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) && !defined(JSON_PORTABLE)
#include <immintrin.h>
#endif

#include "common/record/utf8.h"

static const uint32_t SIZE_VARIES = UINT32_MAX; /* a text has that many bytes, of which no value is all */

enum { NO_KEY = 255, OTHER_KEY = JSON_KEYS_MAX };

_Static_assert(JSON_NAMES_MAX < JSON_KEYS_MAX && (int)OTHER_KEY < (int)NO_KEY, "a key's number is a byte");
_Static_assert(JSON_TABLE_SIZE == 1 << 10 && JSON_TABLE_SIZE >= 4 * JSON_KEYS_MAX, "key_slot() yields ten bits");
_Static_assert(JSON_PADDING >= 64, "what is looked at at once may begin with the NUL");
_Static_assert(JSON_KEY_IMAGE <= JSON_PADDING, "an image is compared as a whole");

static const struct {
	const char *word, *text;
} statuses[JSON_STATUSES] = {
	[JSON_OK] = { "ok", "valid" },
	[JSON_ENDED] = { "ended", "line ends too early" },
	[JSON_CONTROL] = { "control", "control character in string" },
	[JSON_UTF8] = { "utf8", "invalid UTF-8" },
	[JSON_ESCAPE] = { "escape", "invalid escape in string" },
	[JSON_NUMBER] = { "number", "malformed number" },
	[JSON_SYNTAX] = { "syntax", "unexpected character" },
	[JSON_TRAILING] = { "trailing", "something behind the object" },
	[JSON_DEEP] = { "deep", "nested too deeply" },
	[JSON_NO_OBJECT] = { "no_object", "not an object" },
	[JSON_TOO_LONG] = { "too_long", "line too long" },
};

const char *json_status_text(enum json_status status)
{
	return statuses[status].text;
}

const char *json_status_word(enum json_status status)
{
	return statuses[status].word;
}

/* ---- keys ---- */

/* By the first and the last eight bytes, which say nearly always which it is; eight bytes must be readable. */
static unsigned int key_slot(const char *text, size_t length)
{
	uint64_t head, tail = 0;

	memcpy(&head, text, sizeof(head));
	if (length >= sizeof(tail))
		memcpy(&tail, text + length - sizeof(tail), sizeof(tail));
	else
		head = htole64(le64toh(head) & ((1ULL << (8 * length)) - 1));
	return (head * 0x9e3779b97f4a7c15ULL + tail * 0xc2b2ae3d27d4eb4fULL) >> (64 - 10);
}

static const char *key_text(const struct json_key *key)
{
	return key->name ? key->name : key->image + 1;
}

static unsigned int key_find(const struct json_names *names, const char *text, size_t length)
{
	for (unsigned int slot = key_slot(text, length);; slot = (slot + 1) % JSON_TABLE_SIZE) {
		unsigned int number = names->table[slot];
		const struct json_key *key = &names->keys[number];

		if (number == NO_KEY)
			return NO_KEY;
		if (key->length == length && !memcmp(key_text(key), text, length))
			return number;
	}
}

static void key_enter(struct json_names *names, unsigned int number)
{
	unsigned int slot = names->keys[number].slot;

	while (names->table[slot] != NO_KEY)
		slot = (slot + 1) % JSON_TABLE_SIZE;
	names->table[slot] = number;
}

/* What stands for no image fits a NUL alone. No key begins with that, and no value either, which is what is said then. */
static void image_forget(struct json_key *key)
{
	key->image[0] = '\0';
	key->image_length = 0;
	key->image_mask = 1;
}

/* What `next` says of any key is a guess, so it may go on pointing at one that is forgotten: nothing fits that. */
static void keys_forget(struct json_names *names)
{
	memset(names->table, NO_KEY, sizeof(names->table));
	for (unsigned int number = 0; number < names->wanted; number++)
		key_enter(names, number);
	for (unsigned int number = names->wanted; number < names->known; number++)
		image_forget(&names->keys[number]);
	names->known = names->wanted;
}

/* Adds a key that is not known yet; `text` as for key_find(). */
static unsigned int key_add(struct json_names *names, const char *name, const char *text, size_t length)
{
	struct json_key *key = &names->keys[names->known];

	*key = (struct json_key){ .name = name, .length = length, .next = OTHER_KEY };
	key->slot = key_slot(text, length);
	image_forget(key);
	key_enter(names, names->known);
	return names->known++;
}

/* The number of the key that stands at `quote` without escapes, which it learns if it is new and has an image. */
static __attribute__((noinline)) unsigned int key_learn(struct json_names *names, const char *quote, size_t length)
{
	unsigned int number = key_find(names, quote + 1, length);
	size_t image_length = length + strlen("\"\":");
	bool has_image = image_length <= JSON_KEY_IMAGE && quote[image_length - 1] == ':';

	if (number == NO_KEY && !has_image)
		return OTHER_KEY;
	if (number == NO_KEY) {
		if (names->known == JSON_KEYS_MAX)
			keys_forget(names);
		number = key_add(names, NULL, quote + 1, length);
	}
	struct json_key *key = &names->keys[number];
	if (has_image && !key->image_length) {
		memcpy(key->image, quote, image_length);
		key->image_length = image_length;
		key->image_mask = (uint32_t)((1ULL << image_length) - 1);
	}
	return number;
}

void json_names_init(struct json_names *names)
{
	memset(names, 0, sizeof(*names));
	names->keys[OTHER_KEY].next = OTHER_KEY;
	image_forget(&names->keys[OTHER_KEY]);
	keys_forget(names);
}

int json_names_find(const struct json_names *names, const char *text, size_t length)
{
	unsigned int number = key_find(names, text, length);

	return number < names->wanted ? (int)number : -1;
}

int json_names_add(struct json_names *names, const char *text)
{
	char padded[JSON_NAME_LENGTH_MAX + sizeof(uint64_t)] = { 0 };
	size_t length = strlen(text);

	if (length > JSON_NAME_LENGTH_MAX)
		return -1;
	memcpy(padded, text, length);
	int number = json_names_find(names, padded, length);
	if (number >= 0 || names->wanted == JSON_NAMES_MAX)
		return number;
	keys_forget(names);
	number = key_add(names, text, padded, length);
	names->wanted++;
	return number;
}

/* ---- bytes, many at a time ---- */

/*
 * Special bytes are those that do not stand for themselves in a string: quotes, backslashes, controls, and what is no ASCII.
 * special_bits() has a bit for each of 64 bytes, the first lowest.
 *
 * What ends in _wide is the same for processors with AVX2, and for others that have no more than the usual.
 */

#if defined(__x86_64__) && !defined(JSON_PORTABLE)

enum { RUN_MAX = 16 };

static inline uint64_t special_bits_16(const char *p)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)p);
	/* With the quote, 0x22, moved next to the controls, all but the backslash lie below 0x21: as signed bytes those from
	 * 0x80 on too. Less 0x21 they are negative. */
	__m128i low = _mm_subs_epi8(_mm_xor_si128(bytes, _mm_set1_epi8('"' ^ 0x20)), _mm_set1_epi8(0x21));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, backslash));
}

static inline uint64_t special_bits(const char *p)
{
	return special_bits_16(p) | special_bits_16(p + 16) << 16 | special_bits_16(p + 32) << 32 |
	       special_bits_16(p + 48) << 48;
}

/* How many of the next RUN_MAX bytes are digits, up to the first that is none. */
static inline unsigned int digit_run(const char *p)
{
	__m128i values = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
	__m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);

	return __builtin_ctz(~_mm_movemask_epi8(digits));
}

static inline bool image_fits(const struct json_key *key, const char *p)
{
	__m128i low = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_load_si128((const __m128i *)key->image));
	__m128i high = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 16)),
				      _mm_load_si128((const __m128i *)(key->image + 16)));
	uint32_t equal = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;

	return !(~equal & key->image_mask);
}

#define WIDE __attribute__((target("avx2,bmi,bmi2")))

#ifndef HAS_WIDE
#define HAS_WIDE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
#endif

static inline WIDE uint64_t special_bits_32(const char *p)
{
	__m256i bytes = _mm256_loadu_si256((const __m256i *)p);
	__m256i low = _mm256_subs_epi8(_mm256_xor_si256(bytes, _mm256_set1_epi8('"' ^ 0x20)), _mm256_set1_epi8(0x21));
	__m256i backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));

	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, backslash));
}

static inline WIDE uint64_t special_bits_wide(const char *p)
{
	return special_bits_32(p) | special_bits_32(p + 32) << 32;
}

static inline WIDE bool image_fits_wide(const struct json_key *key, const char *p)
{
	__m256i image = _mm256_loadu_si256((const __m256i *)key->image);
	__m256i equal = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)p), image);

	return !(~(uint32_t)_mm256_movemask_epi8(equal) & key->image_mask);
}

#else

enum { RUN_MAX = 8 };

#define EACH_BYTE 0x0101010101010101ULL

/* The top bit of every byte that is zero. */
static inline uint64_t zero_bytes(uint64_t word)
{
	return ~((word & 0x7f * EACH_BYTE) + 0x7f * EACH_BYTE) & ~word & 0x80 * EACH_BYTE;
}

static inline uint64_t special_bits_8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	word = le64toh(word);
	uint64_t controls = ~((word & 0x7f * EACH_BYTE) + (0x80 - 0x20) * EACH_BYTE) & 0x80 * EACH_BYTE;
	uint64_t special = controls | zero_bytes(word ^ '"' * EACH_BYTE) | zero_bytes(word ^ '\\' * EACH_BYTE) |
			   (word & 0x80 * EACH_BYTE);
	/* Multiplied so that the top bits meet in the top byte. */
	return (special >> 7) * 0x0102040810204080ULL >> 56;
}

static inline uint64_t special_bits(const char *p)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < 64; i += 8)
		bits |= special_bits_8(p + i) << i;
	return bits;
}

static inline unsigned int digit_run(const char *p)
{
	unsigned int n = 0;

	while (n < RUN_MAX && (unsigned char)(p[n] - '0') <= 9)
		n++;
	return n;
}

static inline bool image_fits(const struct json_key *key, const char *p)
{
	return !memcmp(key->image, p, key->image_length ? key->image_length : 1);
}

#define WIDE
#define HAS_WIDE false

static inline uint64_t special_bits_wide(const char *p)
{
	return special_bits(p);
}

static inline bool image_fits_wide(const struct json_key *key, const char *p)
{
	return image_fits(key, p);
}

#endif

/* ---- the scanner: each function takes the place where its part begins, and returns the one behind it, or NULL ---- */

/* What is done for each member, or depends on `is_wide`. */
#define INLINED inline __attribute__((always_inline))
#define LIKELY(condition) __builtin_expect(condition, true)

enum { MAP_WORDS = 64 };

struct scan {
	const char *text, *end;
	const char *wrong; /* where it failed */
	enum json_status status;
	/* Where the special bytes are: to find out for many strings at once takes less than for one after the other. */
	const char *mapped, *mapped_end;
	uint64_t map[MAP_WORDS + 1]; /* the last is 0 */
};

/* Maps what comes from `p` on, at most up to the NUL behind the text, which is special. */
static INLINED void map_bytes(struct scan *scan, const char *p, bool is_wide)
{
	size_t words = (size_t)(scan->end - p) / 64 + 1;

	if (words > MAP_WORDS)
		words = MAP_WORDS;
	scan->mapped = p;
	scan->mapped_end = p + 64 * words;
	for (size_t i = 0; i < words; i++)
		scan->map[i] = is_wide ? special_bits_wide(p + 64 * i) : special_bits(p + 64 * i);
	scan->map[words] = 0;
}

static __attribute__((noinline)) void map_more(struct scan *scan, const char *p)
{
	map_bytes(scan, p, false);
}

/* The special ones of the 64 bytes from `p` on, as far as they are mapped. */
static inline uint64_t mapped_bits(const struct scan *scan, const char *p)
{
	size_t at = (size_t)(p - scan->mapped);
	const uint64_t *words = &scan->map[at / 64];

	/* Parts of two words, even where one has them all: not to ask is faster. */
	return words[0] >> at % 64 | words[1] << 1 << (63 - at % 64);
}

/* The first special byte from `p` on. */
static INLINED const char *find_special(struct scan *scan, const char *p)
{
	for (;;) {
		if (!LIKELY(p < scan->mapped_end))
			map_more(scan, p);
		uint64_t bits = mapped_bits(scan, p);
		if (LIKELY(bits != 0))
			return p + __builtin_ctzll(bits);
		p = p + 64 < scan->mapped_end ? p + 64 : scan->mapped_end;
	}
}

static const char *scan_fail(struct scan *scan, const char *p, enum json_status status)
{
	scan->wrong = p;
	scan->status = p == scan->end ? JSON_ENDED : status;
	return NULL;
}

static __attribute__((noinline)) const char *skip_spaces(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

static inline const char *skip_space(const char *p)
{
	return LIKELY((unsigned char)*p > ' ') ? p : skip_spaces(p);
}

int json_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static const char *scan_escape(struct scan *scan, const char *p)
{
	p++;
	if (*p == 'u') {
		for (int i = 1; i <= 4; i++)
			if (json_hex_digit(p[i]) < 0)
				return scan_fail(scan, p + i, JSON_ESCAPE);
		return p + 5;
	}
	if (*p == '\0' || !strchr("\"\\/bfnrt", *p))
		return scan_fail(scan, p, JSON_ESCAPE);
	return p + 1;
}

/* A byte within a string that does not stand for itself, and is no quote. */
static __attribute__((noinline)) const char *scan_special(struct scan *scan, const char *p, bool *escaped)
{
	if (*p == '\\') {
		*escaped = true;
		return scan_escape(scan, p);
	}
	if ((unsigned char)*p < 0x20)
		return scan_fail(scan, p, JSON_CONTROL);
	while ((unsigned char)*p >= 0x80) {
		size_t length = utf8_sequence((const unsigned char *)p, scan->end - p);

		if (length == 0)
			return scan_fail(scan, p, JSON_UTF8);
		p += length;
	}
	return p;
}

/* From behind the opening quote to the closing one. */
static INLINED const char *scan_string(struct scan *scan, const char *p, bool *escaped)
{
	p = find_special(scan, p);
	while (!LIKELY(*p == '"')) {
		p = scan_special(scan, p, escaped);
		if (!p)
			return NULL;
		p = find_special(scan, p);
	}
	return p;
}

/* At least one digit. */
static INLINED const char *scan_digits(struct scan *scan, const char *p)
{
	unsigned int run = digit_run(p);

	if (run == 0)
		return scan_fail(scan, p, JSON_NUMBER);
	while (run == RUN_MAX) {
		p += run;
		run = digit_run(p);
	}
	return p + run;
}

static INLINED const char *scan_number(struct scan *scan, const char *p)
{
	p += *p == '-';
	if (*p == '0' && (unsigned char)(p[1] - '0') <= 9)
		return scan_fail(scan, p + 1, JSON_NUMBER);
	p = scan_digits(scan, p);
	if (p && *p == '.')
		p = scan_digits(scan, p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		p = scan_digits(scan, p + (*p == '+' || *p == '-'));
	}
	return p;
}

static const char *scan_word(struct scan *scan, const char *p, const char *word)
{
	for (; *word; p++, word++)
		if (*p != *word)
			return scan_fail(scan, p, JSON_SYNTAX);
	return p;
}

static const char *scan_literal(struct scan *scan, const char *p, struct json_value *value)
{
	switch (*p) {
	case 't':
		value->type = VALUE_TRUE;
		return scan_word(scan, p, "true");
	case 'f':
		value->type = VALUE_FALSE;
		return scan_word(scan, p, "false");
	case 'n':
		value->type = VALUE_NULL;
		return scan_word(scan, p, "null");
	default:
		return scan_fail(scan, p, *p == '+' || *p == '.' ? JSON_NUMBER : JSON_SYNTAX);
	}
}

/* A value within a container that is none itself. */
static const char *scan_scalar(struct scan *scan, const char *p, struct json_value *value)
{
	if (*p == '"') {
		value->type = VALUE_STRING;
		p = scan_string(scan, p + 1, &value->escaped);
		return p ? p + 1 : NULL;
	}
	if (*p == '-' || (unsigned char)(*p - '0') <= 9) {
		value->type = VALUE_NUMBER;
		return scan_number(scan, p);
	}
	return scan_literal(scan, p, value);
}

/* From the quote that opens a key to the value behind the colon. */
static const char *scan_key(struct scan *scan, const char *p, const char **key_end, bool *escaped)
{
	if (*p != '"')
		return scan_fail(scan, p, JSON_SYNTAX);
	p = scan_string(scan, p + 1, escaped);
	if (!p)
		return NULL;
	*key_end = p;
	p = skip_space(p + 1);
	if (*p != ':')
		return scan_fail(scan, p, JSON_SYNTAX);
	return skip_space(p + 1);
}

/* An array or an object within the record. What encloses what is held in the bits of a word, innermost lowest. */
static __attribute__((noinline)) const char *scan_container(struct scan *scan, const char *p)
{
	uint64_t are_objects = 0;
	unsigned int depth = 1; /* the record itself */
	struct json_value ignored;
	const char *key_end;

	for (;;) {
		if (are_objects & 1)
			p = scan_key(scan, p, &key_end, &ignored.escaped);
		if (p && (*p == '{' || *p == '[')) {
			if (depth == JSON_DEPTH_MAX)
				return scan_fail(scan, p, JSON_DEEP);
			depth++;
			are_objects = are_objects << 1 | (*p == '{');
			p = skip_space(p + 1);
			if (*p != (are_objects & 1 ? '}' : ']'))
				continue;
		} else if (p) {
			p = scan_scalar(scan, p, &ignored);
		}
		if (!p)
			return NULL;
		for (p = skip_space(p); *p == (are_objects & 1 ? '}' : ']'); p = skip_space(p + 1)) {
			are_objects >>= 1;
			if (--depth == 1)
				return p + 1;
		}
		if (*p != ',')
			return scan_fail(scan, p, JSON_SYNTAX);
		p = skip_space(p + 1);
	}
}

static INLINED const char *scan_value(struct scan *scan, const char *text, const char *p, struct json_value *value)
{
	value->escaped = false;
	if (LIKELY(*p == '"')) {
		value->type = VALUE_STRING;
		value->start = p + 1 - text;
		p = scan_string(scan, p + 1, &value->escaped);
		if (!p)
			return NULL;
		value->length = p - text - value->start;
		return p + 1;
	}
	value->start = p - text;
	if (*p == '-' || (unsigned char)(*p - '0') <= 9) {
		value->type = VALUE_NUMBER;
		p = scan_number(scan, p);
	} else if (*p == '{' || *p == '[') {
		value->type = *p == '{' ? VALUE_OBJECT : VALUE_ARRAY;
		p = scan_container(scan, p);
	} else {
		p = scan_literal(scan, p, value);
	}
	if (p)
		value->length = p - text - value->start;
	return p;
}

static __attribute__((noinline)) unsigned int key_find_escaped(const struct json_names *names, const char *text,
							       size_t length)
{
	/* Some bytes more than any name, so that a longer key is not cut to one. */
	char decoded[JSON_NAME_LENGTH_MAX + 4 + sizeof(uint64_t)] = { 0 };

	length = json_decode(text, length, decoded, JSON_NAME_LENGTH_MAX + 4);
	unsigned int number = key_find(names, decoded, length);
	return number == NO_KEY ? OTHER_KEY : number;
}

/* A key that is not the expected one, but will be behind `last` the next time. */
static const char *scan_new_key(struct scan *scan, const char *quote, struct json_names *names, struct json_key *last)
{
	const char *end = quote;
	bool escaped = false;
	const char *p = scan_key(scan, quote, &end, &escaped);

	if (!p)
		return NULL;
	size_t length = end - (quote + 1);
	last->next = escaped ? key_find_escaped(names, quote + 1, length) : key_learn(names, quote, length);
	return p;
}

/* Returns `p`, where the value ends that begins at `start`. Most keys' values are as long as in the line before: where that
 * is so the result is made of this length, so that the processor, which foresees the comparison, can begin with the next
 * member before it knows where this one ends. (The compiler must not see that both are the same, or it takes `p`.) Where
 * values differ in length a wrong guess would cost more than it brings. */
static INLINED const char *foresee_end(struct json_key *key, const char *start, const char *p)
{
	size_t size = key->value_size;

	__asm__("" : "+r"(size));
	if (LIKELY((size_t)(p - start) == key->value_size))
		return start + size;
	key->value_size = key->value_size ? SIZE_VARIES : p - start;
	return p;
}

/* From behind the brace that opens the object to the one that closes it. */
static INLINED const char *scan_members(struct scan *scan, const char *p, struct json_names *names,
					struct json_value *values, bool is_wide)
{
	struct json_key *last = &names->keys[OTHER_KEY];
	const unsigned int wanted = names->wanted;
	const char *text = scan->text;
	struct json_value ignored = { 0 };

	p = skip_space(p);
	if (*p == '}')
		return p;
	for (;;) {
		const char *quote = p;
		struct json_key *key = &names->keys[last->next];

		if (LIKELY(is_wide ? image_fits_wide(key, p) : image_fits(key, p))) {
			p = skip_space(p + key->image_length);
		} else {
			p = scan_new_key(scan, p, names, last);
			if (!p)
				return NULL;
			key = &names->keys[last->next];
		}
		unsigned int number = last->next;
		/* In its place from the first, and not copied there: what was written in parts must come to memory before
		 * it can be read as a whole. */
		struct json_value *value = number < wanted ? &values[number] : &ignored;
		const char *start = p;
		value->key = quote - text;
		p = scan_value(scan, text, p, value);
		if (!p)
			return NULL;
		p = foresee_end(key, start, p);
		last = key;
		if (!LIKELY(*p == ',')) {
			p = skip_space(p);
			if (*p != ',')
				return *p == '}' ? p : scan_fail(scan, p, JSON_SYNTAX);
		}
		p = skip_space(p + 1);
	}
}

static INLINED const char *scan_record(struct scan *scan, struct json_names *names, struct json_value *values,
				       bool is_wide)
{
	const char *p = skip_space(scan->text);

	map_bytes(scan, p, is_wide);
	if (*p != '{')
		return scan_fail(scan, p, JSON_NO_OBJECT);
	const char *brace = scan_members(scan, p + 1, names, values, is_wide);
	if (!brace)
		return NULL;
	p = skip_space(brace + 1);
	return p == scan->end ? brace : scan_fail(scan, p, JSON_TRAILING);
}

static const char *scan_usual(struct scan *scan, struct json_names *names, struct json_value *values)
{
	return scan_record(scan, names, values, false);
}

static WIDE const char *scan_wide(struct scan *scan, struct json_names *names, struct json_value *values)
{
	return scan_record(scan, names, values, true);
}

enum json_status json_scan(struct json_names *names, const char *text, size_t length, struct json_value *values,
			   size_t *offset)
{
	struct scan scan;

	memset(values, 0, names->wanted * sizeof(*values));
	if (length > UINT32_MAX) {
		*offset = UINT32_MAX;
		return JSON_TOO_LONG;
	}
	/* The map is for map_bytes() to fill. */
	scan.text = text;
	scan.end = text + length;
	scan.status = JSON_OK;
	const char *brace = HAS_WIDE ? scan_wide(&scan, names, values) : scan_usual(&scan, names, values);
	*offset = (brace ? brace : scan.wrong) - text;
	return scan.status;
}

/* ---- values ---- */

/* Four digits. */
static uint32_t decode_hex(const char *digits)
{
	uint32_t number = 0;

	for (int i = 0; i < 4; i++)
		number = number << 4 | (uint32_t)json_hex_digit(digits[i]);
	return number;
}

static size_t encode_utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = 0xc0 | c >> 6;
		out[1] = 0x80 | (c & 0x3f);
		return 2;
	}
	if (c < 0x10000) {
		out[0] = 0xe0 | c >> 12;
		out[1] = 0x80 | (c >> 6 & 0x3f);
		out[2] = 0x80 | (c & 0x3f);
		return 3;
	}
	out[0] = 0xf0 | c >> 18;
	out[1] = 0x80 | (c >> 12 & 0x3f);
	out[2] = 0x80 | (c >> 6 & 0x3f);
	out[3] = 0x80 | (c & 0x3f);
	return 4;
}

/* Takes the escape that *string begins with, both halves of a surrogate pair at once. */
static uint32_t decode_escape(const char **string, const char *end)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *p = *string;

	if (p[1] != 'u') {
		*string = p + 2;
		return meanings[strchr(letters, p[1]) - letters];
	}
	*string = p + 6;
	uint32_t c = decode_hex(p + 2);
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		uint32_t low = decode_hex(p + 8);

		if (low >= 0xdc00 && low <= 0xdfff) {
			*string = p + 12;
			return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

size_t json_decode(const char *string, size_t length, char *out, size_t capacity)
{
	const char *end = string + length;
	size_t used = 0;

	while (string < end) {
		const char *backslash = memchr(string, '\\', end - string);
		size_t run = (backslash ? backslash : end) - string;

		if (run > capacity - used) {
			run = utf8_cut(string, capacity - used);
			memcpy(out + used, string, run);
			return used + run;
		}
		memcpy(out + used, string, run);
		used += run;
		string += run;
		if (!backslash)
			break;
		char character[4];
		size_t size = encode_utf8(decode_escape(&string, end), character);
		if (size > capacity - used)
			break;
		memcpy(out + used, character, size);
		used += size;
	}
	return used;
}

size_t json_escape(const char *character, size_t length, char out[JSON_ESCAPE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	static const char short_forms[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	const unsigned char *in = (const unsigned char *)character;
	const bool is_c1 = length == 2 && in[0] == 0xc2 && in[1] < 0xa0;

	if (*in == '"' || *in == '\\' || (*in < 0x20 && short_forms[*in])) {
		out[0] = '\\';
		out[1] = *in < 0x20 ? short_forms[*in] : (char)*in;
		return 2;
	}
	if (*in < 0x20 || *in == 0x7f || is_c1) {
		unsigned char code = in[is_c1]; /* U+0080 to U+009F are C2 and the code itself */

		memcpy(out, "\\u00", 4);
		out[4] = hex[code >> 4];
		out[5] = hex[code & 15];
		return 6;
	}
	memcpy(out, in, length);
	return length;
}

bool json_read_digits(const char *digits, size_t length, uint64_t *number)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned int digit = (unsigned char)(digits[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*number = sum;
	return true;
}

bool json_read_uint64(const char *text, const struct json_value *value, uint64_t *number)
{
	return value->type == VALUE_NUMBER && json_read_digits(text + value->start, value->length, number);
}

bool json_read_int64(const char *text, const struct json_value *value, int64_t *number)
{
	uint64_t magnitude;

	if (value->type != VALUE_NUMBER)
		return false;
	bool negative = text[value->start] == '-';
	if (!json_read_digits(text + value->start + negative, value->length - negative, &magnitude) ||
	    magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*number = negative ? (int64_t)-magnitude : (int64_t)magnitude;
	return true;
}

bool json_read_double(const char *text, const struct json_value *value, double *number)
{
	uint64_t integer;

	/* Nearly every number is a small integer, which needs no rounding. */
	if (json_read_uint64(text, value, &integer) && integer <= 1ULL << 53) {
		*number = integer;
		return true;
	}
	if (value->type != VALUE_NUMBER)
		return false;
	/* What follows a number in JSON ends one for strtod() too. */
	double parsed = strtod(text + value->start, NULL);
	if (!isfinite(parsed))
		return false;
	*number = parsed;
	return true;
}
