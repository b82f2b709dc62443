/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/host/clock.h"

static const uint64_t SECOND_NS = 1000000000;

/* ---- bad lines ---- */

void reader_report(struct reader *reader, bool now)
{
	if (!reader->unreported || (!now && clock_monotonic_ns() - reader->second_ns < SECOND_NS))
		return;
	diag_print(DIAG_WARN, "%s: %" PRIu64 " more bad lines up to line %" PRIu64, reader->name, reader->unreported,
		   reader->last_unreported);
	reader->unreported = 0;
}

static void reject_line(struct reader *reader, enum json_status status, size_t offset)
{
	uint64_t now_ns = clock_monotonic_ns();

	reader->bad_lines++;
	reader->bad_by_reason[status]++;
	if (now_ns - reader->second_ns >= SECOND_NS) {
		reader_report(reader, true);
		reader->second_ns = now_ns;
		reader->reported = 0;
	}
	if (reader->reported == READER_REPORTS_MAX) {
		reader->unreported++;
		reader->last_unreported = reader->line_number;
		return;
	}
	reader->reported++;
	diag_print(DIAG_WARN, "%s: line %" PRIu64 ": %s at byte %zu", reader->name, reader->line_number,
		   json_status_text(status), offset + 1);
}

/* ---- memory ---- */

/* The bytes that wait move to the front of the buffer. */
static void buffer_compact(struct reader *reader)
{
	size_t waiting = reader->end - reader->start;

	if (!reader->start)
		return;
	memmove(reader->buffer, reader->buffer + reader->start, waiting);
	reader->searched -= reader->start;
	reader->start = 0;
	reader->end = waiting;
}

static bool buffer_resize(struct reader *reader, size_t capacity)
{
	char *buffer = realloc(reader->buffer, capacity + JSON_PADDING);

	if (!buffer)
		return false;
	reader->buffer = buffer;
	reader->capacity = capacity;
	return true;
}

/* Makes room for the next read: the line that waits grows the buffer up to the limit, and a short one shrinks it. */
static bool buffer_prepare(struct reader *reader)
{
	buffer_compact(reader);
	if (reader->capacity > READER_BUFFER && reader->end < READER_BUFFER / 2)
		return buffer_resize(reader, READER_BUFFER) || reader->end < reader->capacity;
	if (reader->end < reader->capacity)
		return true;
	/* The LF behind the longest line must find room. */
	size_t most = reader->line_max + 1;
	size_t capacity = reader->capacity < most / 2 ? reader->capacity * 2 : most;
	return buffer_resize(reader, capacity);
}

int reader_open(struct reader *reader, int fd, const char *name, struct json_names *names)
{
	*reader = (struct reader){ .fd = fd, .name = name, .names = names, .line_max = READER_LINE_MAX };
	return buffer_resize(reader, READER_BUFFER) ? 0 : -ENOMEM;
}

void reader_close(struct reader *reader)
{
	reader_report(reader, true);
	free(reader->buffer);
	reader->buffer = NULL;
}

/* ---- lines ---- */

static enum reader_state read_failed(struct reader *reader, int error)
{
	diag_print_errno(DIAG_ERROR, error, "cannot read %s", reader->name);
	return reader->state = READER_FAILED;
}

enum reader_state reader_fill(struct reader *reader)
{
	if (reader->state != READER_OPEN)
		return reader->state;
	if (!buffer_prepare(reader))
		return read_failed(reader, ENOMEM);
	ssize_t n = read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return read_failed(reader, errno);
	if (n == 0)
		reader->state = READER_ENDED;
	if (n > 0) {
		reader->end += n;
		/* What is looked at beyond the end is never looked for. All the same it is set, for tools that watch memory. */
		memset(reader->buffer + reader->end, 0, JSON_PADDING);
	}
	return reader->state;
}

enum taken {
	TAKEN_NOTHING,
	TAKEN_LINE,
	TAKEN_PIECE, /* what there is of a line that is too long */
};

/* The first piece of a line that is too long counts it. */
static void count_piece(struct reader *reader, bool is_last)
{
	if (!reader->skipping) {
		reader->line_number++;
		reader->lines++;
		reject_line(reader, JSON_TOO_LONG, reader->line_max);
	}
	reader->skipping = !is_last;
}

/* Takes the next line that is in memory whole, and puts a NUL behind it. A line without LF is whole where the input has
 * ended, even by a failure: what was read of it may be a whole record. */
static enum taken take_line(struct reader *reader, struct record_view *line)
{
	char *start = reader->buffer + reader->start;
	char *lf = memchr(reader->buffer + reader->searched, '\n', reader->end - reader->searched);
	size_t waiting = (lf ? lf : reader->buffer + reader->end) - start;
	bool is_whole = lf || (reader->state != READER_OPEN && (waiting || reader->skipping));
	bool is_long = reader->skipping || waiting > reader->line_max;

	reader->searched = reader->end;
	if (!is_whole && !(is_long && waiting))
		return TAKEN_NOTHING;
	if (is_long)
		count_piece(reader, is_whole);
	else
		reader->line_number++;
	bool cr = is_whole && waiting && start[waiting - 1] == '\r';
	*line = (struct record_view){
		.line = start, .length = waiting - cr, .number = reader->line_number, .cr = cr, .unfinished = !is_whole
	};
	start[line->length] = '\0';
	reader->start = reader->searched = lf ? (size_t)(lf + 1 - reader->buffer) : reader->end;
	return is_long ? TAKEN_PIECE : TAKEN_LINE;
}

/* Whether the line is a record. One that is not is counted. */
static bool scan_line(struct reader *reader, struct record_view *line)
{
	enum json_status status = json_scan(reader->names, line->line, line->length, reader->values, &line->brace);

	reader->lines++;
	if (status == JSON_OK)
		line->values = reader->values;
	else
		reject_line(reader, status, line->brace);
	return status == JSON_OK;
}

bool reader_next(struct reader *reader, struct record_view *record)
{
	enum taken taken;

	while ((taken = take_line(reader, record)) != TAKEN_NOTHING) {
		if (taken == TAKEN_LINE && !record->length)
			continue;
		if ((taken == TAKEN_LINE && scan_line(reader, record)) || reader->passes_bad)
			return true;
	}
	return false;
}
