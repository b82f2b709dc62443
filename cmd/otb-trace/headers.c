/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/headers.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static __u64 set_name(struct trace_header_name *name, const char *text)
{
	char bytes[TRACE_HEADER_NAME_SIZE];
	size_t length = strlen(text);

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, text, length);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] |= 0x20;
	memcpy(name->words, bytes, sizeof(bytes));
	name->length = (__u32)length;
	return UINT64_C(1) << length;
}

static const char *const known[FOUND_WANTED] = {
	[FOUND_TRACEPARENT] = "traceparent",  [FOUND_TRACESTATE] = "tracestate",  [FOUND_B3] = "b3",
	[FOUND_B3_TRACE_ID] = "x-b3-traceid", [FOUND_B3_SPAN_ID] = "x-b3-spanid", [FOUND_B3_SAMPLED] = "x-b3-sampled",
	[FOUND_B3_FLAGS] = "x-b3-flags",      [FOUND_USER_AGENT] = "user-agent",  [FOUND_PATH] = ":path",
	[FOUND_AUTHORITY] = ":authority",
};

/* The kernel side takes a header for the first that has its name. */
static unsigned int place_of(const char *name, unsigned int otherwise)
{
	for (unsigned int i = 0; i < FOUND_WANTED; i++)
		if (!strcasecmp(known[i], name))
			return i;
	return otherwise;
}

__u64 headers_name(struct trace_header_name names[FOUND_MAX], __u32 places[TRACE_HEADERS_MAX],
		   const char *const *wanted, unsigned int n)
{
	__u64 lengths = 0;

	for (unsigned int i = 0; i < FOUND_WANTED; i++)
		lengths |= set_name(&names[i], known[i]);
	for (unsigned int i = 0; i < TRACE_HEADERS_MAX; i++)
		places[i] = FOUND_WANTED + i;
	for (unsigned int i = 0; i < n; i++) {
		lengths |= set_name(&names[FOUND_WANTED + i], wanted[i]);
		places[i] = place_of(wanted[i], FOUND_WANTED + i);
	}
	return lengths;
}
