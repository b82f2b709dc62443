/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream time: how far the records have come, so that ticks and waits are the same for a stream that comes as it happens and
 * for one that is read from a file a day later, or faster. It is the latest end of a record so far and, while none takes it
 * further, goes on with the clock. It never goes back.
 *
 * A record that does not say when it happened, or claims to be from the future, tells nothing while others do; where none
 * does, they happen when they are read. Where the first that says when comes behind some that did not, time goes on from
 * theirs as fast as it goes in those that say.
 */
#ifndef OTB_SAMPLE_STREAM_CLOCK_H
#define OTB_SAMPLE_STREAM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct stream_clock {
	uint64_t now_ns;   /* nanoseconds since 1970; 0: nothing has come yet */
	uint64_t ahead_ns; /* so far it is ahead of what records say: some came that did not say, before any that did */
	uint64_t read_ns;  /* wall time of what is being read */
	uint64_t seen_ns;  /* CLOCK_MONOTONIC, up to when time without records has been added */
	bool has_time;     /* some record has said when it happened */
	bool is_busy;      /* records have taken time further since */
};

void stream_clock_open(struct stream_clock *clock);

/* Input is read at this wall time. */
void stream_clock_read(struct stream_clock *clock, uint64_t wall_ns);

/* A record that ended then (wall time; 0: it does not say) has come. */
void stream_clock_advance(struct stream_clock *clock, uint64_t end_ns);

/* To be called from time to time: adds the time since the last call if no record took it further. */
void stream_clock_idle(struct stream_clock *clock, uint64_t monotonic_ns);

#endif
