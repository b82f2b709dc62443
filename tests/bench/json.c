/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the scanner reads span records: GB/s and ns a record, best of several rounds over records that differ in
 * their values. With a file of JSON Lines as argument it measures those instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/record/json.h"

enum { RECORDS = 20000, RECORD_SIZE_MAX = 1024, ROUNDS = 25 };

static const char *const wanted[] = {
	"event", "duration_ns", "http_request_method", "http_route", "http_response_status_code",
};

struct lines {
	char *bytes;
	size_t size;
	unsigned int n;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int print_span(char *line, unsigned int i)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };

	return snprintf(
		line, RECORD_SIZE_MAX,
		"{\"time\":\"2026-03-01T12:%02u:%02u.%09uZ\",\"event\":\"span\",\"pid\":%u,\"comm\":\"shop\",\"kind\":\"server\","
		"\"duration_ns\":%u,\"trace_id\":\"%016llx%016llx\",\"span_id\":\"%016llx\",\"http_route\":\"/cart/{id}\","
		"\"http_request_method\":\"%s\",\"url_path\":\"/cart/%u\",\"http_response_status_code\":%u,"
		"\"goid\":%u,\"tid\":%u,\"io\":%u,\"a\":1,\"b\":true,\"c\":[1,2],\"d\":\"x\",\"e\":0.25,\"f\":{},"
		"\"g\":-3,\"h\":\"\",\"i\":17,\"j\":false}\n",
		i / 60 % 60, i % 60, i * 7919 % 1000000000U, 1000 + i % 5, 1000 + i * 104729 % 90000000,
		i * 0x9e3779b97f4a7c15ULL, i * 0xc2b2ae3d27d4eb4fULL, i * 0x165667b19e3779f9ULL, methods[i % 4],
		i * 31 % 100000, i % 17 ? 200U : 503U, i % 1000, 1000 + i % 64, i % 9);
}

static struct lines make_lines(void)
{
	struct lines lines = { malloc((size_t)RECORDS * RECORD_SIZE_MAX + JSON_PADDING), 0, RECORDS };

	for (unsigned int i = 0; i < RECORDS; i++)
		lines.size += (size_t)print_span(lines.bytes + lines.size, i);
	return lines;
}

static struct lines read_lines(const char *path)
{
	struct lines lines = { NULL, 0, 0 };
	FILE *file = fopen(path, "r");

	if (!file || fseek(file, 0, SEEK_END)) {
		perror(path);
		exit(1);
	}
	size_t size = (size_t)ftell(file);
	rewind(file);
	lines.bytes = calloc(1, size + JSON_PADDING);
	lines.size = fread(lines.bytes, 1, size, file);
	fclose(file);
	for (size_t i = 0; i < lines.size; i++)
		lines.n += lines.bytes[i] == '\n';
	return lines;
}

/* Returns how many lines are valid records; cuts at each LF as the reader does. */
static unsigned int scan_lines(struct json_names *names, const struct lines *lines, struct json_value *values)
{
	unsigned int valid = 0;
	char *end = lines->bytes + lines->size;

	for (char *line = lines->bytes, *lf; line < end && (lf = memchr(line, '\n', (size_t)(end - line)));
	     line = lf + 1) {
		size_t offset;

		*lf = '\0';
		valid += json_scan(names, line, (size_t)(lf - line), values, &offset) == JSON_OK;
		*lf = '\n';
	}
	return valid;
}

int main(int argc, char **argv)
{
	static struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	struct lines lines = argc > 1 ? read_lines(argv[1]) : make_lines();
	double best = 1e9;
	unsigned int valid = 0;

	json_names_init(&names);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		json_names_add(&names, wanted[i]);
	for (int round = 0; round < ROUNDS; round++) {
		double start = now();

		valid = scan_lines(&names, &lines, values);
		if (now() - start < best)
			best = now() - start;
	}
	printf("json_scan: %u lines (%u valid) of %.0f bytes: %.2f GB/s, %.0f ns a record\n", lines.n, valid,
	       (double)lines.size / lines.n, (double)lines.size / best / 1e9, best * 1e9 / lines.n);
	free(lines.bytes);
	return 0;
}
