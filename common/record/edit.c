/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/edit.h"

#include <string.h>

#include "common/record/json_walk.h"

/* ---- lines ---- */

static void add_span(struct buffer *out, const struct edit_line *line, size_t from, size_t to)
{
	buffer_add(out, line->text + from, to - from);
}

/* Puts a part of the line before what the buffer holds from `at` on. */
static void insert_span(struct buffer *out, size_t at, const struct edit_line *line, size_t from, size_t to)
{
	size_t length = to - from;

	if (!buffer_reserve(out, length))
		return;
	memmove(out->bytes + at + length, out->bytes + at, out->length - at);
	memcpy(out->bytes + at, line->text + from, length);
	out->length += length;
}

struct edit_line edit_begin(const char *text, size_t length, size_t brace)
{
	return (struct edit_line){ .text = text, .length = length, .brace = brace };
}

void edit_members(struct buffer *out, struct edit_line *line, edit_function *function, void *context)
{
	struct json_value key, value;
	struct json_walk walk;
	size_t done = 0; /* up to here the text is copied or left out */
	size_t end = 0;  /* of the member before */

	json_walk_open_text(&walk, line->text);
	while (json_walk_member(&walk, &key, &value)) {
		const bool is_string = value.type == VALUE_STRING;
		size_t made = out->length, before = end;
		enum edit_verdict verdict = function(context, line->text, &key, &value, out);

		end = value.start + value.length + is_string;
		if (verdict == EDIT_REPLACE) {
			insert_span(out, made, line, done, value.start - is_string);
			done = end;
		} else if (verdict == EDIT_OMIT && line->has_members) { /* with the comma before it */
			add_span(out, line, done, before);
			done = end;
		} else if (verdict == EDIT_OMIT) { /* with the comma behind it, if there is one */
			add_span(out, line, done, key.key);
			done = (size_t)(walk.next - line->text);
		}
		line->has_members = line->has_members || verdict != EDIT_OMIT;
	}
	add_span(out, line, done, line->brace);
}

void edit_copy(struct buffer *out, struct edit_line *line)
{
	struct json_walk walk;

	json_walk_open_text(&walk, line->text);
	line->has_members = walk.next != line->text + line->brace;
	add_span(out, line, 0, line->brace);
}

void edit_append(struct buffer *out, struct edit_line *line, const char *name, const char *value)
{
	buffer_add_text(out, line->has_members ? ",\"" : "\"");
	buffer_add_text(out, name);
	buffer_add_text(out, "\":");
	buffer_add_text(out, value);
	line->has_members = true;
}

void edit_end(struct buffer *out, const struct edit_line *line)
{
	add_span(out, line, line->brace, line->length);
}

/* ---- strings ---- */

/* Whether a byte stands for itself. Some characters that begin with 0xc2 do not. */
static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f && byte != 0xc2;
}

void edit_add_string(struct buffer *out, const char *bytes, size_t length)
{
	const char *end = bytes + length;

	buffer_add_text(out, "\"");
	while (bytes < end) {
		char piece[JSON_ESCAPE_MAX];
		const char *plain = bytes;

		while (bytes < end && is_plain((unsigned char)*bytes))
			bytes++;
		buffer_add(out, plain, (size_t)(bytes - plain));
		if (bytes < end) {
			size_t size = *bytes == '\xc2' ? 2 : 1;

			buffer_add(out, piece, json_escape(bytes, size, piece));
			bytes += size;
		}
	}
	buffer_add_text(out, "\"");
}
