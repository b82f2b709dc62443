/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/clock.h"

#include <endian.h>
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

uint64_t clock_tick_ns(void)
{
	struct timespec resolution;

	/* The coarse clocks advance once a tick (KTIME_LOW_RES, include/linux/hrtimer_defs.h). */
	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return (uint64_t)resolution.tv_sec * SECOND_NS + (uint64_t)resolution.tv_nsec;
}

/* ---- text ---- */

enum { NO_NUMBER = 100, DAY_SECONDS = 86400 };

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

/* NO_NUMBER where these are not two digits. */
static unsigned int read_two(const char *text)
{
	unsigned int tens = (unsigned char)text[0] - '0', ones = (unsigned char)text[1] - '0';

	return tens > 9 || ones > 9 ? NO_NUMBER : tens * 10 + ones;
}

static bool is_leap(unsigned int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* "2026-03-01" in days since 1970. An offset may lead to 1970 from the year before. */
static bool read_date(const char *text, int64_t *days)
{
	static const unsigned int days_before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
	const int64_t days_until_1970 = 719162; /* from the first day of the year 1 on */
	unsigned int century = read_two(text), of_century = read_two(text + 2), month = read_two(text + 5),
		     day = read_two(text + 8), year = century * 100 + of_century, past = year - 1;

	if (century == NO_NUMBER || of_century == NO_NUMBER || year < 1969 || year > 2554 || text[4] != '-' ||
	    text[7] != '-' || month < 1 || month > 12)
		return false;
	if (day < 1 || day > days_before[month] - days_before[month - 1] + (month == 2 && is_leap(year)))
		return false;
	*days = 365 * past + past / 4 - past / 100 + past / 400 - days_until_1970 + days_before[month - 1] +
		(month > 2 && is_leap(year)) + day - 1;
	return true;
}

/* "12:00:00" */
static bool read_time_of_day(const char *text, int64_t *seconds)
{
	unsigned int hour = read_two(text), minute = read_two(text + 3), second = read_two(text + 6);

	*seconds = (hour * 60 + minute) * 60 + second;
	return text[2] == ':' && text[5] == ':' && hour <= 23 && minute <= 59 && second <= 60;
}

/* Eight digits at once: each pair of neighbours becomes one number, three times. False: these are none. */
static bool read_eight(const char *text, uint64_t *value)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	word = le64toh(word);
	if ((word & 0xf0 * each) != 0x30 * each || ((word + 0x06 * each) & 0xf0 * each) != 0x30 * each)
		return false;
	word = (word & 0x0f * each) * (1 + (10 << 8)) >> 8;
	word = (word & UINT64_C(0x00ff00ff00ff00ff)) * (1 + (100 << 16)) >> 16;
	*value = (word & UINT64_C(0x0000ffff0000ffff)) * (1 + (UINT64_C(10000) << 32)) >> 32;
	return true;
}

/* The digits behind the point. Returns where they end, NULL where there are none. */
static const char *read_fraction(const char *at, const char *end, uint64_t *ns)
{
	const char *first = at;
	uint64_t unit = SECOND_NS;

	*ns = 0;
	if (end - at >= 8 && read_eight(at, ns)) {
		at += 8;
		unit = 10;
		*ns *= unit;
	}
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		unit /= 10;
		*ns += unit * (uint64_t)(*at - '0');
	}
	return at > first ? at : NULL;
}

/* "Z", "+01:00": what local time is ahead of UTC. */
static bool read_offset(const char *text, size_t length, int64_t *seconds)
{
	*seconds = 0;
	if (length == 1)
		return *text == 'Z' || *text == 'z';
	if (length != 6 || (*text != '+' && *text != '-') || text[3] != ':')
		return false;
	unsigned int hours = read_two(text + 1), minutes = read_two(text + 4);
	*seconds = (int64_t)(hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return hours <= 23 && minutes <= 59;
}

bool clock_parse(const char *text, size_t length, uint64_t *wall_ns)
{
	enum { TIME = sizeof("2026-03-01T") - 1, FRACTION = sizeof("2026-03-01T12:00:00") - 1 };
	const char *at, *end = text + length;
	int64_t days, of_day, offset;
	uint64_t ns = 0;

	if (length <= FRACTION || !read_date(text, &days) || (text[TIME - 1] | 0x20) != 't' ||
	    !read_time_of_day(text + TIME, &of_day))
		return false;
	at = text + FRACTION;
	if (*at == '.')
		at = read_fraction(at + 1, end, &ns);
	if (!at || !read_offset(at, (size_t)(end - at), &offset))
		return false;
	int64_t seconds = days * DAY_SECONDS + of_day - offset;
	if (text[FRACTION - 2] == '6') { /* a leap second */
		if (seconds % DAY_SECONDS != 0)
			return false;
		ns = 0;
	}
	if (seconds < 0 || (uint64_t)seconds > (UINT64_MAX - ns) / SECOND_NS)
		return false;
	*wall_ns = (uint64_t)seconds * SECOND_NS + ns;
	return true;
}

/* "2026-03-01T12:00:07.5Z", behind the minute. */
static bool read_within_minute(const char *text, size_t length, uint64_t *ns)
{
	unsigned int second = read_two(text);
	const char *end = text + length - 1, *at = text + 2;
	uint64_t fraction = 0;

	if (second > 59 || *end != 'Z')
		return false;
	if (at < end)
		at = *at == '.' ? read_fraction(at + 1, end, &fraction) : NULL;
	*ns = second * SECOND_NS + fraction;
	return at == end;
}

bool clock_text_parse(struct clock_text *last, const char *text, size_t length, uint64_t *wall_ns)
{
	const uint64_t minute_ns = 60 * SECOND_NS;
	uint64_t ns;

	if (length > CLOCK_MINUTE_SIZE + 2 && !memcmp(text, last->minute, CLOCK_MINUTE_SIZE) &&
	    read_within_minute(text + CLOCK_MINUTE_SIZE, length - CLOCK_MINUTE_SIZE, &ns) &&
	    !__builtin_add_overflow(last->minute_ns, ns, wall_ns))
		return true;
	if (!clock_parse(text, length, wall_ns))
		return false;
	/* Of an offset, or a leap second, the minute is not that of its text. */
	if (read_within_minute(text + CLOCK_MINUTE_SIZE, length - CLOCK_MINUTE_SIZE, &ns)) {
		memcpy(last->minute, text, CLOCK_MINUTE_SIZE);
		last->minute_ns = *wall_ns - *wall_ns % minute_ns;
	}
	return true;
}
