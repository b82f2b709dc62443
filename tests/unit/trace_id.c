/* SPDX-License-Identifier: Apache-2.0 */
/* Trace ids of every form, SHA-256 against known digests, and hashes that nobody can steer. */
#include "cmd/otb-sample/trace_id.h"

#include <inttypes.h>
#include <string.h>

#include "common/record/random.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- ids ---- */

static bool read_value(const char *value, struct trace_id *id)
{
	static char line[8192];
	struct sample sample = { .line = NULL };

	fields_open(&sample.names);
	snprintf(line, sizeof(line), "{\"trace_id\":%s}", value);
	bool has_one = trace_id_read(sample_scan(&sample, line), id);
	sample_close(&sample);
	return has_one;
}

static void test_hex(void)
{
	static const struct {
		const char *value;
		uint64_t high, low;
	} ids[] = {
		{ "\"4bf92f3577b34da6a3ce929d0e0e4736\"", UINT64_C(0x4bf92f3577b34da6), UINT64_C(0xa3ce929d0e0e4736) },
		{ "\"4BF92F3577B34DA6A3CE929D0E0E4736\"", UINT64_C(0x4bf92f3577b34da6), UINT64_C(0xa3ce929d0e0e4736) },
		{ "\"4Bf92F3577b34Da6a3cE929d0e0E4736\"", UINT64_C(0x4bf92f3577b34da6), UINT64_C(0xa3ce929d0e0e4736) },
		{ "\"\\u0034bf92f3577b34da6a3ce929d0e0e4736\"", UINT64_C(0x4bf92f3577b34da6),
		  UINT64_C(0xa3ce929d0e0e4736) },
		{ "\"ffffffffffffffffffffffffffffffff\"", UINT64_MAX, UINT64_MAX },
		{ "\"00000000000000000000000000000001\"", 0, 1 },
		{ "\"10000000000000000000000000000000\"", UINT64_C(1) << 60, 0 },
		{ "\"00000000000000010000000000000000\"", 1, 0 },
		{ "\"a3ce929d0e0e4736\"", 0, UINT64_C(0xa3ce929d0e0e4736) },
		{ "\"0000000000000000a3ce929d0e0e4736\"", 0, UINT64_C(0xa3ce929d0e0e4736) },
		{ "\"0000000000000001\"", 0, 1 },
		{ "\"FFFFFFFFFFFFFFFF\"", 0, UINT64_MAX },
		/* Without their leading zeros, as Jaeger writes them. */
		{ "\"3ce929d0e0e4736\"", 0, UINT64_C(0x03ce929d0e0e4736) },
		{ "\"ce929d0e0e4736\"", 0, UINT64_C(0xce929d0e0e4736) },
		{ "\"f92f3577b34da6a3ce929d0e0e4736\"", UINT64_C(0x00f92f3577b34da6), UINT64_C(0xa3ce929d0e0e4736) },
	};

	for (size_t i = 0; i < COUNT(ids); i++) {
		struct trace_id id = { .low = 99 };

		check(read_value(ids[i].value, &id) && id.is_hex && id.high == ids[i].high && id.low == ids[i].low,
		      "%s is read", ids[i].value);
	}
}

/* Every ASCII byte that needs no escape, in every place. */
static void test_each_byte(void)
{
	unsigned int n_wrong = 0;

	for (size_t place = 0; place < 32; place++) {
		for (char byte = ' '; byte <= '~'; byte++) {
			char value[] = "\"0123456789abcdefFEDCBA9876543210\"", digit[] = { byte, '\0' };
			struct trace_id id;

			if (byte == '"' || byte == '\\')
				continue;
			value[1 + place] = byte;
			bool is_read = read_value(value, &id);
			bool is_digit = strspn(digit, "0123456789abcdefABCDEF");
			uint64_t half = place < 16 ? id.high : id.low, got = half >> (60 - place % 16 * 4) & 0xf;
			n_wrong += !is_read || id.is_hex != is_digit || (is_digit && got != strtoul(digit, NULL, 16));
		}
	}
	check(!n_wrong, "each byte in each place is a digit or none, but for %u", n_wrong);
}

static void test_none(void)
{
	static const char *const values[] = { "\"\"",
					      "null",
					      "17",
					      "true",
					      "[\"4bf92f3577b34da6a3ce929d0e0e4736\"]",
					      "{}",
					      "\"00000000000000000000000000000000\"",
					      "\"0000000000000000\"",
					      "\"00000000000000\"" };

	for (size_t i = 0; i < COUNT(values); i++) {
		struct trace_id id;

		check(!read_value(values[i], &id), "%s is no id", values[i]);
	}
}

/* Ids of another form are told apart, and are the same however they are written. */
static void test_other(void)
{
	static const char *const values[] = {
		"\"4bf92f35-77b3-4da6-a3ce-929d0e0e4736\"",
		"\"4BF92F35-77b3-4da6-a3ce-929d0e0e4736\"",
		"\"4bf92f3577b34da6a3ce929d0e0e473g\"",
		"\"g3ce929d0e0e4736\"",
		"\"a3ce929d0e0e473\\u0000\"",
		"\" a3ce929d0e0e4736\"",
		"\"0xa3ce929d0e0e4736\"",
		"\"04bf92f3577b34da6a3ce929d0e0e4736\"",
		"\"1\"",
		"\"0\"",
		"\"abcdef0123456\"",
		"\"\xc3\xa9\"",
		/* Decimal, as Datadog writes them: the digits are not evenly spread, and R would never be large. */
		"\"12345678901234567\"",
		"\"1234567890123456789\"",
		"\"12345678901234567890\"",
	};
	struct trace_id ids[COUNT(values)], again;
	bool passed = true;

	for (size_t i = 0; i < COUNT(values); i++) {
		check(read_value(values[i], &ids[i]) && !ids[i].is_hex, "%s is an id that R is not taken from",
		      values[i]);
		for (size_t j = 0; j < i; j++)
			passed &= !trace_id_equals(&ids[i], &ids[j]);
	}
	check(passed, "each is another");
	check(read_value("\"\\u00e9\"", &again) && trace_id_equals(&again, &ids[11]) &&
		      read_value("\"\\u0031\"", &again) && trace_id_equals(&again, &ids[8]),
	      "and the same with escapes");
}

/* The first 128 bits of the SHA-256 of "abc". */
static void test_hashed(void)
{
	struct trace_id id;

	check(read_value("\"abc\"", &id) && id.high == UINT64_C(0xba7816bf8f01cfea) &&
		      id.low == UINT64_C(0x414140de5dae2223),
	      "an id of another form is a hash");
}

/* ---- SHA-256 ---- */

static void test_digests(void)
{
	static const struct {
		const char *text;
		size_t length;
		uint64_t r;
	} known[] = {
		/* FIPS 180-4's examples, and what sha256sum(1) says. */
		{ "", 0, UINT64_C(0x95991b7852b855) },
		{ "abc", 3, UINT64_C(0x10ff61f20015ad) },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, UINT64_C(0xecedd419db06c1) },
		{ "17", 2, UINT64_C(0x9a8f283be6b9e3) },
		{ "\xc3\xa9", 2, UINT64_C(0x1c3f6e2ba69c4c) },
		{ "a\0b", 3, UINT64_C(0x1ad5ce98920a7138) & 0xffffffffffffff },
	};
	enum { MILLION = 1000000 };
	char *many = malloc(MILLION);

	for (size_t i = 0; i < COUNT(known); i++)
		check(hash_randomness(known[i].text, known[i].length) == known[i].r, "R of \"%s\" is %014" PRIx64,
		      known[i].text, known[i].r);
	memset(many, 'a', MILLION);
	check(hash_randomness(many, MILLION) == UINT64_C(0x6d39ccc7112cd0), "and that of a million");
	free(many);
}

/* ---- hashes for tables ---- */

enum { IDS = 4096, BUCKETS = 4096, FAMILIES = 7 };

/* Ids as they are chosen by somebody who has read the source, but does not know the seed. */
static struct trace_id choose_id(unsigned int family, uint64_t i)
{
	const uint64_t constant = UINT64_C(0x9e3779b97f4a7c15);

	switch (family) {
	case 0:
		return (struct trace_id){ .high = i << 48, .low = constant };
	case 1:
		return (struct trace_id){ .high = constant, .low = i << 48 };
	case 2:
		return (struct trace_id){ .high = 0, .low = i };
	case 3:
		return (struct trace_id){ .high = i, .low = 0 };
	case 4:
		return (struct trace_id){ .high = i << 32, .low = i << 32 };
	case 5:
		return (struct trace_id){ .high = ~i, .low = i };
	default:
		return (struct trace_id){ .high = UINT64_C(1) << i % 64, .low = UINT64_C(1) << i / 64 };
	}
}

static void test_spread(void)
{
	static const uint64_t seeds[] = { 1, 7, UINT64_C(0xd6e8feb86659fd93), UINT64_C(0x0123456789abcdef) };
	static unsigned int counts[BUCKETS];

	for (unsigned int family = 0; family < FAMILIES; family++) {
		unsigned int most = 0;

		for (size_t i = 0; i < COUNT(seeds); i++) {
			memset(counts, 0, sizeof(counts));
			for (uint64_t j = 0; j < IDS; j++) {
				struct trace_id id = choose_id(family, j);
				unsigned int n = ++counts[trace_id_hash(&id, seeds[i]) % BUCKETS];

				most = n > most ? n : most;
			}
		}
		/* 4096 that are spread by chance: more than 12 in one place once in a hundred thousand tables. */
		check(most <= 12, "ids of family %u: at most %u in one place", family, most);
	}
}

int main(void)
{
	test_hex();
	test_each_byte();
	test_none();
	test_other();
	test_hashed();
	test_digests();
	test_spread();
	return finish_tests();
}
