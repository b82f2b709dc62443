/* SPDX-License-Identifier: Apache-2.0 */
/* The table: which columns are there, how wide they are, what is too long, and what a terminal must not see. */
#include "common/record/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct table_column columns[] = {
	{ "PID", 5, 0, true },   { "COMM", 6, 0, false },   { "PORT", 4, 1, true },
	{ "MORE", 6, 2, false }, { "REASON", 6, 0, false },
};

enum { PID, COMM, PORT, MORE, REASON };

static char line[TABLE_LINE_SIZE];

static void check_line(size_t length, const char *expected, const char *what)
{
	check(length == strlen(expected) && !memcmp(line, expected, length), "%s: '%.*s'", what, (int)length - 1, line);
}

/* ---- columns ---- */

static void check_ranks(void)
{
	static const struct {
		unsigned int width;
		const char *titles;
	} cases[] = {
		{ 1, "  PID COMM\nREASON\n" },
		{ 19, "  PID COMM   REASON\n" },
		{ 23, "  PID COMM   REASON\n" },
		{ 24, "  PID COMM   PORT REASON\n" },
		{ 30, "  PID COMM   PORT REASON\n" },
		{ 31, "  PID COMM   PORT MORE   REASON\n" },
		{ 1000, "  PID COMM   PORT MORE   REASON\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct table table;
		char what[32];

		table_init(&table, columns, COUNT(columns), cases[i].width);
		snprintf(what, sizeof(what), "titles in %u", cases[i].width);
		check_line(table_format_titles(&table, line), cases[i].titles, what);
	}
}

static void check_rows(void)
{
	struct table table;

	table_init(&table, columns, COUNT(columns), 31);
	check_line(table_format_row(&table, line), "    - -         - -      -\n", "an empty row");
	table_set(&table, PID, "%d", 42);
	table_set(&table, COMM, "%s", "nginx");
	table_set(&table, REASON, "%s", "rto");
	check_line(table_format_row(&table, line), "   42 nginx     - -      rto\n", "a row");
	check_line(table_format_row(&table, line), "    - -         - -      -\n", "the next is empty again");
	table_set(&table, COMM, "%s", "too long a name");
	table_set(&table, PORT, "%d", 123456);
	check_line(table_format_row(&table, line), "    - too long a name 123456 -\n                              -\n",
		   "long cells push the rest on");
	table_set(&table, COMM, "%s", "");
	check_line(table_format_row(&table, line), "    - -         - -      -\n",
		   "an empty cell is one that is not filled");
	table_set(&table, COMM, "%s", "first");
	table_set(&table, COMM, "%s", "2nd");
	check_line(table_format_row(&table, line), "    - 2nd       - -      -\n", "the last filling counts");
}

static void check_last_column(void)
{
	struct table table;

	table_init(&table, columns, COUNT(columns), 31);
	table_set(&table, REASON, "%s", "sixsix");
	check_line(table_format_row(&table, line), "    - -         - -      sixsix\n", "a last cell up to the edge");
	table_set(&table, REASON, "%s", "seven77");
	check_line(table_format_row(&table, line), "    - -         - -\n                        seven77\n",
		   "a last cell beyond it goes on a line of its own");
	table_set(&table, REASON, "%s", "a cell that is longer than the whole line is");
	check_line(table_format_row(&table, line),
		   "    - -         - -\na cell that is longer than the whole line is\n",
		   "or begins at the start of it");
}

/* ---- characters ---- */

static void check_characters(void)
{
	static const struct {
		const char *what, *text, *shown;
	} cases[] = {
		{ "two bytes a character", "caf\xc3\xa9", "    - caf\xc3\xa9      - -      -\n" },
		{ "four bytes a character", "\xf0\x9f\x98\x80!", "    - \xf0\x9f\x98\x80!        - -      -\n" },
		{ "bytes that are not UTF-8", "\xff\xfe.", "    - ??.       - -      -\n" },
		{ "a torn character", "ab\xc3", "    - ab?       - -      -\n" },
		{ "U+FFFD itself", "\xef\xbf\xbd", "    - \xef\xbf\xbd         - -      -\n" },
		{ "ESC", "\x1b[1m", "    - ?[1m      - -      -\n" },
		{ "CR, LF and tab", "\r\n\t", "    - ???       - -      -\n" },
		{ "DEL", "\x7f", "    - ?         - -      -\n" },
		{ "U+009B, which is CSI to a terminal",
		  "\xc2\x9b"
		  "1m",
		  "    - ?1m       - -      -\n" },
		{ "U+0080 and U+009F", "\xc2\x80\xc2\x9f", "    - ??        - -      -\n" },
		{ "U+00A0", "\xc2\xa0", "    - \xc2\xa0         - -      -\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct table table;

		table_init(&table, columns, COUNT(columns), 31);
		table_set(&table, COMM, "%s", cases[i].text);
		check_line(table_format_row(&table, line), cases[i].shown, cases[i].what);
	}
}

/* A cell is cut behind a whole character. */
static void check_long_cells(void)
{
	static const char *const characters[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	for (unsigned int offset = 0; offset < 4; offset++) {
		for (size_t i = 0; i < COUNT(characters); i++) {
			size_t size = strlen(characters[i]), length = offset, kept;
			char text[400] = "abc";
			struct table table;

			while (length + size < sizeof(text)) {
				memcpy(text + length, characters[i], size);
				length += size;
			}
			text[length] = '\0';
			kept = offset + (TABLE_CELL_SIZE - 1 - offset) / size * size;
			table_init(&table, columns, 1, 31);
			table_set(&table, 0, "%s", text);
			length = table_format_row(&table, line);
			check(length == kept + 1 && !memcmp(line, text, kept),
			      "a cell of %zu bytes a character, %u bytes in: %zu", size, offset, length);
		}
	}
}

/* Whatever is in the cells, a line is UTF-8 without control characters. */
static void check_random_cells(void)
{
	enum { ROUNDS = 20000 };
	unsigned int n_wrong = 0;
	uint64_t state = 6;
	struct table table;

	table_init(&table, columns, COUNT(columns), 60);
	for (int i = 0; i < ROUNDS; i++) {
		char text[200];
		size_t length;

		for (unsigned int column = 0; column < COUNT(columns); column++) {
			random_bytes(&state, (unsigned char *)text, sizeof(text));
			table_set(&table, column, "%.*s", (int)random_below(&state, sizeof(text)), text);
		}
		length = table_format_row(&table, line);
		for (size_t at = 0; at < length;) {
			size_t n = reference_sequence((const unsigned char *)line + at, length - at);
			unsigned char byte = (unsigned char)line[at];

			n_wrong += !n || (byte < 0x20 && byte != '\n') || byte == 0x7f ||
				   (byte == 0xc2 && (unsigned char)line[at + 1] < 0xa0);
			at += n ? n : 1;
		}
	}
	check(!n_wrong, "%d rows of anything are printable: %u characters are not", ROUNDS, n_wrong);
}

/* ---- limits ---- */

/* As many columns as there can be, so wide that a line could not hold them. */
/* ---- times and durations ---- */

static void check_durations(void)
{
	static const struct {
		uint64_t ns;
		const char *shown;
	} cases[] = {
		{ 0, "0ns" },
		{ 999, "999ns" },
		{ 1000, "1.00us" },
		{ 9999, "9.99us" },
		{ 12345, "12.3us" },
		{ 99999, "99.9us" },
		{ 100000, "100us" },
		{ 999999, "999us" },
		{ 1000000, "1.00ms" },
		{ 314159265, "314ms" },
		{ 2500000000, "2.50s" },
		{ 61000000000, "61.0s" },
		{ 360000000000, "360s" },
		{ 86400000000000, "86400s" },
		{ UINT64_MAX, "18446744073s" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct table table;
		char expected[64];

		table_init(&table, columns, COUNT(columns), 1);
		table_set_duration(&table, REASON, cases[i].ns);
		snprintf(expected, sizeof(expected), "    - -\n%s\n", cases[i].shown);
		check_line(table_format_row(&table, line), expected, cases[i].shown);
	}
}

static void check_times(void)
{
	struct table table;

	setenv("TZ", "UTC", 1);
	table_init(&table, columns, COUNT(columns), 1);
	table_set_time(&table, REASON, 1700000000999999999);
	check_line(table_format_row(&table, line), "    - -\n22:13:20\n", "a time of day");
}

static void check_wide_tables(void)
{
	static struct table_column wide[TABLE_COLUMNS_MAX];
	unsigned int n_wrong = 0;

	for (unsigned int round = 4 * 100; round < 4 * 400; round++) {
		char *exact = malloc(TABLE_LINE_SIZE); /* for the sanitizers and valgrind */
		struct table table;
		size_t length;

		for (unsigned int i = 0; i < TABLE_COLUMNS_MAX; i++)
			wide[i] = (struct table_column){ "TITLE", round / 4, 0, round & 1 };
		table_init(&table, wide, TABLE_COLUMNS_MAX, round & 2 ? 100 : 5000);
		for (unsigned int i = 0; i < TABLE_COLUMNS_MAX; i++)
			table_set(&table, i, "%0100u", i);
		length = table_format_row(&table, exact);
		n_wrong += length > TABLE_LINE_SIZE || exact[length - 1] != '\n';
		length = table_format_titles(&table, exact);
		n_wrong += length > TABLE_LINE_SIZE || exact[length - 1] != '\n';
		free(exact);
	}
	check(!n_wrong, "a line holds at most TABLE_LINE_SIZE bytes");
}

static void check_terminal_width(void)
{
	static const struct {
		const char *columns;
		unsigned int width;
	} cases[] = {
		{ "100", 100 }, { "20", 20 }, { "19", 80 }, { "0", 80 }, { "x", 80 }, { "", 80 }, { "99999", 80 }
	};
	struct table table;

	if (isatty(STDOUT_FILENO)) {
		skip("the width without a terminal", "stdout is one");
		return;
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		setenv("COLUMNS", cases[i].columns, 1);
		table_init(&table, columns, COUNT(columns), 0);
		check(table.width == cases[i].width, "COLUMNS='%s' makes a width of %u", cases[i].columns, table.width);
	}
	unsetenv("COLUMNS");
	table_init(&table, columns, COUNT(columns), 0);
	check(table.width == 80, "else it is 80");
}

int main(void)
{
	check_ranks();
	check_rows();
	check_last_column();
	check_characters();
	check_long_cells();
	check_random_cells();
	check_durations();
	check_times();
	check_wide_tables();
	check_terminal_width();
	return finish_tests();
}
