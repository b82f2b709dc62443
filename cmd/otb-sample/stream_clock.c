/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/stream_clock.h"

#include "common/host/clock.h"

void stream_clock_open(struct stream_clock *clock)
{
	*clock = (struct stream_clock){ .seen_ns = clock_monotonic_ns() };
}

void stream_clock_read(struct stream_clock *clock, uint64_t wall_ns)
{
	clock->read_ns = wall_ns;
}

void stream_clock_advance(struct stream_clock *clock, uint64_t end_ns)
{
	bool says_when = end_ns && end_ns <= clock->read_ns;

	if (says_when && !clock->has_time && clock->now_ns > end_ns)
		clock->ahead_ns = clock->now_ns - end_ns;
	uint64_t at_ns = says_when ? end_ns + clock->ahead_ns : clock->read_ns;
	clock->has_time |= says_when;
	if (at_ns <= clock->now_ns || says_when != clock->has_time)
		return;
	clock->now_ns = at_ns;
	clock->is_busy = true;
}

void stream_clock_idle(struct stream_clock *clock, uint64_t monotonic_ns)
{
	if (!clock->is_busy && clock->now_ns)
		clock->now_ns += monotonic_ns - clock->seen_ns;
	clock->is_busy = false;
	clock->seen_ns = monotonic_ns;
}
