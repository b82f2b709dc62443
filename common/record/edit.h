/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes members of a record, and leaves every other byte of its line as it is: a filter hands on what it was given.
 *
 *	edit_members(&out, &line, function, context);
 *	edit_append(&out, &line, "sampling_threshold", "\"fd70a\"");
 *	edit_end(&out, &line);
 *
 * The line is one that json_scan() has accepted, with its JSON_PADDING, and not checked again.
 */
#ifndef OTB_EDIT_H
#define OTB_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/record/buffer.h"
#include "common/record/json.h"

struct edit_line {
	const char *text;
	size_t length, brace; /* of the text; offset of the brace that closes the object */
	bool has_members;     /* something stands before that brace in what has been made of it so far */
};

enum edit_verdict {
	EDIT_KEEP,    /* the member stays, byte for byte */
	EDIT_REPLACE, /* its key stays; the function has appended its new value, JSON, to `out` */
	EDIT_OMIT,    /* it goes, and one comma with it */
};

/* Asked for each member in the order of the text, repeated keys and all. */
typedef enum edit_verdict edit_function(void *context, const char *text, const struct json_value *key,
					const struct json_value *value, struct buffer *out);

/* A line of which nothing has been copied yet. */
struct edit_line edit_begin(const char *text, size_t length, size_t brace);

/* Copies the line up to, but without, its closing brace, with what the function wants of it. */
void edit_members(struct buffer *out, struct edit_line *line, edit_function *function, void *context);

/* The same without looking at the members: all stay. */
void edit_copy(struct buffer *out, struct edit_line *line);

/* Appends a member, behind one of the two above. `name` needs no escapes, and `value` is JSON. */
void edit_append(struct buffer *out, struct edit_line *line, const char *name, const char *value);

/* The closing brace and what follows it. */
void edit_end(struct buffer *out, const struct edit_line *line);

/* Appends bytes as a JSON string, quotes included: control characters, '"' and '\' are escaped. They are valid UTF-8. */
void edit_add_string(struct buffer *out, const char *bytes, size_t length);

#endif
