/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON Lines reader: from the bytes of a descriptor to records, for programs that run in an event loop.
 *
 *	reader_open(&reader, STDIN_FILENO, "stdin", &names);
 *	... when the descriptor is readable (a regular file always is):
 *	state = reader_fill(&reader);
 *	while (reader_next(&reader, &record))
 *		... record.values[...]
 *	... once reader_fill() said READER_ENDED or READER_FAILED and the records are taken:
 *	reader_close(&reader);
 *
 * Lines end with LF or CR LF; empty ones are skipped, and a last line without LF is a line. A line that is no record
 * (not one JSON object, or longer than READER_LINE_MAX) is counted by its reason and skipped. On stderr each is reported
 * with its number, but at most READER_REPORTS_MAX a second; the others are summed up in one message.
 *
 * A filter that hands on such lines sets `passes_bad`. They are counted and reported all the same, but handed out too, as
 * they came and without values: one that is too long in the pieces that are in memory, all but the last `unfinished`.
 *
 * Line numbers count from 1, and empty lines too. Memory grows with the longest line and shrinks back after it.
 */
#ifndef OTB_READER_H
#define OTB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record/json.h"

enum {
	READER_LINE_MAX = 64 * 1024 * 1024, /* bytes before the LF */
	READER_BUFFER = 256 * 1024, /* what it holds when lines are short, and the most that one fill reads then */
	READER_REPORTS_MAX = 3,
};

enum reader_state {
	READER_OPEN,   /* there may be more: wait until the descriptor is readable */
	READER_ENDED,  /* end of input */
	READER_FAILED, /* read(2) failed: said on stderr */
};

/* A line. Points into the reader, and is good until the next call of reader_fill(). */
struct record_view {
	const char *line; /* followed by a NUL in the place of its line ending */
	size_t length;    /* without the line ending */
	size_t brace;     /* offset of the brace that closes the object: members are appended before it */
	uint64_t number;
	const struct json_value *values; /* NULL: it is no record, as `passes_bad` wants it, and has no `brace` */
	bool cr;                         /* its line ending is CR LF */
	bool unfinished;                 /* the line goes on in the next view, and has no line ending here */
};

struct reader {
	int fd;
	const char *name; /* in messages: "stdin" */
	struct json_names *names;
	size_t line_max; /* READER_LINE_MAX; tests lower it before the first fill */
	bool passes_bad; /* false; to be set before the first fill */

	char *buffer; /* capacity + JSON_PADDING bytes */
	size_t capacity;
	size_t start, searched, end; /* the first byte not handed out, the first not searched for LF, the first free */
	bool skipping;               /* within a line that is too long */
	enum reader_state state;
	struct json_value values[JSON_NAMES_MAX];

	uint64_t line_number;
	uint64_t lines; /* that were not empty, bad ones included */
	uint64_t bad_lines;
	uint64_t bad_by_reason[JSON_STATUSES]; /* by enum json_status */

	uint64_t second_ns; /* when the second began in which `reported` lines were reported */
	unsigned int reported;
	uint64_t unreported, last_unreported; /* how many, and the number of the last */
};

/* Neither the descriptor nor `name` nor `names` becomes the reader's own; no name may be added to `names` between a
 * reader_next() and the use of its record. Returns 0 or -ENOMEM. */
int reader_open(struct reader *reader, int fd, const char *name, struct json_names *names);

/* Reads once, which does not block where the descriptor is readable. All records must have been taken before. */
enum reader_state reader_fill(struct reader *reader);

/* Takes the next record that is in memory whole; false: there is none, and *record is not to be used. */
bool reader_next(struct reader *reader, struct record_view *record);

/* Says how many bad lines were not reported one by one, if there are any and their second is over, or `now`. To be
 * called once in a while; reader_close() does it too. */
void reader_report(struct reader *reader, bool now);

/* Also ends the reader's messages. The counts stay readable. */
void reader_close(struct reader *reader);

#endif
