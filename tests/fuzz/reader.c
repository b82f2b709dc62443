/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader against a plain loop over the lines, on any bytes cut into any reads: the first byte of the input says how
 * long a line may be, the second how long the reads are. Where bad lines pass, what comes out is what went in, but for
 * empty lines.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/record/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
	uint64_t lines, good, bad, too_long, sum;
	uint64_t passed; /* a hash of all lines but the empty ones, with their line endings */
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
	return hash;
}

static void tally_line(struct tally *tally, struct json_names *names, uint64_t number, const uint8_t *line,
		       size_t length, size_t line_max)
{
	struct json_value values[JSON_NAMES_MAX];
	char copy[4096 + JSON_PADDING] = { 0 };
	size_t offset;

	if (length > line_max) {
		tally->lines++;
		tally->bad++;
		tally->too_long++;
		return;
	}
	if (length && line[length - 1] == '\r')
		length--;
	if (!length)
		return;
	memcpy(copy, line, length);
	tally->lines++;
	if (json_scan(names, copy, length, values, &offset) == JSON_OK) {
		tally->good++;
		tally->sum += hash_bytes(number, copy, length);
	} else {
		tally->bad++;
	}
}

static struct tally tally_plainly(struct json_names *names, const uint8_t *data, size_t size, size_t line_max)
{
	struct tally tally = { 0 };
	uint64_t number = 1;

	for (size_t start = 0; start < size; number++) {
		const uint8_t *lf = memchr(data + start, '\n', size - start);
		size_t end = lf ? (size_t)(lf - data) : size;

		tally_line(&tally, names, number, data + start, end - start, line_max);
		if (end > start && !(end == start + 1 && data[start] == '\r'))
			tally.passed = hash_bytes(hash_bytes(tally.passed, data + start, end - start), "\n", 1);
		start = end + 1;
	}
	return tally;
}

static void take(struct reader *reader, struct tally *tally)
{
	struct record_view record;

	while (reader_next(reader, &record)) {
		require(record.line[record.length] == '\0' && (reader->passes_bad || record.values));
		if (reader->passes_bad) {
			tally->passed = hash_bytes(tally->passed, record.line, record.length);
			tally->passed = hash_bytes(tally->passed, "\r", record.cr);
			tally->passed = hash_bytes(tally->passed, "\n", !record.unfinished);
		}
		if (!record.values)
			continue;
		tally->good++;
		tally->sum += hash_bytes(record.number, record.line, record.length);
		require(record.line[record.brace] == '}' && !record.unfinished);
	}
}

static struct tally tally_reader(struct json_names *names, const uint8_t *data, size_t size, size_t line_max,
				 size_t step, bool passes_bad)
{
	struct tally tally = { 0 };
	struct reader reader;
	int fds[2];

	require(!pipe(fds) && !reader_open(&reader, fds[0], "input", names));
	reader.line_max = line_max;
	reader.passes_bad = passes_bad;
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		require(write(fds[1], data + at, n) == (ssize_t)n && reader_fill(&reader) == READER_OPEN);
		take(&reader, &tally);
	}
	close(fds[1]);
	require(reader_fill(&reader) == READER_ENDED);
	take(&reader, &tally);
	tally.lines = reader.lines;
	tally.bad = reader.bad_lines;
	tally.too_long = reader.bad_by_reason[JSON_TOO_LONG];
	reader_close(&reader);
	close(fds[0]);
	return tally;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_names names, others;

	if (size < 2 || size > 4096)
		return 0;
	if (!names.wanted) {
		diag_init("fuzz", -1);
		json_names_init(&names);
		json_names_init(&others);
		json_names_add(&names, "a");
		json_names_add(&others, "a");
	}
	size_t line_max = 1 + data[0], step = 1 + data[1];
	struct tally plain = tally_plainly(&others, data + 2, size - 2, line_max);
	struct tally passing = tally_reader(&names, data + 2, size - 2, line_max, step, true);
	require(!memcmp(&plain, &passing, sizeof(plain)));
	struct tally read = tally_reader(&names, data + 2, size - 2, line_max, step, false);
	plain.passed = 0;
	require(!memcmp(&plain, &read, sizeof(plain)));
	return 0;
}
