/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the kernel's CLOCK_MONOTONIC (bpf_ktime_get_ns) to wall time, and from there to the text of records and back.
 *
 * The offset is measured by bracketing CLOCK_REALTIME between two readings of CLOCK_MONOTONIC, several times, and
 * keeping the tightest. It is measured again by clock_refresh(), so that steps and slews of the wall clock are
 * followed; each event is translated by the offset in force when it is read.
 */
#ifndef OTB_CLOCK_H
#define OTB_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = sizeof("2026-03-01T12:00:00.123456789Z") };

struct clock {
	int64_t offset_ns;    /* wall - monotonic */
	uint64_t measured_ns; /* monotonic */
};

enum { CLOCK_MINUTE_SIZE = sizeof("2026-03-01T12:00:") - 1 };

/* Zeroed, it knows of none. */
struct clock_text {
	char minute[CLOCK_MINUTE_SIZE];
	uint64_t minute_ns;
};

uint64_t clock_monotonic_ns(void);
void clock_measure(struct clock *clock);
/* Measures again if the last measurement is older than a second. */
void clock_refresh(struct clock *clock);
uint64_t clock_wall_ns(const struct clock *clock, uint64_t monotonic_ns);
/* RFC 3339 in UTC with nanoseconds, NUL-terminated: CLOCK_TEXT_SIZE bytes. */
void clock_format(uint64_t wall_ns, char text[CLOCK_TEXT_SIZE]);
/* Reads a date-time of RFC 3339 section 5.6 from `length` bytes: any offset, any number of digits behind the point, of
 * which nine count, 't' and 'z' for 'T' and 'Z'. A second 60, which there is only at the end of a day of UTC, is the start
 * of the next one, which is what Unix time has for it. False: it is none, or before 1970 or behind what 64 bits hold
 * (July 2554). */
bool clock_parse(const char *text, size_t length, uint64_t *wall_ns);
/* The same for times most of which are in the minute of the one before, which is not read again. */
bool clock_text_parse(struct clock_text *last, const char *text, size_t length, uint64_t *wall_ns);
/* The kernel's tick, which its jiffies count: 1e9 / CONFIG_HZ. */
uint64_t clock_tick_ns(void);

#endif
