/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one-pass JSON scanner: validates a line and hands out the members that were asked for.
 *
 * json_scan() goes over the bytes once, accepts exactly what RFC 8259 allows (UTF-8 by RFC 3629; lone surrogates in
 * \u escapes are grammatical) where the text is an object nested at most JSON_DEPTH_MAX deep, and notes where the
 * values of the wanted members of that object lie. It builds no tree, copies nothing and allocates nothing.
 *
 *	struct json_names names;
 *	json_names_init(&names);
 *	int pid = json_names_add(&names, "pid");
 *	...
 *	struct json_value values[JSON_NAMES_MAX];
 *	if (json_scan(&names, line, length, values, &offset) == JSON_OK && values[pid].type == VALUE_NUMBER)
 *		...
 *
 * The text must be followed by a NUL, and that by JSON_PADDING - 1 more bytes that may be read (whatever they hold):
 * no loop needs to look for the end then.
 */
#ifndef OTB_JSON_H
#define OTB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JSON_PADDING = 64,   /* the scanner looks at so many bytes at once */
	JSON_DEPTH_MAX = 64, /* the record itself counts; OTLP/JSON needs 10, and 4 for each level of kvlistValue */
	JSON_NAMES_MAX = 128,
	JSON_NAME_LENGTH_MAX = 255,
	JSON_KEYS_MAX = 254, /* wanted names, and others that the scanner has learnt */
	JSON_KEY_IMAGE = 32,
	JSON_TABLE_SIZE = 1024,
	JSON_ESCAPE_MAX = 6, /* bytes */
};

enum json_status {
	JSON_OK,
	JSON_ENDED,   /* the text ends too early: a torn line */
	JSON_CONTROL, /* a raw byte below 0x20 within a string */
	JSON_UTF8,
	JSON_ESCAPE,
	JSON_NUMBER,   /* a number that is none: 01, 1., .5, +1, 1e */
	JSON_SYNTAX,   /* any other byte that cannot stand where it does */
	JSON_TRAILING, /* something behind the object */
	JSON_DEEP,
	JSON_NO_OBJECT, /* the text does not begin with '{' */
	JSON_TOO_LONG,  /* json_scan(): 4 GiB; the reader has its own limit */
	JSON_STATUSES,
};

enum value_type {
	VALUE_ABSENT,
	VALUE_STRING,
	VALUE_NUMBER,
	VALUE_TRUE,
	VALUE_FALSE,
	VALUE_NULL,
	VALUE_OBJECT,
	VALUE_ARRAY
};

/* Where a member lies, in bytes from the start of the text. */
struct json_value {
	uint32_t key;           /* the quote that opens its key */
	uint32_t start, length; /* its value: of a string what is between the quotes */
	uint8_t type;           /* enum value_type; the rest counts only where it is not VALUE_ABSENT */
	bool escaped;           /* a string with a backslash in it */
};

/* A key that the scanner knows. */
struct json_key {
	_Alignas(16) char image[JSON_KEY_IMAGE]; /* as it stands in the text: quote, name, quote, colon */
	uint32_t image_mask;                     /* a bit for each of its bytes, the first lowest */
	uint8_t image_length;                    /* 0: it has not occurred yet, or is too long */
	uint8_t next;                            /* the key that followed it last time */
	uint8_t length;                          /* of the name */
	uint16_t slot;                           /* where the table is searched for it from */
	uint32_t value_size;                     /* with quotes; 0: none has come yet, UINT32_MAX: they differ */
	const char *name;                        /* NULL of a learnt key, whose bytes are all in the image */
};

/*
 * The wanted names. A value's place in the array of json_scan() is the number that json_names_add() gave.
 *
 * Lines of one producer bear the same keys in nearly the same order. So the scanner remembers which key followed which,
 * and compares the next one with that first, which is faster than to find out where it ends; and how long the values of
 * each were. This is a cache, and changes no result. It is why json_scan() writes here, and why each thread needs a set of its own.
 */
struct json_names {
	struct json_key keys[JSON_KEYS_MAX + 1]; /* wanted, then learnt; the last stands for all others */
	unsigned int wanted, known;
	uint8_t table[JSON_TABLE_SIZE];
};

void json_names_init(struct json_names *names);

/* Returns the number of `text`, which it adds if it is new and which must outlive the set, or -1: the set is full, or
 * the name longer than JSON_NAME_LENGTH_MAX. */
int json_names_add(struct json_names *names, const char *text);

/* The number of the name that equals `length` bytes of `text`, or -1. Eight bytes from `text` on must be readable. */
int json_names_find(const struct json_names *names, const char *text, size_t length);

/* Scans `length` bytes and sets values[0..names->wanted-1]. Of a member that occurs more than once the last one counts;
 * keys with escapes compare decoded. *offset becomes that of the brace that closes the object, or else of the byte that
 * is wrong. After an error the values are not to be used. */
enum json_status json_scan(struct json_names *names, const char *text, size_t length, struct json_value *values,
			   size_t *offset);

/* "control character in string", and the same as a word for labels: "control". */
const char *json_status_text(enum json_status status);
const char *json_status_word(enum json_status status);

/* Copies what a JSON string stands for: `length` bytes from between its quotes, already validated. Lone surrogates
 * become U+FFFD. Cut at a character where `capacity` is short, which it never is when it is `length`. Puts no NUL
 * behind it. Returns the length. */
size_t json_decode(const char *string, size_t length, char *out, size_t capacity);

/* Writes one character, `length` bytes of valid UTF-8, as it stands in a JSON string: quotes, backslashes and control
 * characters are escaped, those too that JSON would allow but a terminal obeys (DEL, U+0080 to U+009F). Returns its length
 * then. */
size_t json_escape(const char *character, size_t length, char out[JSON_ESCAPE_MAX]);

/* The number of a VALUE_NUMBER in the text that was scanned; false for any other type. The integer readers refuse what
 * has a fraction or an exponent or does not fit; the double reader rounds correctly, and refuses only what is too large
 * for a double (1e999). The locale must be C's, as it is in a program that does not set it. */
bool json_read_uint64(const char *text, const struct json_value *value, uint64_t *number);
bool json_read_int64(const char *text, const struct json_value *value, int64_t *number);
bool json_read_double(const char *text, const struct json_value *value, double *number);

/* The digits of an integer, without its sign. False: there are others among them, or it has more than 64 bits. */
bool json_read_digits(const char *digits, size_t length, uint64_t *number);

/* What a hexadecimal digit stands for; -1: it is none. */
int json_hex_digit(char c);

#endif
