/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/otb-sample/rules.h"
#include "common/cli/diag.h"
#include "common/record/edit.h"
#include "common/record/json_walk.h"
#include "common/record/threshold.h"

enum { MARKS_MAX = 4, VALUE_SIZE = RULE_NAME_MAX + sizeof("\"\"") };

/* A member that is to be set, or to go. */
struct mark {
	enum fixed_field field;
	bool is_omitted, is_done;
	char value[VALUE_SIZE]; /* JSON */
};

struct marks {
	struct mark list[MARKS_MAX];
	unsigned int n;
};

struct line line_of_record(const struct record_view *record)
{
	return (struct line){ .text = record->line,
			      .length = record->length,
			      .brace = record->brace,
			      .cr = record->cr,
			      .is_marked = fields_are_marked(record) };
}

struct line line_of_held(const struct held *held, const char *text)
{
	return (struct line){
		.text = text, .length = held->length, .brace = held->brace, .cr = held->cr, .is_marked = held->is_marked
	};
}

/* ---- marks ---- */

/* The text needs no escapes: names of rules, triggers and digits have none. */
static void set_mark(struct marks *marks, enum fixed_field field, const char *text)
{
	struct mark *mark = &marks->list[marks->n++];

	*mark = (struct mark){ .field = field };
	snprintf(mark->value, sizeof(mark->value), "\"%s\"", text);
}

static void mark_threshold(struct marks *marks, const struct outcome *outcome)
{
	char digits[THRESHOLD_SIZE];

	if (outcome->is_known) {
		threshold_format(outcome->threshold, digits);
		set_mark(marks, FIELD_THRESHOLD, digits);
	} else {
		marks->list[marks->n++] = (struct mark){ .field = FIELD_THRESHOLD, .is_omitted = true };
	}
}

static void make_marks(const struct writer *writer, struct marks *marks, const struct verdict *verdict,
		       const struct outcome *outcome, const char *trigger)
{
	marks->n = 0;
	if (!writer->is_dry_run)
		mark_threshold(marks, outcome);
	if (writer->explains || writer->is_dry_run) {
		set_mark(marks, FIELD_RULE, verdict->tally->name);
		if (trigger)
			set_mark(marks, FIELD_TRIGGER, trigger);
	}
	if (writer->is_dry_run)
		set_mark(marks, FIELD_VERDICT, outcome->is_kept ? "kept" : "dropped");
}

/* For edit_members(). */
static enum edit_verdict apply_mark(void *context, const char *text, const struct json_value *key,
				    const struct json_value *value, struct buffer *out)
{
	struct marks *marks = context;

	(void)value;
	for (unsigned int i = 0; i < marks->n; i++) {
		struct mark *mark = &marks->list[i];

		if (!json_key_equals(text, key, fixed_field_names[mark->field]))
			continue;
		mark->is_done = true;
		if (mark->is_omitted)
			return EDIT_OMIT;
		buffer_add_text(out, mark->value);
		return EDIT_REPLACE;
	}
	return EDIT_KEEP;
}

static void copy_marked(struct buffer *out, const struct line *line, struct marks *marks)
{
	struct edit_line edit = edit_begin(line->text, line->length, line->brace);

	if (line->is_marked)
		edit_members(out, &edit, apply_mark, marks);
	else
		edit_copy(out, &edit);
	for (unsigned int i = 0; i < marks->n; i++) {
		const struct mark *mark = &marks->list[i];

		if (!mark->is_done && !mark->is_omitted)
			edit_append(out, &edit, fixed_field_names[mark->field], mark->value);
	}
	edit_end(out, &edit);
}

/* ---- lines ---- */

static void put(struct writer *writer, bool counts)
{
	if (session_is_full(writer->session))
		return;
	if (writer->line.failed) {
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot write a record");
		writer->session->failed = true;
		loop_stop(&writer->session->loop);
		return;
	}
	session_put_line(writer->session, writer->line.bytes, writer->line.length, counts);
}

static void end_line(struct writer *writer, bool cr)
{
	buffer_add_text(&writer->line, cr ? "\r\n" : "\n");
}

void writer_decide(struct writer *writer, const struct line *line, const struct verdict *verdict,
		   const struct outcome *outcome, const char *trigger)
{
	struct marks marks;

	make_marks(writer, &marks, verdict, outcome, trigger);
	buffer_reset(&writer->line);
	copy_marked(&writer->line, line, &marks);
	end_line(writer, line->cr);
	put(writer, outcome->is_kept);
}

void writer_pass(struct writer *writer, const char *text, size_t length, bool cr, bool is_whole, bool counts)
{
	buffer_reset(&writer->line);
	buffer_add(&writer->line, text, length);
	if (is_whole)
		end_line(writer, cr);
	put(writer, counts);
}

void writer_close(struct writer *writer)
{
	buffer_clear(&writer->line);
}
