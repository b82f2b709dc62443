/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rejection threshold of OpenTelemetry's consistent probability sampling (specification/trace/tracestate-handling.md
 * and tracestate-probability-sampling.md), which records bear as `sampling_threshold` and spans as `th` in their
 * tracestate: of 2^56 random numbers R those below T are rejected, so that a record is kept with a probability of
 * (2^56 - T) / 2^56, and stands for the inverse of it. T = 0 keeps all.
 *
 * Written it is 1 to 14 lower-case hexadecimal digits, the trailing zeros left out: "8" is 1 in 2, "fd70a" is 1 in 100.
 */
#ifndef OTB_THRESHOLD_H
#define OTB_THRESHOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/record/random.h"

enum {
	THRESHOLD_DIGITS = 14,
	THRESHOLD_SIZE = THRESHOLD_DIGITS + 1, /* of the text, with its NUL */
	THRESHOLD_PRECISION = 4,               /* digits, as the specification recommends */
};

#define THRESHOLD_NEVER (UINT64_C(1) << 56) /* what no R reaches: no probability, and without a text */

/* Reads T from `length` bytes of text; false if they are none. */
bool threshold_parse(const char *text, size_t length, uint64_t *threshold);

/* Writes T, which is below THRESHOLD_NEVER, and a NUL. Returns the length. */
size_t threshold_format(uint64_t threshold, char text[THRESHOLD_SIZE]);

/* The threshold that keeps a record with probability `ratio`, rounded to `precision` digits (1 to 14), which are counted
 * from behind the leading f's on, as the specification's algorithm does: so the precision is one of the ratio, however
 * small. Up to 8 digits in all the result is that algorithm's; then its doubles begin to round twice, and end at 12
 * digits, where this stays exact. A ratio of 1 and above is T = 0; one below 2^-56, as 0 is, and a NaN are
 * THRESHOLD_NEVER. */
uint64_t threshold_of_ratio(double ratio, unsigned int precision);

/* The probability, and how many records a kept one stands for. T is below THRESHOLD_NEVER. */
double threshold_ratio(uint64_t threshold);
double threshold_adjusted_count(uint64_t threshold);

/* Rounds a finite weight from 0 to below 2^64 up or down, up with the probability of its fraction: the mean of many is the
 * weight, and a whole number stays what it is (and takes no random number). */
uint64_t threshold_round(double weight, struct random *random);

#endif
