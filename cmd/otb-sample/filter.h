/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a record through the program:
 *
 *	line -> redacted -> judged -> written
 *	                    |    ^
 *	                    v    |   by rules, else by the sampler; at once, or with its trace, or when its tick is over
 *	                    held ---
 *
 * What was held is written as the output has room; until all of it is, nobody is to bring further lines.
 */
#ifndef OTB_SAMPLE_FILTER_H
#define OTB_SAMPLE_FILTER_H

#include "cmd/otb-sample/decisions.h"
#include "cmd/otb-sample/options.h"
#include "cmd/otb-sample/stream_clock.h"
#include "cmd/otb-sample/traces.h"
#include "cmd/otb-sample/writer.h"

/* What has been decided, but found no room in the output yet. */
struct leaving {
	struct item *first, *last;
	struct place next; /* of its records, in the first */
	unsigned int n_left;
};

struct filter {
	struct options *options;
	struct session *session;
	struct tallies tallies;
	struct rules rules;
	unsigned int rules_age; /* how often they have been read again */
	struct sampler sampler;
	struct blocks blocks; /* of traces, and of what waits by itself */
	struct traces traces;
	struct decisions decisions;
	struct leaving leaving;
	struct writer writer;
	struct stream_clock clock;
	struct clock_text times; /* of records */
	struct random random;
	size_t lone_bytes;   /* of records that wait by themselves */
	bool decides;        /* options_decide(): else all records pass */
	bool keeps_time;     /* somebody wants to know what time it is */
	bool is_within_line; /* of a bad line only a part has been written yet */

	struct buffer trace_text, scratch; /* what rules see of a trace besides its records; a record with that */
	struct json_value values[JSON_NAMES_MAX];          /* of a held record that is scanned again */
	struct json_value redacted_values[JSON_NAMES_MAX]; /* of one that has been redacted */

	uint64_t records, passed, late, evicted;
	uint64_t shortages;                    /* how often a batch had to be made smaller */
	uint64_t evicted_said, shortages_said; /* of those */
};

/* Reads the rules. What is wrong has been said; filter_close() is due in any case. */
enum exit_code filter_open(struct filter *filter, struct options *options, struct session *session);
void filter_close(struct filter *filter);

/* Reads the rules again. False: they are wrong, which has been said, and those before stay. */
bool filter_reload(struct filter *filter);

/* Whether the output has room for what a record may make, and nothing waits for that. */
bool filter_has_room(const struct filter *filter);

/* Writes of what has been decided as much as the output has room for. */
void filter_write(struct filter *filter);

/* Lines are read now. */
void filter_begin(struct filter *filter);

/* Takes a line from the reader. */
void filter_take(struct filter *filter, const struct record_view *record);

/* Decides what time has come for, as far as the output has room. */
void filter_turn(struct filter *filter);

/* To be called from time to time, unless input is held back: the same for time that goes on without records. */
void filter_idle(struct filter *filter);

/* At the end: decides some of what is held, as long as the output has room, or all of it. Returns whether nothing is left. */
bool filter_drain(struct filter *filter, bool regardless);

/* Ends a line of which only a part has come. */
void filter_end_line(struct filter *filter);

/* Says how many traces were decided early since it was said last. */
void filter_report(struct filter *filter);

/* Writes the stats records. */
void filter_write_stats(struct filter *filter, const struct reader *reader, uint64_t reloads);

#endif
