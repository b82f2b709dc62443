/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record writer: the input's bytes choose the calls, and jansson must read the line. The UTF-8 functions and the
 * table's cells get the same bytes.
 */
#include "common/record/record.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/table.h"
#include "common/record/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES = 256, NAME_SIZE = 64 };

struct input {
	const uint8_t *at, *end;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static uint64_t take_number(struct input *input, size_t size)
{
	uint64_t number = 0;

	for (; size && input->at < input->end; size--)
		number = number << 8 | *input->at++;
	return number;
}

/* Some bytes of the input, in a block of their own, so that ASan sees a read beyond them. A byte of 0xff repeats them
 * until they are longer than a line. */
static char *take_bytes(struct input *input, size_t *size)
{
	size_t wanted = take_number(input, 1), left = (size_t)(input->end - input->at);
	size_t taken = wanted < left ? wanted : left;
	size_t times = wanted == 0xff && taken ? 1 + 5000 / taken : 1;
	char *bytes = malloc(taken * times + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(bytes + i * taken, input->at, taken);
	input->at += taken;
	*size = taken * times;
	bytes[*size] = '\0';
	return bytes;
}

static void add_string(struct record *record, const char *name, struct input *input, bool counted)
{
	size_t size;
	char *bytes = take_bytes(input, &size);

	if (counted)
		record_add_bytes(record, name, bytes, size);
	else
		record_add_text(record, name, bytes);
	free(bytes);
}

static void add_field(struct record *record, const char *name, struct input *input)
{
	uint64_t bits;
	double real;

	switch (take_number(input, 1) % 7) {
	case 0:
		record_add_uint(record, name, take_number(input, 8));
		break;
	case 1:
		record_add_int(record, name, (int64_t)take_number(input, 8));
		break;
	case 2:
		bits = take_number(input, 8);
		memcpy(&real, &bits, sizeof(real));
		record_add_double(record, name, real);
		break;
	case 3:
		record_add_bool(record, name, take_number(input, 1) & 1);
		break;
	case 4:
		record_add_hex(record, name, take_number(input, 8));
		break;
	case 5:
		add_string(record, name, input, true);
		break;
	default:
		add_string(record, name, input, false);
	}
}

static void check_line(const struct record *record, size_t length)
{
	json_t *root = json_loadb(record->line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	require(root && length <= RECORD_LINE_MAX && record->line[length - 1] == '\n');
	require(json_string_length(json_object_get(root, "time")) == 30 &&
		json_is_string(json_object_get(root, "event")));
	for (size_t i = 0; i + 1 < length;) {
		size_t n = utf8_sequence((const unsigned char *)record->line + i, length - 1 - i);

		require(n && (n > 1 || ((unsigned char)record->line[i] >= 0x20 && record->line[i] != 0x7f)));
		i += n;
	}
	json_decref(root);
}

static void write_record(struct input input)
{
	static char names[NAMES][NAME_SIZE];
	static struct record record;
	unsigned int n = 0;

	record_init(&record);
	record_add_label(&record, "label", "caf\xc3\xa9 \x1b\xff");
	record_begin(&record, take_number(&input, 8), "event");
	for (; input.at < input.end && n < NAMES; n++) {
		/* Names are the program's own: each once, of letters; some are long. */
		memset(names[n], 'x', NAME_SIZE);
		names[n][snprintf(names[n], NAME_SIZE, "n%u", n)] = '_';
		names[n][8 + *input.at % (NAME_SIZE - 8)] = '\0';
		add_field(&record, names[n], &input);
	}
	check_line(&record, record_end(&record));
}

static void clean_text(struct input input)
{
	size_t capacity = 1 + take_number(&input, 1), size = (size_t)(input.end - input.at);
	char *out = malloc(capacity);
	size_t length = utf8_clean(out, capacity, input.at, size);

	require(length < capacity && out[length] == '\0');
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence((const unsigned char *)out + i, length - i);

		require(n && utf8_cut(out, i + n) == i + n && utf8_cut(out, i + n - 1) == i);
		i += n;
	}
	free(out);
}

static void format_row(struct input input)
{
	static const struct table_column columns[] = { { "A", 5, 0, true },
						       { "B", 9, 0, false },
						       { "C", 3, 1, false } };
	char *line = malloc(TABLE_LINE_SIZE);
	struct table table;
	size_t length;

	table_init(&table, columns, 3, 1 + (unsigned int)take_number(&input, 1));
	for (unsigned int i = 0; i < 3; i++) {
		size_t size;
		char *bytes = take_bytes(&input, &size);

		table_set(&table, i, "%s", bytes);
		free(bytes);
	}
	length = table_format_row(&table, line);
	require(length && length <= TABLE_LINE_SIZE && line[length - 1] == '\n');
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence((const unsigned char *)line + i, length - i);

		require(n && (n > 1 || line[i] == '\n' || ((unsigned char)line[i] >= 0x20 && line[i] != 0x7f)));
		i += n;
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };

	write_record(input);
	clean_text(input);
	format_row(input);
	return 0;
}
