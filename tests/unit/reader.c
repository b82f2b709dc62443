/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Lines reader: every way to cut an input into reads, line endings, limits, memory, files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/record/reader.h"
#include "tests/unit/tap.h"

/* What came out: for each record its number and line. */
struct taken {
	char text[4096];
	size_t length;
	uint64_t lines, bad_lines, bad_by_reason[JSON_STATUSES];
};

static struct json_names names;
static int number_of_a;

static void take_records(struct reader *reader, struct taken *taken)
{
	struct record_view record;

	while (reader_next(reader, &record)) {
		const struct json_value *a = &record.values[number_of_a];

		if (record.line[record.length] != '\0' || record.line[record.brace] != '}' ||
		    taken->length + record.length + 64 > sizeof(taken->text))
			abort();
		taken->length += (size_t)sprintf(taken->text + taken->length, "%llu:%.*s[%.*s]",
						 (unsigned long long)record.number, (int)record.length, record.line,
						 (int)a->length, record.line + a->start);
	}
}

static void finish(struct reader *reader, struct taken *taken)
{
	taken->lines = reader->lines;
	taken->bad_lines = reader->bad_lines;
	memcpy(taken->bad_by_reason, reader->bad_by_reason, sizeof(taken->bad_by_reason));
	reader_close(reader);
}

/* Feeds `input` through a pipe in pieces that end at the given places, one read each. */
static struct taken read_pieces(const char *input, size_t length, size_t line_max, const size_t *ends, size_t n_ends)
{
	struct taken taken = { .length = 0 };
	struct reader reader;
	int fds[2];
	size_t at = 0;

	if (pipe(fds) || reader_open(&reader, fds[0], "input", &names))
		abort();
	reader.line_max = line_max;
	for (size_t i = 0; i <= n_ends; i++) {
		size_t end = i < n_ends ? ends[i] : length;

		if (end == at)
			continue;
		if (write(fds[1], input + at, end - at) != (ssize_t)(end - at) || reader_fill(&reader) != READER_OPEN)
			abort();
		at = end;
		take_records(&reader, &taken);
	}
	close(fds[1]);
	if (reader_fill(&reader) != READER_ENDED)
		abort();
	take_records(&reader, &taken);
	finish(&reader, &taken);
	close(fds[0]);
	return taken;
}

static bool same(const struct taken *x, const struct taken *y)
{
	return x->length == y->length && !memcmp(x->text, y->text, x->length) && x->lines == y->lines &&
	       x->bad_lines == y->bad_lines && !memcmp(x->bad_by_reason, y->bad_by_reason, sizeof(x->bad_by_reason));
}

static const char mixed[] = "{\"a\":1}\n\n{\"a\":\"\xc3\xa9\\n\"}\r\n\r\nnonsense\n{\"a\":2}}\n{\"a\":\"\0\"}\n{}\n"
			    "{\"a\":[1,2,{\"b\":\"0123456789\"}],\"c\":\"too long\"}\n{\"a\":3}\n{\"a\":4}";

static void test_every_split(void)
{
	enum { LENGTH = sizeof(mixed) - 1, LINE_MAX_HERE = 40 };
	struct taken whole = read_pieces(mixed, LENGTH, LINE_MAX_HERE, NULL, 0);
	static const char expected[] =
		"1:{\"a\":1}[1]3:{\"a\":\"\xc3\xa9\\n\"}[\xc3\xa9\\n]8:{}[]10:{\"a\":3}[3]11:{\"a\":4}[4]";
	bool passed = true;
	size_t each[LENGTH];

	check(whole.length == sizeof(expected) - 1 && !memcmp(whole.text, expected, whole.length),
	      "takes the good lines");
	check(whole.lines == 9 && whole.bad_lines == 4 && whole.bad_by_reason[JSON_NO_OBJECT] == 1 &&
		      whole.bad_by_reason[JSON_TRAILING] == 1 && whole.bad_by_reason[JSON_CONTROL] == 1 &&
		      whole.bad_by_reason[JSON_TOO_LONG] == 1,
	      "counts the bad ones by reason");
	for (size_t i = 0; i <= LENGTH; i++) {
		for (size_t j = i; j <= LENGTH; j++) {
			size_t ends[] = { i, j };
			struct taken taken = read_pieces(mixed, LENGTH, LINE_MAX_HERE, ends, 2);

			passed &= same(&taken, &whole);
		}
	}
	check(passed, "the same for every split into three reads");
	for (size_t i = 0; i < LENGTH; i++)
		each[i] = i + 1;
	struct taken taken = read_pieces(mixed, LENGTH, LINE_MAX_HERE, each, LENGTH);
	check(same(&taken, &whole), "the same byte by byte");
}

static struct taken read_text(const char *text)
{
	return read_pieces(text, strlen(text), READER_LINE_MAX, NULL, 0);
}

static void check_text(const char *what, const char *text, const char *expected, uint64_t lines, uint64_t bad_lines)
{
	struct taken taken = read_text(text);

	check(taken.length == strlen(expected) && !memcmp(taken.text, expected, taken.length) && taken.lines == lines &&
		      taken.bad_lines == bad_lines,
	      "%s", what);
}

static void test_ends(void)
{
	check_text("no input", "", "", 0, 0);
	check_text("only empty lines", "\n\r\n\n", "", 0, 0);
	check_text("a last line with CR and no LF", "{}\r", "1:{}[]", 1, 0);
	check_text("a torn last line", "{}\n{\"a\":", "1:{}[]", 2, 1);
	check_text("a CR within a line is white space of JSON", "{\r}\n", "1:{\r}[]", 1, 0);
	check_text("a line of blanks is no record", "  \n{}\n", "2:{}[]", 2, 1);
}

/* A line of `length` bytes: {"a":"xxx…"}. */
static void fill_line(char *line, size_t length)
{
	memset(line, 'x', length);
	memcpy(line, "{\"a\":\"", 6);
	memcpy(line + length - 2, "\"}", 2);
}

/* Writes `length` bytes of lines to a file in memory and reads it. */
static void check_file(const char *what, const char *bytes, size_t length, uint64_t good, uint64_t too_long)
{
	int fd = memfd_create("lines", 0);
	struct reader reader;
	struct record_view record;
	uint64_t n = 0;
	bool passed = write(fd, bytes, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0 &&
		      !reader_open(&reader, fd, "input", &names);
	enum reader_state state;

	do {
		state = reader_fill(&reader);
		while (reader_next(&reader, &record))
			n++;
	} while (state == READER_OPEN);
	check(passed && state == READER_ENDED && n == good && reader.bad_lines == too_long &&
		      reader.bad_by_reason[JSON_TOO_LONG] == too_long,
	      "%s", what);
	check(reader.capacity <= READER_LINE_MAX + 1, "%s: memory stays within the limit", what);
	reader_close(&reader);
	close(fd);
}

static void test_limits(void)
{
	size_t size = (size_t)READER_LINE_MAX + 4096;
	char *bytes = malloc(size);

	fill_line(bytes, READER_LINE_MAX);
	memcpy(bytes + READER_LINE_MAX, "\n{}\n", 4);
	check_file("the longest line", bytes, READER_LINE_MAX + 4, 2, 0);
	fill_line(bytes, READER_LINE_MAX + 1);
	memcpy(bytes + READER_LINE_MAX + 1, "\n{}\n", 4);
	check_file("a line that is one byte longer", bytes, READER_LINE_MAX + 5, 1, 1);
	fill_line(bytes, READER_LINE_MAX);
	check_file("the longest line without LF", bytes, READER_LINE_MAX, 1, 0);
	free(bytes);
}

static void test_shrinking(void)
{
	enum { LONG = 8 * READER_BUFFER };
	struct reader reader;
	struct record_view record;
	char *line = malloc(LONG + 1);
	int fd = memfd_create("lines", 0);
	uint64_t n = 0;
	size_t largest = 0;

	fill_line(line, LONG);
	line[LONG] = '\n';
	bool passed = write(fd, line, LONG + 1) == LONG + 1;
	for (int i = 0; i < READER_BUFFER; i++)
		passed &= write(fd, "{\"a\":12}\n", 9) == 9;
	passed &= lseek(fd, 0, SEEK_SET) == 0 && !reader_open(&reader, fd, "input", &names);
	while (reader_fill(&reader) == READER_OPEN) {
		largest = reader.capacity > largest ? reader.capacity : largest;
		while (reader_next(&reader, &record))
			n++;
	}
	check(passed && n == READER_BUFFER + 1 && largest > LONG && reader.capacity == READER_BUFFER,
	      "memory grows with a line and shrinks back");
	reader_close(&reader);
	close(fd);
	free(line);
}

static void test_failure(void)
{
	struct reader reader;
	struct record_view record;
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	check(!reader_open(&reader, fd, "input", &names) && reader_fill(&reader) == READER_FAILED &&
		      !reader_next(&reader, &record) && reader_fill(&reader) == READER_FAILED,
	      "a directory cannot be read");
	reader_close(&reader);
	close(fd);
}

int main(void)
{
	diag_init("reader", -2);
	json_names_init(&names);
	number_of_a = json_names_add(&names, "a");
	test_every_split();
	test_ends();
	test_limits();
	test_shrinking();
	test_failure();
	return finish_tests();
}
