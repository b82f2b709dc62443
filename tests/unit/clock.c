/* SPDX-License-Identifier: Apache-2.0 */
/* Time: the text against the C library's parser, the offset against the clocks themselves, the tick against the kernel's
 * configuration. */
#include "common/host/clock.h"

#include <inttypes.h>
#include <time.h>
#include <zlib.h>

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

#define SECOND UINT64_C(1000000000)

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* ---- text ---- */

static void check_known_texts(void)
{
	static const struct {
		uint64_t seconds, ns;
		const char *text;
	} known[] = {
		{ 0, 0, "1970-01-01T00:00:00.000000000Z" },
		{ 0, 1, "1970-01-01T00:00:00.000000001Z" },
		{ 0, 999999999, "1970-01-01T00:00:00.999999999Z" },
		{ 951782400, 0, "2000-02-29T00:00:00.000000000Z" },
		{ 1000000000, 0, "2001-09-09T01:46:40.000000000Z" },
		{ 1483228799, 999999999,
		  "2016-12-31T23:59:59.999999999Z" }, /* a leap second follows, which Unix has not */
		{ 1483228800, 0, "2017-01-01T00:00:00.000000000Z" },
		{ 1709164800, 0, "2024-02-29T00:00:00.000000000Z" },
		{ 1772366400, 123456789, "2026-03-01T12:00:00.123456789Z" },
		{ 2147483648, 0, "2038-01-19T03:14:08.000000000Z" },
		{ 4102444800, 0, "2100-01-01T00:00:00.000000000Z" },
		{ 4107542400, 0, "2100-03-01T00:00:00.000000000Z" },
		{ 18446744073, 709551615, "2554-07-21T23:34:33.709551615Z" }, /* UINT64_MAX ns */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[CLOCK_TEXT_SIZE];

		clock_format(known[i].seconds * SECOND + known[i].ns, text);
		check(!strcmp(text, known[i].text), "%" PRIu64 " s is %s: %s", known[i].seconds, known[i].text, text);
	}
}

/* The instant that a text says, or UINT64_MAX. */
static uint64_t parse_time(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned int ns;
	int length = 0;

	if (!end || sscanf(end, ".%9uZ%n", &ns, &length) != 1 || length != 11 || end[length])
		return UINT64_MAX;
	return (uint64_t)timegm(&tm) * SECOND + ns;
}

static void check_random_texts(void)
{
	enum { ROUNDS = 100000 };
	unsigned int n_wrong = 0;
	uint64_t state = 4;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t instant = random_next(&state) >> random_below(&state, 32);
		char text[CLOCK_TEXT_SIZE + 1];

		memset(text, '!', sizeof(text));
		clock_format(instant, text);
		n_wrong += parse_time(text) != instant || strlen(text) != 30 || text[CLOCK_TEXT_SIZE] != '!';
	}
	check(!n_wrong, "%d instants read back from their texts: %u wrong", ROUNDS, n_wrong);
}

/* ---- offset ---- */

/* The clocks are read one between the other, so that it does not matter how long that takes. */
static void check_offset(void)
{
	const uint64_t slack = 1000000;
	struct clock clock;
	uint64_t before, wall, after;

	clock_measure(&clock);
	before = read_clock(CLOCK_MONOTONIC);
	wall = read_clock(CLOCK_REALTIME);
	after = read_clock(CLOCK_MONOTONIC);
	check(wall + slack >= clock_wall_ns(&clock, before) && wall <= clock_wall_ns(&clock, after) + slack,
	      "monotonic time becomes wall time within a millisecond");
	check(clock.measured_ns <= before, "the measurement lies in the past");
	check(clock_wall_ns(&(struct clock){ .offset_ns = -5 }, 7) == 2, "an offset may be negative");
	before = read_clock(CLOCK_MONOTONIC);
	wall = clock_monotonic_ns();
	check(before <= wall && wall <= read_clock(CLOCK_MONOTONIC), "clock_monotonic_ns() is CLOCK_MONOTONIC");
}

static void check_refresh(void)
{
	const int64_t nonsense = 42;
	struct clock old, new;
	uint64_t measured_ns;

	clock_measure(&old);
	old.offset_ns = nonsense;
	old.measured_ns -= SECOND + 1;
	clock_refresh(&old);
	check(old.offset_ns != nonsense && clock_monotonic_ns() >= old.measured_ns, "an old measurement is made again");

	clock_measure(&new);
	measured_ns = new.measured_ns;
	new.offset_ns = nonsense;
	clock_refresh(&new);
	/* The second holds for a process that stood still meanwhile. */
	check(new.offset_ns == nonsense || clock_monotonic_ns() - measured_ns > SECOND, "a new one is kept");
}

/* ---- tick ---- */

static unsigned int configured_hz(void)
{
	gzFile config = gzopen("/proc/config.gz", "rb");
	unsigned int hz = 0;
	char line[1024];

	if (!config)
		return 0;
	while (!hz && gzgets(config, line, sizeof(line)))
		sscanf(line, "CONFIG_HZ=%u", &hz);
	gzclose(config);
	return hz;
}

static void check_tick(void)
{
	unsigned int hz = configured_hz();

	if (!hz) {
		skip("the tick is 1e9 / CONFIG_HZ", "no /proc/config.gz");
		return;
	}
	/* The kernel rounds it (TICK_NSEC, include/linux/jiffies.h). */
	check(clock_tick_ns() == (SECOND + hz / 2) / hz, "the tick is 1e9 / CONFIG_HZ=%u: %" PRIu64, hz,
	      clock_tick_ns());
}

int main(void)
{
	/* Neither time zone nor leap seconds of the machine may show. */
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	check_known_texts();
	check_random_texts();
	check_offset();
	check_refresh();
	check_tick();
	return finish_tests();
}
