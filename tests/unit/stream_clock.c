/* SPDX-License-Identifier: Apache-2.0 */
/* Stream time: by the records, by the clock while none come, and never back. */
#include "cmd/otb-sample/stream_clock.h"

#include "common/host/clock.h"
#include "common/record/random.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

static const uint64_t WALL_NS = UINT64_C(1800000000) * 1000000000;

static void test_records(void)
{
	struct stream_clock clock;

	stream_clock_open(&clock);
	stream_clock_read(&clock, WALL_NS + 10);
	check(!clock.now_ns, "nothing has come yet");
	stream_clock_advance(&clock, WALL_NS);
	check(clock.now_ns == WALL_NS, "time is the end of a record");
	stream_clock_advance(&clock, WALL_NS + 5);
	check(clock.now_ns == WALL_NS + 5, "of a later one");
	stream_clock_advance(&clock, WALL_NS + 3);
	stream_clock_advance(&clock, 1);
	check(clock.now_ns == WALL_NS + 5, "and not of an earlier one");
	stream_clock_advance(&clock, WALL_NS + SECOND_NS);
	stream_clock_advance(&clock, 0);
	check(clock.now_ns == WALL_NS + 5, "those from the future, or that do not say, tell nothing");
}

static void test_untimed(void)
{
	struct stream_clock clock;

	stream_clock_open(&clock);
	stream_clock_read(&clock, WALL_NS);
	stream_clock_advance(&clock, 0);
	check(clock.now_ns == WALL_NS, "where none says when, they come when they are read");
	stream_clock_read(&clock, WALL_NS + 7);
	stream_clock_advance(&clock, WALL_NS + SECOND_NS);
	check(clock.now_ns == WALL_NS + 7, "and so do those from the future");
	stream_clock_read(&clock, WALL_NS - 1);
	stream_clock_advance(&clock, 0);
	check(clock.now_ns == WALL_NS + 7, "but not before others");
}

/* As where the first line of a file of last year is one that does not say when. */
static void test_untimed_first(void)
{
	struct stream_clock clock;

	stream_clock_open(&clock);
	stream_clock_read(&clock, WALL_NS);
	stream_clock_advance(&clock, 0);
	stream_clock_advance(&clock, 1000);
	check(clock.now_ns == WALL_NS, "records of long ago, behind one that does not say when, do not take time back");
	stream_clock_advance(&clock, 1500);
	check(clock.now_ns == WALL_NS + 500, "it goes on as it does in them");
	stream_clock_advance(&clock, 0);
	stream_clock_advance(&clock, 1400);
	check(clock.now_ns == WALL_NS + 500, "and only with them");
	stream_clock_open(&clock);
	stream_clock_read(&clock, WALL_NS);
	stream_clock_advance(&clock, 0);
	stream_clock_read(&clock, WALL_NS + 30);
	stream_clock_advance(&clock, WALL_NS + 20);
	check(clock.now_ns == WALL_NS + 20, "later ones are of their own time");
}

static void test_idle(void)
{
	struct stream_clock clock;

	stream_clock_open(&clock);
	stream_clock_read(&clock, WALL_NS);
	uint64_t monotonic_ns = clock.seen_ns;
	stream_clock_idle(&clock, monotonic_ns += SECOND_NS);
	check(!clock.now_ns, "before the first record time does not go on");
	stream_clock_advance(&clock, 1000);
	stream_clock_idle(&clock, monotonic_ns += 100);
	check(clock.now_ns == 1000, "nor while records come");
	stream_clock_idle(&clock, monotonic_ns += 30);
	check(clock.now_ns == 1030, "without any it does");
	stream_clock_idle(&clock, monotonic_ns += 12);
	check(clock.now_ns == 1042, "as the clock does");
	stream_clock_advance(&clock, 1041);
	stream_clock_idle(&clock, monotonic_ns += 500);
	check(clock.now_ns == 1542, "a record that does not take it further does not stop it either");
	stream_clock_idle(&clock, monotonic_ns);
	check(clock.now_ns == 1542, "no time is no time");
	stream_clock_idle(&clock, monotonic_ns += SECOND_NS);
	stream_clock_advance(&clock, 2000);
	check(clock.now_ns == 1542 + SECOND_NS, "what has passed stays");
}

/* Whatever comes. */
static void test_back(void)
{
	static const uint64_t ends[] = { 0, 1, 1000, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX };
	unsigned int n_back = 0, n_short = 0;
	struct random random;

	random_seed(&random, 1);
	for (int round = 0; round < 1000; round++) {
		struct stream_clock clock;
		stream_clock_open(&clock);
		uint64_t monotonic_ns = clock.seen_ns;

		stream_clock_read(&clock, WALL_NS);
		for (int i = 0; i < 50; i++) {
			uint64_t bits = random_bits(&random), before = clock.now_ns;

			if (bits % 3)
				stream_clock_idle(&clock, monotonic_ns += bits % (100 * SECOND_NS));
			else
				stream_clock_advance(&clock, bits % 20 == 0 ? ends[bits / 20 % 7] : bits % WALL_NS);
			n_back += clock.now_ns < before;
			n_short += clock.now_ns > UINT64_MAX - (UINT64_C(1) << 62);
		}
	}
	check(!n_back, "time goes on, and %u times back", n_back);
	check(!n_short, "a tick or a wait fits behind it, but for %u times", n_short);
}

int main(void)
{
	test_records();
	test_untimed();
	test_untimed_first();
	test_idle();
	test_back();
	return finish_tests();
}
