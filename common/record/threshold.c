/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/threshold.h"

#include <math.h>

enum { DIGIT_BITS = 4, THRESHOLD_BITS = 56 };

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool threshold_parse(const char *text, size_t length, uint64_t *threshold)
{
	uint64_t digits = 0;

	if (length < 1 || length > THRESHOLD_DIGITS)
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = digit_value(text[i]);

		if (digit < 0)
			return false;
		digits = digits << DIGIT_BITS | (uint64_t)digit;
	}
	*threshold = digits << (DIGIT_BITS * (THRESHOLD_DIGITS - length));
	return true;
}

size_t threshold_format(uint64_t threshold, char text[THRESHOLD_SIZE])
{
	size_t length = 0;

	do {
		text[length++] = "0123456789abcdef"[threshold >> (THRESHOLD_BITS - DIGIT_BITS) & 0xf];
		threshold = threshold << DIGIT_BITS & (THRESHOLD_NEVER - 1);
	} while (threshold);
	text[length] = '\0';
	return length;
}

uint64_t threshold_of_ratio(double ratio, unsigned int precision)
{
	int exponent;

	if (!(ratio >= 0x1p-56))
		return THRESHOLD_NEVER;
	if (ratio >= 1)
		return 0;
	uint64_t threshold = THRESHOLD_NEVER - (uint64_t)round(ldexp(ratio, THRESHOLD_BITS));
	frexp(ratio, &exponent);
	/* A probability of 2^-n or a little more has as many leading f's as n has fours. */
	unsigned int digits = precision + (unsigned int)-exponent / DIGIT_BITS;
	if (digits >= THRESHOLD_DIGITS)
		return threshold;
	uint64_t unit = UINT64_C(1) << (DIGIT_BITS * (THRESHOLD_DIGITS - digits));
	return (threshold + unit / 2) & ~(unit - 1);
}

double threshold_ratio(uint64_t threshold)
{
	return (double)(THRESHOLD_NEVER - threshold) * 0x1p-56;
}

double threshold_adjusted_count(uint64_t threshold)
{
	return 0x1p56 / (double)(THRESHOLD_NEVER - threshold);
}

uint64_t threshold_round(double weight, struct random *random)
{
	double whole = floor(weight), fraction = weight - whole;

	return (uint64_t)whole + (fraction > 0 && random_fraction(random) < fraction);
}
