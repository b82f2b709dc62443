/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What propagation.bpf.c takes and answers: one value each, so that the verifier knows where the headers end. */
#ifndef TESTS_TARGET_PROPAGATION_H
#define TESTS_TARGET_PROPAGATION_H

#include "bpf/propagation.h"

struct traceparent_header {
	__u32 length;
	char text[TRACEPARENT_SIZE];
};

struct b3_header {
	__u32 length;
	char text[B3_SIZE];
};

struct tracestate_header {
	__u32 length;
	char text[TRACESTATE_SIZE];
};

struct propagation_answer {
	struct trace_parent parent;
	struct tracestate_sampling sampling;
	__u32 result;
};

#endif
