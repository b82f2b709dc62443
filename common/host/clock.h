/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the kernel's CLOCK_MONOTONIC (bpf_ktime_get_ns) to wall time.
 *
 * The offset is measured by bracketing CLOCK_REALTIME between two readings of CLOCK_MONOTONIC, several times, and
 * keeping the tightest. It is measured again by clock_refresh(), so that steps and slews of the wall clock are
 * followed; each event is translated by the offset in force when it is read.
 */
#ifndef OTB_CLOCK_H
#define OTB_CLOCK_H

#include <stdint.h>

enum { CLOCK_TEXT_SIZE = sizeof("2026-03-01T12:00:00.123456789Z") };

struct clock {
	int64_t offset_ns;    /* wall - monotonic */
	uint64_t measured_ns; /* monotonic */
};

uint64_t clock_monotonic_ns(void);
void clock_measure(struct clock *clock);
/* Measures again if the last measurement is older than a second. */
void clock_refresh(struct clock *clock);
uint64_t clock_wall_ns(const struct clock *clock, uint64_t monotonic_ns);
/* RFC 3339 in UTC with nanoseconds, NUL-terminated: CLOCK_TEXT_SIZE bytes. */
void clock_format(uint64_t wall_ns, char text[CLOCK_TEXT_SIZE]);
/* The kernel's tick, which its jiffies count: 1e9 / CONFIG_HZ. */
uint64_t clock_tick_ns(void);

#endif
