/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/clock.h"
#include "common/record/json.h"
#include "common/record/utf8.h"

/* What one value may take while the record is built. A string that is longer than a line has to be cut anyway, so it
 * is cut to this at once, and RECORD_SPACE holds as many as there can be. */
enum { TEXT_MAX = RECORD_LINE_MAX, SCALAR_MAX = 48 };

static const char truncated_start[] = ",\"truncated\":\"";

#define EXACT_MAX (UINT64_C(1) << 53)

void record_init(struct record *record)
{
	record->length = 0;
	record->n_texts = 0;
	record->n_labels = 0;
}

bool record_add_label(struct record *record, const char *name, const char *value)
{
	if (record->n_labels == RECORD_LABELS_MAX)
		return false;
	record->labels[record->n_labels].name = name;
	record->labels[record->n_labels++].value = value;
	return true;
}

static void put(struct record *record, const void *bytes, size_t size)
{
	memcpy(record->line + record->length, bytes, size);
	record->length += size;
}

/* Begins a member: ,"name": . False, and nothing written, where the line has no room for that and `size` bytes more,
 * even with every string cut to nothing. */
static bool begin_member(struct record *record, const char *name, size_t size)
{
	size_t length = strlen(name);
	size_t fixed = record->fixed + strlen(",\"\":") + length + size;

	if (fixed > RECORD_LINE_MAX)
		return false;
	record->fixed = fixed;
	if (record->line[record->length - 1] != '{')
		put(record, ",", 1);
	put(record, "\"", 1);
	put(record, name, length);
	put(record, "\":", 2);
	return true;
}

static void add_scalar(struct record *record, const char *name, const char *value, size_t size)
{
	if (begin_member(record, name, size))
		put(record, value, size);
}

static char *digits_before(char *end, uint64_t value)
{
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

void record_add_uint(struct record *record, const char *name, uint64_t value)
{
	char digits[SCALAR_MAX], *end = digits + sizeof(digits);
	char *start = digits_before(end, value);

	if (value < EXACT_MAX)
		add_scalar(record, name, start, (size_t)(end - start));
}

void record_add_int(struct record *record, const char *name, int64_t value)
{
	char digits[SCALAR_MAX], *end = digits + sizeof(digits);
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char *start = digits_before(end, magnitude);

	if (value < 0)
		*--start = '-';
	if (magnitude < EXACT_MAX)
		add_scalar(record, name, start, (size_t)(end - start));
}

void record_add_double(struct record *record, const char *name, double value)
{
	char text[SCALAR_MAX];

	if (!isfinite(value))
		return;
	/* The shortest form that reads back as the same number. */
	for (int precision = 6; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	add_scalar(record, name, text, strlen(text));
}

void record_add_bool(struct record *record, const char *name, bool value)
{
	add_scalar(record, name, value ? "true" : "false", value ? 4 : 5);
}

void record_add_hex(struct record *record, const char *name, uint64_t value)
{
	char digits[SCALAR_MAX];

	snprintf(digits, sizeof(digits), "%llx", (unsigned long long)value);
	record_add_text(record, name, digits);
}

/* Writes one character (a valid sequence, or one bad byte where `valid` is 0) as JSON. Returns its length. */
static size_t escape(char out[JSON_ESCAPE_MAX], const unsigned char *in, size_t valid)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

	if (valid)
		return json_escape((const char *)in, valid, out);
	memcpy(out, replacement, strlen(replacement));
	return strlen(replacement);
}

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* How many plain bytes a text begins with. */
static size_t plain_length(const unsigned char *in, size_t size)
{
	size_t n = 0;

	while (n < size && is_plain(in[n]))
		n++;
	return n;
}

/* Appends the escaped text, at most TEXT_MAX bytes of it. Returns whether all of it was taken. */
static bool put_escaped(struct record *record, const unsigned char *in, size_t size)
{
	size_t left = TEXT_MAX;

	for (size_t i = 0; i < size;) {
		size_t n = plain_length(in + i, size - i), valid;
		char piece[JSON_ESCAPE_MAX];

		if (n) {
			put(record, (const char *)in + i, n < left ? n : left);
			if (n > left)
				return false;
			left -= n;
			i += n;
			continue;
		}
		valid = utf8_sequence(in + i, size - i);
		n = escape(piece, in + i, valid);
		if (n > left)
			return false;
		put(record, piece, n);
		left -= n;
		i += valid ? valid : 1;
	}
	return true;
}

void record_add_bytes(struct record *record, const char *name, const void *bytes, size_t size)
{
	struct record_text *text;

	if (record->n_texts == RECORD_TEXTS_MAX)
		return;
	/* A second time the name stands in `truncated`. */
	if (!begin_member(record, name, strlen("\"\"") + strlen(name) + strlen(",")))
		return;
	put(record, "\"", 1);
	text = &record->texts[record->n_texts++];
	text->name = name;
	text->start = (uint32_t)record->length;
	text->cut = !put_escaped(record, bytes, size);
	text->length = (uint32_t)(record->length - text->start);
	put(record, "\"", 1);
}

void record_add_text(struct record *record, const char *name, const char *text)
{
	record_add_bytes(record, name, text, strlen(text));
}

void record_mark_cut(struct record *record)
{
	record->texts[record->n_texts - 1].cut = true;
}

void record_begin(struct record *record, uint64_t wall_ns, const char *event)
{
	char time[CLOCK_TEXT_SIZE];

	clock_format(wall_ns, time);
	record->length = 0;
	record->n_texts = 0;
	record->fixed = strlen("{}\n") + strlen(truncated_start) + strlen("\"") + strlen(time);
	put(record, "{", 1);
	record_add_text(record, "time", time);
	record_add_text(record, "event", event);
}

/* The largest length <= `length` at which escaped text can be cut: behind a whole escape or a whole character. */
static size_t escaped_cut(const char *text, size_t length)
{
	size_t at = 0;

	while (at < length) {
		size_t n;

		if (text[at] == '\\')
			n = text[at + 1] == 'u' ? 6 : 2;
		else
			n = utf8_sequence((const unsigned char *)text + at, 4);
		if (at + n > length)
			break;
		at += n;
	}
	return at;
}

static void cut_text(struct record *record, struct record_text *text, size_t length)
{
	char *start = record->line + text->start;
	size_t kept = escaped_cut(start, length);
	size_t removed = text->length - kept;
	char *end = start + text->length;

	memmove(start + kept, end, record->length - (size_t)(end - record->line));
	record->length -= removed;
	text->length = (uint32_t)kept;
	text->cut = true;
	for (struct record_text *later = text + 1; later < record->texts + record->n_texts; later++)
		later->start -= (uint32_t)removed;
}

/* But for `time`, the first, which is never cut. */
static struct record_text *longest_text(struct record *record)
{
	struct record_text *longest = &record->texts[1];

	for (unsigned int i = 2; i < record->n_texts; i++)
		if (record->texts[i].length > longest->length)
			longest = &record->texts[i];
	return longest;
}

/* The bytes that ,"truncated":"a,b" takes, or 0. */
static size_t truncated_size(const struct record *record)
{
	size_t size = 0;

	for (unsigned int i = 0; i < record->n_texts; i++)
		if (record->texts[i].cut)
			size += strlen(record->texts[i].name) + 1;
	return size ? size - 1 + strlen(truncated_start) + strlen("\"") : 0;
}

static void put_truncated(struct record *record)
{
	const char *comma = truncated_start;

	for (unsigned int i = 0; i < record->n_texts; i++) {
		if (!record->texts[i].cut)
			continue;
		put(record, comma, strlen(comma));
		put(record, record->texts[i].name, strlen(record->texts[i].name));
		comma = ",";
	}
	put(record, "\"", 1);
}

/* Cuts the longest string until the line, closed and with `truncated` in it, is short enough. */
static void fit(struct record *record)
{
	for (;;) {
		struct record_text *longest = longest_text(record);
		size_t named = truncated_size(record);
		size_t total = record->length + named + strlen("}\n");
		size_t excess, half = longest->length / 2;

		if (total <= RECORD_LINE_MAX)
			return;
		excess = total - RECORD_LINE_MAX;
		if (!longest->cut) /* its name is about to be added */
			excess +=
				(named ? strlen(",") : strlen(truncated_start) + strlen("\"")) + strlen(longest->name);
		/* By half at most: of two long strings neither goes to nothing while the other stays whole. */
		cut_text(record, longest, excess < half ? longest->length - excess : half);
	}
}

size_t record_end(struct record *record)
{
	for (unsigned int i = 0; i < record->n_labels; i++)
		record_add_text(record, record->labels[i].name, record->labels[i].value);
	fit(record);
	if (truncated_size(record))
		put_truncated(record);
	put(record, "}\n", 2);
	return record->length;
}
