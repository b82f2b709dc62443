/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of headers that the kernel side looks for.
 */
#ifndef OTB_TRACE_HEADERS_H
#define OTB_TRACE_HEADERS_H

#include "bpf/trace.h"

/* Fills in the names of all headers the kernel side knows, and behind them `n` of --header, each shorter than
 * TRACE_HEADER_NAME_SIZE and none of them twice; and in `places` where each of these is found, which is among the known
 * ones if it is one of them. Returns their lengths as bits. */
__u64 headers_name(struct trace_header_name names[FOUND_MAX], __u32 places[TRACE_HEADERS_MAX],
		   const char *const *wanted, unsigned int n);

#endif
