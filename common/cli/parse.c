/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli/parse.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_NS (365 * 24 * 3600 * UINT64_C(1000000000))

struct unit {
	const char *name;
	uint64_t size;
};

/* Falling: a duration names each unit once, in this order. */
static const struct unit duration_units[] = {
	{ "d", 86400 * UINT64_C(1000000000) },
	{ "h", 3600 * UINT64_C(1000000000) },
	{ "m", 60 * UINT64_C(1000000000) },
	{ "s", UINT64_C(1000000000) },
	{ "ms", 1000000 },
	{ "us", 1000 },
	{ "ns", 1 },
};

static const struct unit size_units[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 } };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Takes the digits at *text. False where there are none or they exceed 64 bits. */
static bool take_digits(const char **text, uint64_t *value)
{
	const char *at = *text;
	uint64_t sum = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
			return false;
	if (at == *text)
		return false;
	*text = at;
	*value = sum;
	return true;
}

bool parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t number;

	if (!take_digits(&text, &number) || *text || number < min || number > max)
		return false;
	*value = number;
	return true;
}

/* The unit whose name is the letters at *text, or NULL. */
static const struct unit *take_unit(const char **text)
{
	size_t length = strspn(*text, "dhmsun");

	for (size_t i = 0; i < COUNT(duration_units); i++) {
		const struct unit *unit = &duration_units[i];

		if (strlen(unit->name) == length && !strncmp(unit->name, *text, length)) {
			*text += length;
			return unit;
		}
	}
	return NULL;
}

/* Takes ".25" and returns it in units of 1e-9; 0 where there is none. Digits behind the ninth are refused, since they
 * would be lost. */
static bool take_fraction(const char **text, uint64_t *billionths)
{
	uint64_t digits;
	size_t length;

	*billionths = 0;
	if (**text != '.')
		return true;
	++*text;
	length = strspn(*text, "0123456789");
	if (length > 9 || !take_digits(text, &digits))
		return false;
	for (; length < 9; length++)
		digits *= 10;
	*billionths = digits;
	return true;
}

bool parse_fraction(const char *text, double max, double *value)
{
	char *end;

	if (!(*text >= '0' && *text <= '9') || text[strspn(text, "0123456789.eE+-")])
		return false;
	*value = strtod(text, &end);
	return !*end && isfinite(*value) && *value >= 0 && *value <= max;
}

bool parse_duration(const char *text, uint64_t *ns)
{
	const struct unit *previous = NULL;
	uint64_t sum = 0;

	do {
		const struct unit *unit;
		unsigned __int128 fraction;
		uint64_t whole, billionths;

		if (!take_digits(&text, &whole) || !take_fraction(&text, &billionths))
			return false;
		if (!*text && !previous)
			unit = &duration_units[3];
		else
			unit = take_unit(&text);
		if (!unit || (previous && unit <= previous) || (billionths && *text))
			return false;
		fraction = (unsigned __int128)billionths * unit->size;
		/* What is finer than a nanosecond would be lost. */
		if (whole > YEAR_NS / unit->size || fraction % 1000000000)
			return false;
		sum += whole * unit->size + (uint64_t)(fraction / 1000000000);
		previous = unit;
	} while (*text);

	if (!sum || sum > YEAR_NS)
		return false;
	*ns = sum;
	return true;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	uint64_t number;

	if (!take_digits(&text, &number))
		return false;
	for (size_t i = 0; i < COUNT(size_units); i++) {
		if (strcmp(size_units[i].name, text))
			continue;
		if (!number || number > UINT64_MAX / size_units[i].size)
			return false;
		*bytes = number * size_units[i].size;
		return true;
	}
	return false;
}

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool cidr_is_ipv4(const struct cidr *cidr)
{
	return cidr->bits >= 8 * sizeof(mapped) && !memcmp(cidr->address, mapped, sizeof(mapped));
}

static void clear_host_bits(struct cidr *cidr)
{
	for (unsigned int bit = cidr->bits; bit < 128; bit++)
		cidr->address[bit / 8] &= (uint8_t)(0xff ^ 0x80 >> bit % 8);
}

bool parse_cidr(const char *text, struct cidr *cidr)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	struct cidr result = { .bits = 128 };
	unsigned int width = 128;
	uint64_t bits;

	if ((size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';

	if (inet_pton(AF_INET, host, result.address + 12) == 1) {
		memcpy(result.address, mapped, sizeof(mapped));
		width = 32;
	} else if (inet_pton(AF_INET6, host, result.address) != 1) {
		return false;
	}
	if (*slash) {
		if (!parse_uint(slash + 1, 0, width, &bits))
			return false;
		result.bits = (uint8_t)(128 - width + bits);
	}
	clear_host_bits(&result);
	*cidr = result;
	return true;
}
