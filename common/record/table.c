/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cli/parse.h"
#include "common/record/utf8.h"

enum { DEFAULT_WIDTH = 80 };

static unsigned int terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	if (columns && parse_uint(columns, 20, 1000, &width))
		return (unsigned int)width;
	return DEFAULT_WIDTH;
}

/* The width that all columns up to `rank` take, each with a space behind it. */
static unsigned int width_up_to(const struct table *table, unsigned int rank)
{
	unsigned int width = 0;

	for (unsigned int i = 0; i < table->n_columns; i++)
		if (table->columns[i].rank <= rank)
			width += table->columns[i].width + 1;
	return width - 1;
}

void table_init(struct table *table, const struct table_column *columns, unsigned int n_columns, unsigned int width)
{
	*table = (struct table){ .columns = columns, .n_columns = n_columns };
	table->width = width ? width : terminal_width();
	for (unsigned int i = 0; i < n_columns; i++)
		if (columns[i].rank > table->rank && width_up_to(table, columns[i].rank) <= table->width)
			table->rank = columns[i].rank;
}

/* C1 (U+0080 to U+009F) steers a terminal as C0 does. */
static bool is_control(const unsigned char *character, size_t length)
{
	if (length == 2)
		return character[0] == 0xc2 && character[1] < 0xa0;
	return character[0] < 0x20 || character[0] == 0x7f;
}

static void copy_printable(char cell[TABLE_CELL_SIZE], const unsigned char *text, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < size;) {
		size_t valid = utf8_sequence(text + i, size - i);
		bool shown = valid && !is_control(text + i, valid);

		if (length + (shown ? valid : 1) >= TABLE_CELL_SIZE)
			break;
		if (shown)
			memcpy(cell + length, text + i, valid);
		else
			cell[length] = '?';
		length += shown ? valid : 1;
		i += valid ? valid : 1;
	}
	cell[length] = '\0';
}

void table_set(struct table *table, unsigned int column, const char *format, ...)
{
	char raw[2 * TABLE_CELL_SIZE + 4]; /* a character that is torn at its end lies behind what a cell takes */
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	copy_printable(table->cells[column], (const unsigned char *)raw, strlen(raw));
}

void table_set_time(struct table *table, unsigned int column, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	table_set(table, column, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void table_set_duration(struct table *table, unsigned int column, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned int unit = 0;
	uint64_t scale = 1, hundredths;

	while (unit < 3 && ns / scale >= 1000) {
		scale *= 1000;
		unit++;
	}
	hundredths = ns / scale * 100 + ns % scale * 100 / scale;
	if (!unit || hundredths >= 10000)
		table_set(table, column, "%llu%s", (unsigned long long)(hundredths / 100), units[unit]);
	else if (hundredths >= 1000)
		table_set(table, column, "%llu.%llu%s", (unsigned long long)(hundredths / 100),
			  (unsigned long long)(hundredths % 100 / 10), units[unit]);
	else
		table_set(table, column, "%llu.%02llu%s", (unsigned long long)(hundredths / 100),
			  (unsigned long long)(hundredths % 100), units[unit]);
}

/* Characters, not bytes: a continuation byte takes no column of its own. */
static unsigned int text_width(const char *text)
{
	unsigned int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

struct line {
	char *text;
	size_t length;
	unsigned int width; /* of its last line on the screen */
};

static void put_spaces(struct line *line, unsigned int n)
{
	for (; n && line->length < TABLE_LINE_SIZE - 2; n--, line->width++)
		line->text[line->length++] = ' ';
}

static void put_text(struct line *line, const char *text)
{
	size_t length = strlen(text);

	if (line->length + length > TABLE_LINE_SIZE - 2)
		return;
	memcpy(line->text + line->length, text, length);
	line->length += length;
	line->width += text_width(text);
}

static void put_last(const struct table *table, struct line *line, const char *text)
{
	unsigned int width = text_width(text);

	if (line->width + width > table->width && line->width) {
		while (line->length && line->text[line->length - 1] == ' ')
			line->length--;
		line->text[line->length++] = '\n';
		line->width = 0;
		put_spaces(line, width < table->width ? table->width - width : 0);
	}
	put_text(line, text);
}

static size_t format_line(const struct table *table, const char *(*text_of)(const struct table *, unsigned int),
			  char text[TABLE_LINE_SIZE])
{
	struct line line = { 0 };
	unsigned int last = 0;

	line.text = text;
	for (unsigned int i = 0; i < table->n_columns; i++)
		if (table->columns[i].rank <= table->rank)
			last = i;
	for (unsigned int i = 0; i < last; i++) {
		const struct table_column *column = &table->columns[i];
		const char *cell = text_of(table, i);
		unsigned int width = text_width(cell), pad = width < column->width ? column->width - width : 0;

		if (column->rank > table->rank)
			continue;
		if (column->right)
			put_spaces(&line, pad);
		put_text(&line, cell);
		put_spaces(&line, (column->right ? 0 : pad) + 1);
	}
	put_last(table, &line, text_of(table, last));
	line.text[line.length++] = '\n';
	return line.length;
}

static const char *title_of(const struct table *table, unsigned int column)
{
	return table->columns[column].title;
}

static const char *cell_of(const struct table *table, unsigned int column)
{
	return table->cells[column][0] ? table->cells[column] : "-";
}

size_t table_format_titles(const struct table *table, char line[TABLE_LINE_SIZE])
{
	return format_line(table, title_of, line);
}

size_t table_format_row(struct table *table, char line[TABLE_LINE_SIZE])
{
	size_t length = format_line(table, cell_of, line);

	memset(table->cells, 0, sizeof(table->cells));
	return length;
}
