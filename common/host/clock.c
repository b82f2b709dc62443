/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/clock.h"

#include <string.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
#define BRACKETS 10

static uint64_t read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

void clock_measure(struct clock *clock)
{
	uint64_t tightest = UINT64_MAX;

	for (int i = 0; i < BRACKETS; i++) {
		uint64_t before = read_ns(CLOCK_MONOTONIC);
		uint64_t wall = read_ns(CLOCK_REALTIME);
		uint64_t after = read_ns(CLOCK_MONOTONIC);

		if (after - before >= tightest)
			continue;
		tightest = after - before;
		clock->offset_ns = (int64_t)(wall - (before + tightest / 2));
		clock->measured_ns = after;
	}
}

void clock_refresh(struct clock *clock)
{
	if (clock_monotonic_ns() - clock->measured_ns > SECOND_NS)
		clock_measure(clock);
}

uint64_t clock_wall_ns(const struct clock *clock, uint64_t monotonic_ns)
{
	return monotonic_ns + (uint64_t)clock->offset_ns;
}

static void put_digits(char *end, unsigned int n, uint64_t value)
{
	for (; n; n--, value /= 10)
		*--end = (char)('0' + value % 10);
}

void clock_format(uint64_t wall_ns, char text[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_ns / SECOND_NS);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	memcpy(text, "0000-00-00T00:00:00.000000000Z", CLOCK_TEXT_SIZE);
	put_digits(text + 4, 4, (uint64_t)tm.tm_year + 1900);
	put_digits(text + 7, 2, (uint64_t)tm.tm_mon + 1);
	put_digits(text + 10, 2, (uint64_t)tm.tm_mday);
	put_digits(text + 13, 2, (uint64_t)tm.tm_hour);
	put_digits(text + 16, 2, (uint64_t)tm.tm_min);
	put_digits(text + 19, 2, (uint64_t)tm.tm_sec);
	put_digits(text + 29, 9, wall_ns % SECOND_NS);
}

uint64_t clock_tick_ns(void)
{
	struct timespec resolution;

	/* The coarse clocks advance once a tick (KTIME_LOW_RES, include/linux/hrtimer_defs.h). */
	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return (uint64_t)resolution.tv_sec * SECOND_NS + (uint64_t)resolution.tv_nsec;
}
