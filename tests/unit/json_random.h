/* SPDX-License-Identifier: Apache-2.0 */
/* Random JSON, the same on every machine: valid but for its end where the space does not suffice. */
#ifndef OTB_JSON_RANDOM_H
#define OTB_JSON_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/reference.h"

struct random_text {
	char bytes[16384];
	size_t length;
};

static inline void random_add_text(struct random_text *text, const char *bytes)
{
	size_t length = strlen(bytes);

	if (text->length + length < sizeof(text->bytes)) {
		memcpy(text->bytes + text->length, bytes, length);
		text->length += length;
	}
}

static inline void random_add_one_of(struct random_text *text, const char *const *pieces, size_t n, uint64_t *state)
{
	random_add_text(text, pieces[random_below(state, n)]);
}

static inline void random_add_space(struct random_text *text, uint64_t *state)
{
	static const char *const spaces[] = { "", "", "", "", " ", "\t\r\n", "                                   " };

	random_add_one_of(text, spaces, sizeof(spaces) / sizeof(spaces[0]), state);
}

static inline void random_add_string(struct random_text *text, uint64_t *state)
{
	static const char *const pieces[] = { "a",        "b",       "0123456789abcdef",
					      "\\\\",     "\\\"",    "\\\\\\\"",
					      "\\u0062",  "\\u00e9", "\\ud83d\\ude00",
					      "{",        "}",       "[",
					      "]",        ",",       ":",
					      "\xc3\xa9", " ",       "\\n" };

	random_add_text(text, "\"");
	for (uint64_t n = random_below(state, random_below(state, 8) ? 3 : 30); n; n--)
		random_add_one_of(text, pieces, sizeof(pieces) / sizeof(pieces[0]), state);
	random_add_text(text, "\"");
}

/* At depth 1 an object, with any white space in it. */
static inline void random_add_value(struct random_text *text, unsigned int depth, uint64_t *state)
{
	static const char *const scalars[] = { "null", "true", "false", "0", "-1", "1.5", "2E-3", "12345678901234567" };
	uint64_t kind = depth == 1 ? 1 : random_below(state, depth < 12 ? 5 : 3) + 2;

	if (kind == 2 || kind == 3) {
		random_add_string(text, state);
	} else if (kind == 4) {
		random_add_one_of(text, scalars, sizeof(scalars) / sizeof(scalars[0]), state);
	} else {
		bool is_object = kind == 1 || kind == 5;

		random_add_text(text, is_object ? "{" : "[");
		random_add_space(text, state);
		for (uint64_t n = random_below(state, 4), i = 0; i < n; i++) {
			random_add_text(text, i ? "," : "");
			random_add_space(text, state);
			if (is_object) {
				random_add_string(text, state);
				random_add_space(text, state);
				random_add_text(text, ":");
				random_add_space(text, state);
			}
			random_add_value(text, depth + 1, state);
			random_add_space(text, state);
		}
		random_add_text(text, is_object ? "}" : "]");
	}
}

#endif
