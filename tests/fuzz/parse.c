/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of option values: what they take lies in its range and is the same when it is written another way. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNTOUCHED UINT64_C(0x5ca1ab1e)
#define YEAR (365 * 86400 * UINT64_C(1000000000))

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void parse_number(const char *text)
{
	uint64_t value = UNTOUCHED;
	bool taken = parse_uint(text, 5, 1000, &value);

	require(taken ? value >= 5 && value <= 1000 : value == UNTOUCHED);
	value = UNTOUCHED;
	if (!parse_uint(text, 0, UINT64_MAX, &value)) {
		require(value == UNTOUCHED && !taken);
		return;
	}
	require(value == strtoull(text, NULL, 10) && strspn(text, "0123456789") == strlen(text));
}

static void parse_time(const char *text)
{
	uint64_t ns = UNTOUCHED, again;
	char plain[64];

	if (!parse_duration(text, &ns)) {
		require(ns == UNTOUCHED);
		return;
	}
	require(ns && ns <= YEAR && strspn(text, "0123456789.dhmsun") == strlen(text));
	snprintf(plain, sizeof(plain), "%" PRIu64 "ns", ns);
	require(parse_duration(plain, &again) && again == ns);
	snprintf(plain, sizeof(plain), "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
	require(parse_duration(plain, &again) && again == ns);
}

static void parse_bytes(const char *text)
{
	uint64_t bytes = UNTOUCHED, again;
	char plain[64];

	if (!parse_size(text, &bytes)) {
		require(bytes == UNTOUCHED);
		return;
	}
	snprintf(plain, sizeof(plain), "%" PRIu64, bytes);
	require(bytes && parse_size(plain, &again) && again == bytes);
}

static void parse_prefix(const char *text)
{
	struct cidr cidr, untouched, again;
	char address[INET6_ADDRSTRLEN], plain[64];

	memset(&cidr, 0xa5, sizeof(cidr));
	untouched = cidr;
	if (!parse_cidr(text, &cidr)) {
		require(!memcmp(&cidr, &untouched, sizeof(cidr)));
		return;
	}
	require(cidr.bits <= 128);
	for (unsigned int bit = cidr.bits; bit < 128; bit++)
		require(!(cidr.address[bit / 8] & 0x80 >> bit % 8));
	inet_ntop(AF_INET6, cidr.address, address, sizeof(address));
	snprintf(plain, sizeof(plain), "%s/%u", address, cidr.bits);
	require(parse_cidr(plain, &again) && again.bits == cidr.bits && !memcmp(again.address, cidr.address, 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	parse_number(text);
	parse_time(text);
	parse_bytes(text);
	parse_prefix(text);
	free(text);
	return 0;
}
