/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept goes out as it came, byte for byte, but for the marks: sampling_threshold, and with --explain or --dry-run
 * sampling_rule, sampling_trigger and sampling_verdict. A mark that the record bears is replaced in its place, others are
 * appended in this order. Where what a record stands for is not known, sampling_threshold goes.
 */
#ifndef OTB_SAMPLE_WRITER_H
#define OTB_SAMPLE_WRITER_H

#include "cmd/otb-sample/item.h"
#include "cmd/otb-sample/verdict.h"
#include "common/record/buffer.h"
#include "common/run/session.h"

struct writer {
	struct session *session;
	bool explains, is_dry_run;
	struct buffer line;
};

/* The line of a record, wherever it lies; JSON_PADDING follows it where it is marked. */
struct line {
	const char *text;
	size_t length, brace;
	bool cr, is_marked;
};

struct line line_of_record(const struct record_view *record);
struct line line_of_held(const struct held *held, const char *text);

/* Whether a record with this outcome is to be written. */
static inline bool writer_wants(const struct writer *writer, const struct outcome *outcome)
{
	return outcome->is_kept || writer->is_dry_run;
}

/* Writes a record of which that is so. `trigger`: why of a trace; NULL: none. */
void writer_decide(struct writer *writer, const struct line *line, const struct verdict *verdict,
		   const struct outcome *outcome, const char *trigger);

/* Writes a line that nobody decides about. `is_whole`: its line feed belongs to it; `counts`: towards --count. */
void writer_pass(struct writer *writer, const char *text, size_t length, bool cr, bool is_whole, bool counts);

void writer_close(struct writer *writer);

#endif
