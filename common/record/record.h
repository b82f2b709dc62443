/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record writer: one flat JSON object per line, built in a fixed buffer without allocating.
 *
 *	record_begin(&record, wall_ns, "tcp_retransmit");
 *	record_add_uint(&record, "pid", 42);
 *	record_add_text(&record, "comm", comm);
 *	size_t length = record_end(&record);    record.line holds `length` bytes, LF included
 *
 * Invariants, whatever goes in: the line is valid JSON in valid UTF-8 of at most RECORD_LINE_MAX bytes. Bytes that are
 * not UTF-8 become U+FFFD, control characters (C1 too, which steer terminals as well) are escaped. Where the line would
 * be longer, the longest string, but `time`, is cut at a character and named in the field `truncated` (several: with
 * commas between). Names are the program's own, and need no escaping. An integer that a double need not hold exactly
 * (2^53 and above) is left out, as is a double that is not finite, a string behind RECORD_TEXTS_MAX others, and a field
 * that the line would have no room for with every string cut to nothing.
 */
#ifndef OTB_RECORD_H
#define OTB_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECORD_LINE_MAX = 3584, /* design.md section 2: filters append, and a pipe takes 4096 bytes whole */
	RECORD_TEXTS_MAX = 64,
	RECORD_LABELS_MAX = 32,
	RECORD_SPACE = (RECORD_TEXTS_MAX + 1) * RECORD_LINE_MAX, /* while it is built: before strings are cut */
};

struct record_text { /* a string value that may still be cut */
	const char *name;
	uint32_t start, length; /* of the escaped text between the quotes, in `line` */
	bool cut;
};

struct record {
	char line[RECORD_SPACE];
	size_t length;
	size_t fixed; /* the line's bytes if every string were cut to nothing, and named */
	struct record_text texts[RECORD_TEXTS_MAX];
	unsigned int n_texts;
	struct { /* constant fields, appended to every record */
		const char *name, *value;
	} labels[RECORD_LABELS_MAX];
	unsigned int n_labels;
};

/* Forgets everything, labels too. */
void record_init(struct record *record);
/* Both strings must outlive the record. Returns false when there is no room. */
bool record_add_label(struct record *record, const char *name, const char *value);

/* `wall_ns` is nanoseconds since 1970, UTC: it becomes `time` (RFC 3339 with nine digits). */
void record_begin(struct record *record, uint64_t wall_ns, const char *event);
void record_add_uint(struct record *record, const char *name, uint64_t value);
void record_add_int(struct record *record, const char *name, int64_t value);
void record_add_double(struct record *record, const char *name, double value);
void record_add_bool(struct record *record, const char *name, bool value);
void record_add_hex(struct record *record, const char *name, uint64_t value); /* "1f", lower case, no padding */
void record_add_text(struct record *record, const char *name, const char *text);
void record_add_bytes(struct record *record, const char *name, const void *bytes, size_t size);
/* The text that was added last is a part of a longer one: names it in `truncated`. */
void record_mark_cut(struct record *record);
/* Ends the object and the line and returns its length. */
size_t record_end(struct record *record);

#endif
