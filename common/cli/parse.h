/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict parsers for the values of options. The whole text must be the value: no white space, no sign, nothing behind
 * it. They return false, and leave the result alone, where the text is none or out of range.
 */
#ifndef OTB_PARSE_H
#define OTB_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* An IP prefix. IPv4 is held as its v4-mapped IPv6 form (::ffff:a.b.c.d, `bits` counted from the left of all 128), so
 * that one comparison serves both. Network byte order. */
struct cidr {
	uint8_t address[16];
	uint8_t bits;
};

/* Decimal, min..max. */
bool parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* "0.01", "1e-3": a decimal from 0 to `max`. */
bool parse_fraction(const char *text, double max, double *value);

/* "500ms", "10s", "1m30s", "1.5s"; units ns, us, ms, s, m, h, d in falling order, each once; a bare number is seconds.
 * At least one nanosecond, at most a year. */
bool parse_duration(const char *text, uint64_t *ns);

/* "65536", "64K", "1M", "2G": powers of 1024. */
bool parse_size(const char *text, uint64_t *bytes);

/* "192.0.2.0/24", "192.0.2.1", "2001:db8::/32"; host bits behind the prefix are cleared. */
bool parse_cidr(const char *text, struct cidr *cidr);

/* Whether all addresses in it are IPv4: those of ::ffff:0:0/96. */
bool cidr_is_ipv4(const struct cidr *cidr);

#endif
