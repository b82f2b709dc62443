/* SPDX-License-Identifier: Apache-2.0 */
/* The strict parsers: what they accept, as which value, and what they refuse. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "common/cli/parse.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND UINT64_C(1000000000)
#define YEAR (365 * 86400 * SECOND)

/* A refused text leaves the result alone. */
#define UNTOUCHED UINT64_C(0xdeadbeefcafe)

struct accepted {
	const char *text;
	uint64_t value;
};

typedef bool parser(const char *text, uint64_t *value);

static void check_accepted(const char *name, parser *parse, const struct accepted *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = UNTOUCHED;
		bool taken = parse(table[i].text, &value);

		check(taken && value == table[i].value, "%s takes '%s' as %" PRIu64 ": %" PRIu64, name, table[i].text,
		      table[i].value, value);
	}
}

static void check_refused(const char *name, parser *parse, const char *const *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = UNTOUCHED;
		bool taken = parse(table[i], &value);

		check(!taken && value == UNTOUCHED, "%s refuses '%s' and leaves the result alone", name, table[i]);
	}
}

/* ---- numbers ---- */

static bool parse_any_uint(const char *text, uint64_t *value)
{
	return parse_uint(text, 0, UINT64_MAX, value);
}

static bool parse_small_uint(const char *text, uint64_t *value)
{
	return parse_uint(text, 3, 17, value);
}

static const struct accepted good_uints[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "007", 7 },
	{ "4294967296", UINT64_C(1) << 32 },
	{ "18446744073709551615", UINT64_MAX },
	{ "000000000000000000000000000000018446744073709551615", UINT64_MAX },
};

static const char *const bad_uints[] = {
	"",
	" ",
	"+1",
	"-1",
	"-0",
	" 1",
	"1 ",
	"1\n",
	"\t1",
	"0x10",
	"1e3",
	"1.0",
	"1,000",
	"a",
	"1a",
	"\xd9\xa1",
	"18446744073709551616",
	"18446744073709551620",
	"99999999999999999999",
	"184467440737095516150",
	"340282366920938463463374607431768211456", /* 2^128 */
};

static const struct accepted good_small_uints[] = { { "3", 3 }, { "17", 17 } };

static const char *const bad_small_uints[] = { "2", "18", "0", "18446744073709551615" };

/* ---- durations ---- */

static const struct accepted good_durations[] = {
	{ "1", SECOND },
	{ "10", 10 * SECOND },
	{ "1.5", 3 * SECOND / 2 },
	{ "0.000000001", 1 },
	{ "1ns", 1 },
	{ "1us", 1000 },
	{ "1.5us", 1500 },
	{ "500ms", SECOND / 2 },
	{ "0.001ms", 1000 },
	{ "0.000001ms", 1 },
	{ "1.5s", 3 * SECOND / 2 },
	{ "1.000000001s", SECOND + 1 },
	{ "1.0s", SECOND },
	{ "1m30s", 90 * SECOND },
	{ "1m1.5s", 61 * SECOND + SECOND / 2 },
	{ "2h", 7200 * SECOND },
	{ "1d2h3m4s5ms6us7ns", UINT64_C(93784005006007) },
	{ "0d1ns", 1 },
	{ "0.5d", 43200 * SECOND },
	{ "90m", 5400 * SECOND },
	{ "365d", YEAR },
	{ "31536000", YEAR },
	{ "364d23h59m59s999ms999us1000ns", YEAR },
	{ "31536000000000000ns", YEAR },
};

static const char *const bad_durations[] = {
	"",
	"0",
	"0s",
	"0.0",
	"0ns",
	"s",
	".5s",
	"1.",
	"1.s",
	"-1s",
	"+1s",
	" 1s",
	"1s ",
	"1 s",
	"1s\n",
	"1S",
	"1M",
	"1sec",
	"1w",
	"1y",
	"1µs",
	"1mms",
	"1sm",
	"1s1s",
	"1s1m",
	"1ms1s",
	"1ns1us",
	"1h1d",
	"1m30",
	"30 1m",
	"1.5m30s",
	"1..5s",
	"1.5.5s",
	"1e3s",
	"0x1s",
	"1,5s",
	"1s500",
	"inf",
	"nan",
	"1.0000000001s",
	/* beyond a year */
	"366d",
	"365d1ns",
	"31536000.000000001",
	"8761h",
	"31536001",
	"31536000000000001ns",
	"364d24h1ns",
	/* beyond 64 bits, in the number and in the product */
	"18446744073709551616ns",
	"18446744073709551615d",
	"213503982334602d",
	"18446744074s",
	"99999999999999999999s",
	/* what is finer than a nanosecond would be lost */
	"0.5ns",
	"1.5ns",
	"0.0001us",
	"1.0000005ms",
	"0.0015us",
};

/* ---- sizes ---- */

static const struct accepted good_sizes[] = {
	{ "1", 1 },
	{ "65536", 65536 },
	{ "64K", 65536 },
	{ "1M", 1 << 20 },
	{ "2G", UINT64_C(2) << 30 },
	{ "18446744073709551615", UINT64_MAX },
	{ "18014398509481983K", UINT64_MAX - 1023 },
	{ "17592186044415M", UINT64_MAX - ((1 << 20) - 1) },
	{ "17179869183G", UINT64_MAX - ((1 << 30) - 1) },
};

static const char *const bad_sizes[] = {
	"",
	"0",
	"0K",
	"K",
	"-1",
	"+1",
	" 1",
	"1 ",
	"1 K",
	"1k",
	"1m",
	"1g",
	"1T",
	"1KB",
	"1KiB",
	"1B",
	"1.5M",
	"1M1K",
	"0x10",
	"1e6",
	"18014398509481984K",
	"17592186044416M",
	"17179869184G",
	"18446744073709551615G",
	"18446744073709551616",
};

/* ---- prefixes ---- */

struct good_cidr {
	const char *text, *address;
	uint8_t bits;
};

static const struct good_cidr good_cidrs[] = {
	{ "192.0.2.1", "::ffff:192.0.2.1", 128 },
	{ "192.0.2.1/32", "::ffff:192.0.2.1", 128 },
	{ "192.0.2.129/25", "::ffff:192.0.2.128", 121 },
	{ "192.0.2.255/24", "::ffff:192.0.2.0", 120 },
	{ "10.255.255.255/9", "::ffff:10.128.0.0", 105 },
	{ "255.255.255.255/1", "::ffff:128.0.0.0", 97 },
	{ "255.255.255.255/0", "::ffff:0.0.0.0", 96 },
	{ "255.255.255.255/31", "::ffff:255.255.255.254", 127 },
	{ "2001:db8::1", "2001:db8::1", 128 },
	{ "2001:db8::1/128", "2001:db8::1", 128 },
	{ "2001:db8:ffff:ffff::1/33", "2001:db8:8000::", 33 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/7", "fe00::", 7 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 127 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/1", "8000::", 1 },
	{ "ffff::/0", "::", 0 },
	{ "::", "::", 128 },
	{ "::1", "::1", 128 },
	{ "2001:DB8::/32", "2001:db8::", 32 },
	/* v4-mapped text is the same prefix as the IPv4 one, 96 bits further */
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", 128 },
	{ "::ffff:192.0.2.1/120", "::ffff:192.0.2.0", 120 },
	{ "::ffff:c000:201/120", "::ffff:192.0.2.0", 120 },
	{ "0000:0000:0000:0000:0000:ffff:255.255.255.255", "::ffff:255.255.255.255", 128 }, /* the longest there is */
};

static const char *const bad_cidrs[] = {
	"",
	"/",
	"/8",
	" 10.0.0.1",
	"10.0.0.1 ",
	"10.0.0.1/",
	"10.0.0.1/ 8",
	"10.0.0.1/33",
	"10.0.0.1/-1",
	"10.0.0.1/+8",
	"10.0.0.1/8/8",
	"10.0.0.1//8",
	"10.0.0.1/8 ",
	"10.0.0.1/0x8",
	"10.0.0.1/255.0.0.0",
	"10.0.0.1/4294967304",
	"10.0.0.1/18446744073709551624",
	"10.0.0",
	"10",
	"10.0.0.256",
	"10.0.0.01",
	"010.0.0.1",
	"0x0a.0.0.1",
	"10.0.0.1.1",
	"10.0.0.1:80",
	"2001:db8::/129",
	"2001:db8::1/",
	"2001:db8::1::2",
	"2001:db8",
	":",
	":::",
	"2001:db8::g",
	"12345::",
	"fe80::1%lo",
	"fe80::1%1/64",
	"[::1]",
	"1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9",
	"::ffff:192.0.2.256",
	"localhost",
	"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	"\xff",
};

static void check_cidrs(void)
{
	for (size_t i = 0; i < COUNT(good_cidrs); i++) {
		const struct good_cidr *good = &good_cidrs[i];
		struct cidr cidr = { .bits = 255 };
		uint8_t expected[16];
		bool taken = parse_cidr(good->text, &cidr);

		check(inet_pton(AF_INET6, good->address, expected) == 1 && taken && cidr.bits == good->bits &&
			      !memcmp(cidr.address, expected, sizeof(expected)),
		      "cidr takes '%s' as %s/%u", good->text, good->address, good->bits);
	}
	for (size_t i = 0; i < COUNT(bad_cidrs); i++) {
		struct cidr cidr, untouched;

		memset(&cidr, 0xa5, sizeof(cidr));
		untouched = cidr;
		check(!parse_cidr(bad_cidrs[i], &cidr) && !memcmp(&cidr, &untouched, sizeof(cidr)),
		      "cidr refuses '%s' and leaves the result alone", bad_cidrs[i]);
	}
}

int main(void)
{
	check_accepted("uint", parse_any_uint, good_uints, COUNT(good_uints));
	check_refused("uint", parse_any_uint, bad_uints, COUNT(bad_uints));
	check_accepted("uint of 3 to 17", parse_small_uint, good_small_uints, COUNT(good_small_uints));
	check_refused("uint of 3 to 17", parse_small_uint, bad_small_uints, COUNT(bad_small_uints));
	check_accepted("duration", parse_duration, good_durations, COUNT(good_durations));
	check_refused("duration", parse_duration, bad_durations, COUNT(bad_durations));
	check_accepted("size", parse_size, good_sizes, COUNT(good_sizes));
	check_refused("size", parse_size, bad_sizes, COUNT(bad_sizes));
	check_cidrs();
	return finish_tests();
}
