/* SPDX-License-Identifier: Apache-2.0 */
/* Time: the texts against the C library's functions, the offset against the clocks themselves, the tick against the kernel's
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

/* ---- texts read ---- */

/* By itself, and as one of many, each of which is read twice: it is the same. */
static bool parse(const char *text, uint64_t *wall_ns)
{
	static struct clock_text last;
	bool is_time = clock_parse(text, strlen(text), wall_ns);

	for (int i = 0; i < 2; i++) {
		uint64_t ns = 0;

		if (clock_text_parse(&last, text, strlen(text), &ns) != is_time || (is_time && ns != *wall_ns))
			return !is_time;
	}
	return is_time;
}

static void check_good_texts(void)
{
	static const struct {
		const char *text;
		uint64_t seconds, ns;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "1970-01-01t00:00:00z", 0, 0 },
		{ "2026-03-01T12:00:00Z", 1772366400, 0 },
		{ "2026-03-01T12:00:00.5Z", 1772366400, 500000000 },
		{ "2026-03-01T12:00:00.000000001Z", 1772366400, 1 },
		{ "2026-03-01T12:00:00.1234567899Z", 1772366400, 123456789 },
		{ "2026-03-01T12:00:00.00000000000000000000000000000000000000000000000009Z", 1772366400, 0 },
		{ "2026-03-01T12:00:00.123+00:00", 1772366400, 123000000 },
		{ "2026-03-01T12:00:00-00:00", 1772366400, 0 }, /* "the offset is not known": RFC 3339 section 4.3 */
		{ "2026-03-01T13:30:00+01:30", 1772366400, 0 },
		{ "2026-02-28T22:01:00-13:59", 1772366400, 0 },
		{ "2026-03-02T11:59:00.25+23:59", 1772366400, 250000000 },
		{ "1969-12-31T23:59:00.75-00:01", 0, 750000000 },
		{ "1969-12-31T00:01:00-23:59", 0, 0 },
		{ "2554-07-21T23:34:33.709551615Z", 18446744073, 709551615 },
		{ "2554-07-22T23:33:33.709551615+23:59", 18446744073, 709551615 },
		/* The RFC's examples, section 5.8. */
		{ "1985-04-12T23:20:50.52Z", 482196050, 520000000 },
		{ "1996-12-19T16:39:57-08:00", 851042397, 0 },
		{ "1990-12-31T23:59:60Z", 662688000, 0 },
		{ "1990-12-31T15:59:60-08:00", 662688000, 0 },
		{ "2016-12-31T23:59:60.999999999Z", 1483228800, 0 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t wall_ns = 1;

		check(parse(good[i].text, &wall_ns) && wall_ns == good[i].seconds * SECOND + good[i].ns,
		      "%s is read: %" PRIu64, good[i].text, wall_ns);
	}
}

static void check_bad_texts(void)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-03-01",
		"2026-03-01T12:00Z",
		"2026-03-01T12:00:00",
		"2026-03-01 12:00:00Z",
		"2026-03-01T12:00:00 Z",
		" 2026-03-01T12:00:00Z",
		"2026-03-01T12:00:00Z ",
		"2026-03-01T12:00:00ZZ",
		"2026-03-01T12:00:00.Z",
		"2026-03-01T12:00:00.",
		"2026-03-01T12:00:00.1",
		"2026-03-01T12:00:00,1Z",
		"2026-03-01T12:00:00.1.1Z",
		"2026-03-01T12:00:00.-1Z",
		"2026-03-01T12:00:00+1:00",
		"2026-03-01T12:00:00+0100",
		"2026-03-01T12:00:00+01",
		"2026-03-01T12:00:00+01:0",
		"2026-03-01T12:00:00+01:000",
		"2026-03-01T12:00:00+01-00",
		"2026-03-01T12:00:00+24:00",
		"2026-03-01T12:00:00+00:60",
		"2026-03-01T12:00:00*01:00",
		"2026-03-01T12:00:00Z+01:00",
		"2026-03-01T24:00:00Z",
		"2026-03-01T12:60:00Z",
		"2026-03-01T12:00:60Z",
		"2026-03-01T23:59:61Z",
		"2026-03-01T23:59:60+01:00",
		"2026-03-01T12:00:0:Z",
		"2026-03-01T12:00:/0Z",
		"2026-03-01T1:00:000Z",
		"2026-03-01T-1:00:00Z",
		"2026/03/01T12:00:00Z",
		"2026-03-01T12-00-00Z",
		"2026-00-01T12:00:00Z",
		"2026-13-01T12:00:00Z",
		"2026-03-00T12:00:00Z",
		"2026-03-32T12:00:00Z",
		"2026-04-31T12:00:00Z",
		"2026-02-29T12:00:00Z",
		"2100-02-29T12:00:00Z",
		"2024-02-30T12:00:00Z",
		"0000-01-01T00:00:00Z",
		"1969-12-31T23:59:59.999999999Z",
		"1970-01-01T00:00:00+00:01",
		"1969-12-30T23:59:60Z",
		"2554-07-21T23:34:33.709551616Z",
		"2554-07-21T23:34:34Z",
		"2554-07-21T23:35:00-00:01",
		"2555-01-01T00:00:00+23:59",
		"9999-12-31T23:59:59Z",
		"20260301T120000000Z00",
		("\xef\xbc\x92"
		 "026-03-01T12:00:00Z"),
	};
	uint64_t wall_ns;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(!parse(bad[i], &wall_ns), "'%s' is refused", bad[i]);
}

/* A text is what its length says: nothing behind it is looked at. */
static void check_lengths(void)
{
	static const char text[] = "2026-03-01T12:00:00.123456789+01:00";
	bool passed = true;
	uint64_t wall_ns;

	for (size_t length = 0; length < sizeof(text); length++) {
		char *copy = malloc(length ? length : 1);

		if (!copy)
			abort();
		memcpy(copy, text, length);
		passed &= clock_parse(copy, length, &wall_ns) == (length == sizeof(text) - 1);
		free(copy);
	}
	check(passed, "only the whole text is read");
	check(clock_parse("2026-03-01T12:00:00Z0", 20, &wall_ns), "what is behind it does not matter");
	check(!clock_parse("2026-03-01T12:00:00\0Z", 21, &wall_ns), "a NUL is no end");
}

/* Of each place in a text any byte but those that may stand there is refused. */
static void check_each_byte(void)
{
	static const char text[] = "2026-03-01T12:00:00.5Z";
	unsigned int n_wrong = 0, n_read = 0;

	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		for (unsigned int byte = 0; byte < 256; byte++) {
			char copy[sizeof(text)];
			uint64_t wall_ns;

			memcpy(copy, text, sizeof(text));
			copy[at] = (char)byte;
			bool is_alike = text[at] >= '0' && text[at] <= '9'   ? byte >= '0' && byte <= '9'
					: text[at] == 'T' || text[at] == 'Z' ? (byte & ~0x20u) == (unsigned int)text[at]
									     : byte == (unsigned int)text[at];
			bool is_read = clock_parse(copy, sizeof(text) - 1, &wall_ns);

			n_wrong += is_read && !is_alike;
			n_read += is_read;
		}
	}
	check(!n_wrong && n_read > sizeof(text), "any other byte in any place is refused, %u are not", n_wrong);
}

/* Each day from 1970 on and its last second, against gmtime_r(), and no day that there is not. */
static void check_every_day(void)
{
	const time_t last = 18446744073 / 86400;
	unsigned int n_wrong = 0;

	for (time_t day = 0; day < last; day++) {
		time_t seconds = day * 86400 + 86399;
		char text[32];
		uint64_t start, end;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT00:00:00Z", &tm);
		n_wrong += !parse(text, &start) || start != (uint64_t)day * 86400 * SECOND;
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		n_wrong += !parse(text, &end) || end != (uint64_t)seconds * SECOND;
	}
	check(!n_wrong, "each of %lld days is read as gmtime_r() has it: %u wrong", (long long)last, n_wrong);
}

/* Any numbers in the places of a date: timegm() makes another date of one that there is not. */
static void check_every_date(void)
{
	unsigned int n_wrong = 0, n_read = 0;

	for (int year = 1968; year <= 2556; year++) {
		for (int place = 0; place < 14 * 33; place++) {
			int month = place / 33, day = place % 33;
			struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
			time_t seconds = timegm(&tm);
			bool is_date = tm.tm_year == year - 1900 && tm.tm_mon == month - 1 && tm.tm_mday == day;
			char text[64];
			uint64_t wall_ns = 0;

			snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00Z", year, month, day);
			bool is_read = parse(text, &wall_ns);
			n_wrong += is_read != (is_date && seconds >= 0 && seconds <= 18446744073);
			n_wrong += is_read && wall_ns != (uint64_t)seconds * SECOND;
			n_read += is_read;
		}
	}
	check(!n_wrong && n_read == 18446744073 / 86400 + 1, "%u dates are read, and no others: %u wrong", n_read,
	      n_wrong);
}

/* What clock_format() writes, and the same with other offsets and fewer or more digits. */
static void check_read_back(void)
{
	enum { ROUNDS = 200000 };
	unsigned int n_wrong = 0;
	uint64_t state = 5;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t instant = random_next(&state) >> random_below(&state, 32), read = 0;
		int minutes = (int)random_below(&state, 2 * 1440 - 1) - 1439;
		int digits = 1 + (int)random_below(&state, 9);
		time_t local = (time_t)(instant / SECOND) + minutes * 60;
		char text[CLOCK_TEXT_SIZE], other[128], fraction[16];
		struct tm tm;

		clock_format(instant, text);
		n_wrong += !parse(text, &read) || read != instant;
		if (local < -365 * 86400 || !gmtime_r(&local, &tm))
			continue;
		snprintf(fraction, sizeof(fraction), "%09llu", (unsigned long long)(instant % SECOND));
		for (int at = digits; at < 9; at++)
			fraction[at] = '0';
		snprintf(other, sizeof(other), "%04d-%02d-%02dT%02d:%02d:%02d.%.*s%c%02d:%02d", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, digits, fraction,
			 minutes < 0 ? '-' : '+', abs(minutes) / 60, abs(minutes) % 60);
		n_wrong += !parse(other, &read) || read != instant / SECOND * SECOND + strtoull(fraction, NULL, 10);
	}
	check(!n_wrong, "%d instants are read in two ways: %u wrong", ROUNDS, n_wrong);
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
	check_good_texts();
	check_bad_texts();
	check_lengths();
	check_each_byte();
	check_every_day();
	check_every_date();
	check_read_back();
	check_offset();
	check_refresh();
	check_tick();
	return finish_tests();
}
