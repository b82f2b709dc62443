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

/* What came out: for each record its number and line, or all lines as a filter writes them. */
struct taken {
	char text[4096];
	size_t length;
	uint64_t lines, bad_lines, bad_by_reason[JSON_STATUSES];
	uint64_t views, records, unfinished, unfinished_records; /* of a reader that passes bad lines */
};

static struct json_names names;
static int number_of_a;

/* A line as a filter writes it, and whether what is no record is handed out as such. */
static void take_bytes(struct taken *taken, const struct record_view *view)
{
	static const char *const endings[] = { "\n", "\r\n" };
	const char *ending = view->unfinished ? "" : endings[view->cr];

	if (view->line[view->length] != '\0' || taken->length + view->length + 2 > sizeof(taken->text))
		abort();
	memcpy(taken->text + taken->length, view->line, view->length);
	memcpy(taken->text + taken->length + view->length, ending, strlen(ending));
	taken->length += view->length + strlen(ending);
	taken->views++;
	taken->unfinished += view->unfinished;
	taken->records += view->values != NULL;
	taken->unfinished_records += view->values && view->unfinished;
}

static void take_records(struct reader *reader, struct taken *taken)
{
	struct record_view record;

	while (reader_next(reader, &record)) {
		if (reader->passes_bad) {
			take_bytes(taken, &record);
			continue;
		}
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
static struct taken read_pieces(const char *input, size_t length, size_t line_max, bool passes_bad, const size_t *ends,
				size_t n_ends)
{
	struct taken taken = { .length = 0 };
	struct reader reader;
	int fds[2];
	size_t at = 0;

	if (pipe(fds) || reader_open(&reader, fds[0], "input", &names))
		abort();
	reader.line_max = line_max;
	reader.passes_bad = passes_bad;
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
	       x->bad_lines == y->bad_lines && !memcmp(x->bad_by_reason, y->bad_by_reason, sizeof(x->bad_by_reason)) &&
	       x->records == y->records && x->views - x->unfinished == y->views - y->unfinished &&
	       !x->unfinished_records && !y->unfinished_records;
}

static const char mixed[] = "{\"a\":1}\n\n{\"a\":\"\xc3\xa9\\n\"}\r\n\r\nnonsense\n{\"a\":2}}\n{\"a\":\"\0\"}\n{}\n"
			    "{\"a\":[1,2,{\"b\":\"0123456789\"}],\"c\":\"too long\"}\n{\"a\":3}\n{\"a\":4}";

enum { MIXED_LENGTH = sizeof(mixed) - 1, MIXED_LINE_MAX = 40 };

static void check_every_split(const struct taken *whole, bool passes_bad)
{
	bool passed = true;
	size_t each[MIXED_LENGTH];

	for (size_t i = 0; i <= MIXED_LENGTH; i++) {
		for (size_t j = i; j <= MIXED_LENGTH; j++) {
			size_t ends[] = { i, j };
			struct taken taken = read_pieces(mixed, MIXED_LENGTH, MIXED_LINE_MAX, passes_bad, ends, 2);

			passed &= same(&taken, whole);
		}
	}
	check(passed, "the same for every split into three reads");
	for (size_t i = 0; i < MIXED_LENGTH; i++)
		each[i] = i + 1;
	struct taken taken = read_pieces(mixed, MIXED_LENGTH, MIXED_LINE_MAX, passes_bad, each, MIXED_LENGTH);
	check(same(&taken, whole), "the same byte by byte");
}

static bool counts_mixed(const struct taken *taken)
{
	return taken->lines == 9 && taken->bad_lines == 4 && taken->bad_by_reason[JSON_NO_OBJECT] == 1 &&
	       taken->bad_by_reason[JSON_TRAILING] == 1 && taken->bad_by_reason[JSON_CONTROL] == 1 &&
	       taken->bad_by_reason[JSON_TOO_LONG] == 1;
}

static void test_every_split(void)
{
	struct taken whole = read_pieces(mixed, MIXED_LENGTH, MIXED_LINE_MAX, false, NULL, 0);
	static const char expected[] =
		"1:{\"a\":1}[1]3:{\"a\":\"\xc3\xa9\\n\"}[\xc3\xa9\\n]8:{}[]10:{\"a\":3}[3]11:{\"a\":4}[4]";

	check(whole.length == sizeof(expected) - 1 && !memcmp(whole.text, expected, whole.length),
	      "takes the good lines");
	check(counts_mixed(&whole), "counts the bad ones by reason");
	check_every_split(&whole, false);
}

/* What is handed on is what came, but for empty lines, and with a last LF. */
static void test_passing(void)
{
	struct taken whole = read_pieces(mixed, MIXED_LENGTH, MIXED_LINE_MAX, true, NULL, 0);
	static const char expected[] =
		"{\"a\":1}\n{\"a\":\"\xc3\xa9\\n\"}\r\nnonsense\n{\"a\":2}}\n{\"a\":\"\0\"}\n{}\n"
		"{\"a\":[1,2,{\"b\":\"0123456789\"}],\"c\":\"too long\"}\n{\"a\":3}\n{\"a\":4}\n";

	check(whole.length == sizeof(expected) - 1 && !memcmp(whole.text, expected, whole.length),
	      "passes bad lines as they came");
	check(counts_mixed(&whole) && whole.records == 5 && whole.views == 9, "counts them all the same");
	check_every_split(&whole, true);
}

/* Two reads, the first `length` bytes long: what a line that is longer than 4 bytes is handed on as. */
static void check_pieces(const char *what, const char *input, size_t length, const char *expected, uint64_t unfinished)
{
	struct taken taken = read_pieces(input, strlen(input), 4, true, &length, 1);

	check(taken.length == strlen(expected) && !memcmp(taken.text, expected, taken.length) &&
		      taken.unfinished == unfinished && taken.lines == taken.views - unfinished,
	      "%s", what);
}

static void test_pieces(void)
{
	check_pieces("a long line in one piece", "0123456789\n{}\n", 14, "0123456789\n{}\n", 0);
	check_pieces("in two", "0123456789\n{}\n", 5, "0123456789\n{}\n", 1);
	check_pieces("of which the last is empty", "0123456789\n{}\n", 10, "0123456789\n{}\n", 1);
	check_pieces("cut within CR LF", "0123456789\r\n{}\r\n", 11, "0123456789\r\n{}\r\n", 1);
	check_pieces("cut before CR LF", "0123456789\r\n", 10, "0123456789\r\n", 1);
	check_pieces("a CR in the middle", "01234\r56789\n", 6, "01234\r56789\n", 1);
	check_pieces("without LF", "0123456789", 10, "0123456789\n", 1);
	check_pieces("without LF in two pieces", "0123456789", 7, "0123456789\n", 2);
	check_pieces("a short one in two reads is one", "0123\n", 2, "0123\n", 0);
	check_pieces("empty ones are no lines", "\n\r\n0123456789\n\n\r\n", 8, "0123456789\n", 1);
}

static struct taken read_text(const char *text)
{
	return read_pieces(text, strlen(text), READER_LINE_MAX, false, NULL, 0);
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
	test_passing();
	test_pieces();
	test_ends();
	test_limits();
	test_shrinking();
	test_failure();
	return finish_tests();
}
