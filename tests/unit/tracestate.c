/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threshold and the random number in a tracestate: texts good and bad, and each of their prefixes. And which lists are
 * valid, with what W3C's test suite (w3c/trace-context, test/test.py) takes and refuses.
 */
#include "common/record/tracestate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define NONE UINT64_MAX

static const struct {
	const char *text;
	uint64_t threshold, r;
} known[] = {
	{ "ot=th:c", UINT64_C(0xc0000000000000), NONE },
	{ "ot=th:0", 0, NONE },
	{ "ot=rv:d29d6a7215ced0", NONE, UINT64_C(0xd29d6a7215ced0) },
	{ "ot=rv:00000000000000", NONE, 0 },
	{ "ot=rv:ffffffffffffff", NONE, UINT64_C(0xffffffffffffff) },
	{ "ot=th:c;rv:d29d6a7215ced0", UINT64_C(0xc0000000000000), UINT64_C(0xd29d6a7215ced0) },
	{ "ot=rv:d29d6a7215ced0;th:c", UINT64_C(0xc0000000000000), UINT64_C(0xd29d6a7215ced0) },
	{ "a=b,ot=x:;p:8;th:fd70a,z@y=w", UINT64_C(0xfd70a000000000), NONE },
	{ " a=b ,\tot=th:8 , z=1", UINT64_C(0x80000000000000), NONE },
	{ "ot=th:8\t", UINT64_C(0x80000000000000), NONE },
	{ ",,ot=;th:8;", UINT64_C(0x80000000000000), NONE },
	{ "ot=th:8;th:4,ot=th:2", UINT64_C(0x80000000000000), NONE },
	{ "ot=ath:4;th:8;rva:1", UINT64_C(0x80000000000000), NONE },
	/* None of them. */
	{ "", NONE, NONE },
	{ ",", NONE, NONE },
	{ "ot", NONE, NONE },
	{ "ot=", NONE, NONE },
	{ "ot=;", NONE, NONE },
	{ "ot=th", NONE, NONE },
	{ "ot=th:", NONE, NONE },
	{ "ot=rv:", NONE, NONE },
	{ "th:8", NONE, NONE },
	{ "to=th:8", NONE, NONE },
	{ "not=th:8", NONE, NONE },
	{ "OT=th:8", NONE, NONE },
	{ "ot=TH:8", NONE, NONE },
	{ "ot th:8", NONE, NONE },
	{ "ot@vendor=th:8", NONE, NONE },
	{ "a=ot=th:8", NONE, NONE },
	{ "a=b;ot=th:8", NONE, NONE },
	{ "ot=x:1,th:8", NONE, NONE },
	{ "ot=x:1,ot=th:8", NONE, NONE },
	{ "ot=th:xyz", NONE, NONE },
	{ "ot=th:C", NONE, NONE },
	{ "ot=th:123456789abcdef", NONE, NONE },
	{ "ot=rv:d29d6a7215ced", NONE, NONE },
	{ "ot=rv:d29d6a7215ced00", NONE, NONE },
	{ "ot=rv:D29D6A7215CED0", NONE, NONE },
	{ "ot=rv:d29d6a7215ced ", NONE, NONE },
	{ "ot=rv:0xd29d6a7215ce", NONE, NONE },
};

static bool is_read(const char *text, size_t length, uint64_t threshold, uint64_t r)
{
	uint64_t read_threshold = 7, read_r = 7;
	bool has_threshold = tracestate_threshold(text, length, &read_threshold);
	bool has_r = tracestate_randomness(text, length, &read_r);

	return has_threshold == (threshold != NONE) && has_r == (r != NONE) &&
	       (!has_threshold || read_threshold == threshold) && (!has_r || read_r == r);
}

static void test_texts(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		check(is_read(known[i].text, strlen(known[i].text), known[i].threshold, known[i].r), "'%s' is read",
		      known[i].text);
	check(is_read("ot=th:c\0;rv:d29d6a7215ced0", 26, NONE, UINT64_C(0xd29d6a7215ced0)),
	      "a NUL is a byte as others are");
}

/* Cut anywhere, with nothing behind it that may be read. */
static void test_prefixes(void)
{
	static const char text[] = "a=b, ot=th:fd70a4;rv:d29d6a7215ced0";
	static const size_t digits_at = sizeof("a=b, ot=th:") - 1, digits = 6;
	bool passed = true;

	for (size_t length = 0; length < sizeof(text); length++) {
		size_t n = length < digits_at ? 0 : length - digits_at < digits ? length - digits_at : digits;
		uint64_t threshold = n ? UINT64_C(0xfd70a4) >> 4 * (digits - n) << 4 * (14 - n) : NONE;
		char *copy = malloc(length ? length : 1);

		if (!copy)
			abort();
		memcpy(copy, text, length);
		passed &= is_read(copy, length, threshold,
				  length == sizeof(text) - 1 ? UINT64_C(0xd29d6a7215ced0) : NONE);
		free(copy);
	}
	check(passed, "each prefix is read for what it is");
}

/* ---- validity ---- */

static const struct {
	const char *text;
	bool is_valid;
} lists[] = {
	/* The suite: taken. */
	{ "foo=1", true },
	{ "foo=1,bar=2", true },
	{ "foo=1,bar=2,rojo=1,congo=2,baz=3", true },
	{ "", true },
	{ "foo=1,", true },
	{ ",foo=1", true },
	{ "foo=1,foo=1", true },
	{ "foo=1,foo=2", true },
	{ "foo=1 \t , \t bar=2, \t baz=3", true },
	{ "foo=1\t \t,\t \tbar=2,\t \tbaz=3", true },
	{ " foo=1", true },
	{ "\tfoo=1", true },
	{ "foo=1 ", true },
	{ "foo=1\t", true },
	{ "\t foo=1 \t", true },
	{ "foo@=1,bar=2", true },
	{ "foo@@bar=1,bar=2", true },
	{ "foo@bar@baz=1,bar=2", true },
	{ "abcdefghijklmnopqrstuvwxyz0123456789_-*/="
	  " !\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
	  true },
	{ "abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/=~", true },
	/* The suite: refused. */
	{ "foo =1", false },
	{ "FOO=1", false },
	{ "foo.bar=1", false },
	{ "@foo=1,bar=2", false },
	{ "foo=bar=baz", false },
	{ "foo=,bar=3", false },
	/* Keys. */
	{ "0=1", true },
	{ "1a-2@b*/_=1", true },
	{ "=1", false },
	{ "foo", false },
	{ "_a=1", false },
	{ "-=1", false },
	{ "fOo=1", false },
	{ "fo\xe9=1", false },
	{ "a b=1", false },
	{ "a\t=1", false },
	{ "a;b=1", false },
	{ "{=1", false },
	/* Values. */
	{ "a=;", true },
	{ "a= 1", true },
	{ "a=1 2", true },
	{ "a=~!\"#$%&'()*+-./:;<>?@[\\]^_`{|}", true },
	{ "a=", false },
	{ "a= ", false },
	{ "a==", false },
	{ "a=1=", false },
	{ "a=1\t2", false },
	{ "a=\x7f", false },
	{ "a=\x1f", false },
	{ "a=\xc3\xa9", false },
	{ "a=1\n", false },
	/* Members: one that is wrong makes all of them wrong. */
	{ ",", true },
	{ " , ,\t", true },
	{ "a=1,,b=2", true },
	{ "a=1;b=2", false },
	{ "a=1,b", false },
	{ "b,a=1", false },
	{ "a=1,b=2,c", false },
};

/* A list of so many members, with so many empty ones behind each. */
static bool is_list_valid(unsigned int members, unsigned int empty)
{
	char text[1024];
	size_t length = 0;

	for (unsigned int i = 0; i < members; i++) {
		length += (size_t)snprintf(text + length, sizeof(text) - length, "bar%02u=%02u,", i, i);
		for (unsigned int j = 0; j < empty; j++)
			text[length++] = ',';
	}
	return tracestate_is_valid(text, length);
}

/* A member with a key and a value of so many bytes, behind another. */
static bool is_member_valid(size_t key, size_t value)
{
	char text[600] = "foo=1,";
	size_t at = strlen(text);

	memset(text + at, 'z', key);
	text[at + key] = '=';
	memset(text + at + key + 1, 'v', value);
	return tracestate_is_valid(text, at + key + 1 + value);
}

static void test_validity(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		check(tracestate_is_valid(lists[i].text, strlen(lists[i].text)) == lists[i].is_valid, "'%s' is %s",
		      lists[i].text, lists[i].is_valid ? "valid" : "invalid");
	check(!tracestate_is_valid("a\0=1", 4) && !tracestate_is_valid("a=\0", 3) && !tracestate_is_valid("\0", 1),
	      "a NUL is invalid anywhere");
	check(is_list_valid(32, 0) && is_list_valid(32, 5) && !is_list_valid(33, 0), "there may be 32 members");
	check(is_member_valid(256, 1) && !is_member_valid(257, 1) && is_member_valid(1, 256) &&
		      !is_member_valid(1, 257),
	      "keys and values may have 256 bytes");
}

int main(void)
{
	test_texts();
	test_prefixes();
	test_validity();
	return finish_tests();
}
