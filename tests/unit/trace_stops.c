/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a span was in stops of the world, held against a sum over all stops that were noted.
 */
#include "cmd/otb-trace/stops.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

enum { PID = 4711, STOPS = 2 * STOPS_EACH };

static bool is(const struct stops *stops, uint32_t pid, uint64_t start, uint64_t end, uint64_t wanted)
{
	uint64_t overlap;

	return stops_overlap(stops, pid, start, end, &overlap) && overlap == wanted;
}

static void test_overlap(void)
{
	static struct stops stops;
	uint64_t overlap;

	check(is(&stops, PID, 100, 200, 0), "no stop is known: none there was");
	stops_add(&stops, PID, 1000, 1100);
	stops_add(&stops, PID, 2000, 2050);
	check(is(&stops, PID, 1100, 2000, 0), "between two stops");
	check(is(&stops, PID, 900, 2100, 150), "over both");
	check(is(&stops, PID, 1020, 1030, 10), "inside of one");
	check(is(&stops, PID, 1090, 2010, 20), "from one into the next");
	check(is(&stops, PID, 900, 1000, 0), "before, to where it begins");
	check(is(&stops, PID + 1, 900, 2100, 0), "of another process");
	stops_add(&stops, PID + STOPS_PROCESSES, 5000, 5100);
	check(!stops_overlap(&stops, PID, 900, 2100, &overlap), "a process that gave way is not known of");
	check(is(&stops, PID + STOPS_PROCESSES, 5000, 5200, 100), "the one in its place is, from its first stop on");
	check(!stops_overlap(&stops, PID + STOPS_PROCESSES, 4000, 5200, &overlap), "and not before");
	stops_miss(&stops, 6000);
	check(!stops_overlap(&stops, PID + STOPS_PROCESSES, 5000, 6100, &overlap), "a stop was missed");
	check(is(&stops, PID + STOPS_PROCESSES, 6000, 6100, 0), "but what begins behind that is known");
	stops_close(&stops);
}

static void test_many(void)
{
	static struct stops stops;
	static uint64_t starts[STOPS], ends[STOPS];
	uint64_t at = 0, overlap;
	unsigned int wrong = 0, unknown = 0, tries = 20000;

	srand(1);
	for (unsigned int i = 0; i < STOPS; i++) {
		starts[i] = at += 1 + (uint64_t)rand() % 1000;
		ends[i] = at += 1 + (uint64_t)rand() % 100;
		stops_add(&stops, PID, starts[i], ends[i]);
	}
	for (unsigned int try = 0; try < tries; try++) {
		uint64_t start = (uint64_t)rand() % at, end = start + (uint64_t)rand() % 20000, wanted = 0;

		for (unsigned int i = 0; i < STOPS; i++) {
			uint64_t from = starts[i] > start ? starts[i] : start, to = ends[i] < end ? ends[i] : end;

			wanted += from < to ? to - from : 0;
		}
		if (!stops_overlap(&stops, PID, start, end, &overlap))
			unknown++;
		else
			wrong += overlap != wanted;
	}
	check(!wrong, "%u of %u spans have another sum", wrong, tries);
	check(unknown > tries * 2 / 5 && unknown < tries * 3 / 5, "%u began before what is kept, which is a half",
	      unknown);
	stops_close(&stops);
}

/* Of this process, and of one that has ended. */
static void test_sweep(void)
{
	static struct stops stops;
	uint32_t here = (uint32_t)getpid(), ended;
	uint64_t overlap;

	do {
		ended = (uint32_t)fork();
		if (!ended)
			_exit(0);
		waitpid((pid_t)ended, NULL, 0);
	} while (ended % STOPS_PROCESSES == here % STOPS_PROCESSES);
	stops_add(&stops, here, 1000, 1100);
	stops_add(&stops, ended, 1000, 1100);
	stops_sweep(&stops, 2000);
	check(is(&stops, ended, 1050, 1200, 50), "a process that has ended is known for another while");
	stops_sweep(&stops, 3000);
	check(!stops.processes[ended % STOPS_PROCESSES], "and takes no memory then");
	check(!stops_overlap(&stops, ended, 1050, 1200, &overlap), "nor is anything known of what it was before");
	check(is(&stops, ended, 3000, 4000, 0), "but of the next one with its pid");
	check(is(&stops, here, 1050, 1200, 50), "one that runs is not forgotten");
	stops_miss(&stops, 5000);
	check(!stops_overlap(&stops, ended, 4000, 6000, &overlap), "a stop that was missed may be of one without any");
	stops_close(&stops);
}

int main(void)
{
	test_overlap();
	test_sweep();
	test_many();
	return finish_tests();
}
