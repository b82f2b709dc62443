/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenTelemetry's sampling keeps in the member `ot` of a W3C tracestate, "ot=th:c;rv:d29d6a7215ced0,vendor=..."
 * (specification/trace/tracestate-handling.md; W3C Trace Context section 3.3): `th`, the threshold that a span was sampled
 * with, and `rv`, the random number that stands in for the one in its trace ID.
 *
 * The text is a tracestate as it is, no JSON string with escapes. Blanks around members and values do not matter, and of
 * a key that occurs more than once the first counts. What is no tracestate has neither.
 */
#ifndef OTB_TRACESTATE_H
#define OTB_TRACESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* T, as threshold_parse() reads it. False: there is none. */
bool tracestate_threshold(const char *text, size_t length, uint64_t *threshold);

/* R, 56 bits of exactly 14 lower-case hexadecimal digits. False: there is none. */
bool tracestate_randomness(const char *text, size_t length, uint64_t *r);

/* Whether it is a list of at most 32 members key=value as Level 2 of W3C Trace Context has them (section 3.3.1): a key of
 * 1 to 256 of a-z 0-9 _ - * / @, which begins with a letter or a digit; a value of 1 to 256 printable characters without
 * comma and equals sign, which may begin with spaces. One that is none makes the whole list invalid. Empty members are
 * not counted, so that an empty list is valid; a key may occur more than once. */
bool tracestate_is_valid(const char *text, size_t length);

#endif
