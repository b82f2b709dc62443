/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client wants, from its headers: the lists of RFC 9110 (12.5.1 Accept, 12.5.3 Accept-Encoding), whose elements
 * have a weight q from 0 (never) to 1.
 *
 * An element that is malformed, or whose q is none, does not count; the others of its header do. NULL: no such header.
 */
#ifndef OTB_EXPOSE_NEGOTIATE_H
#define OTB_EXPOSE_NEGOTIATE_H

#include <stdbool.h>

#include "common/metrics/exposition.h"

/* The format to answer in, chosen as Prometheus' own programs do (prometheus/common, expfmt): OpenMetrics only where
 * version 1.0.0 is named (without a version 0.0.1 is meant, which we do not have), text for version 0.0.4 or none and for
 * a wildcard. The highest q wins, then what is named over a wildcard, then the first. Where nothing fits: text, as a
 * scraper that is refused would show less. */
enum page_format negotiate_format(const char *accept);

/* Whether gzip may be sent. */
bool negotiate_gzip(const char *accept_encoding);

#endif
