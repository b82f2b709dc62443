/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/rpc.h"

#include <stdio.h>

#include "cmd/otb-trace/span_name.h"

enum code {
	UNKNOWN = 2,
	DEADLINE_EXCEEDED = 4,
	UNIMPLEMENTED = 12,
	INTERNAL = 13,
	UNAVAILABLE = 14,
	DATA_LOSS = 15,
	CODES = 17,
};

static const char *const code_names[CODES] = {
	"OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
	"NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
	"ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED",
};

static bool is_native(const struct span *span)
{
	return span->event->protocol == TRACE_GRPC;
}

bool rpc_is(const struct span *span)
{
	return is_native(span) || span->event->flags & SPAN_RPC;
}

const struct span_text *rpc_path(const struct span *span)
{
	return &span->texts[is_native(span) ? TEXT_RPC_METHOD : TEXT_PATH];
}

const char *rpc_method_of(const struct span *span, size_t *length)
{
	const struct span_text *path = rpc_path(span);

	return rpc_method(path->data, path->length, length);
}

static bool get_code(const struct span *span, unsigned int *code)
{
	const struct trace_span *event = span->event;

	*code = is_native(span) ? event->status : event->rpc_status;
	return event->flags & (is_native(span) ? SPAN_HAS_STATUS : SPAN_HAS_RPC_STATUS);
}

const char *rpc_status(const struct span *span, char text[RPC_STATUS_SIZE])
{
	unsigned int code;

	if (!get_code(span, &code))
		return NULL;
	if (code < CODES)
		return code_names[code];
	snprintf(text, RPC_STATUS_SIZE, "%u", code);
	return text;
}

/* docs/rpc/grpc.md. A code that is none of gRPC's is to be taken for UNKNOWN (doc/statuscodes.md). */
static bool is_error(const struct span *span, unsigned int code)
{
	if (span->event->kind == SPAN_KIND_CLIENT)
		return code != 0;
	switch (code) {
	case UNKNOWN:
	case DEADLINE_EXCEEDED:
	case UNIMPLEMENTED:
	case INTERNAL:
	case UNAVAILABLE:
	case DATA_LOSS:
		return true;
	default:
		return code >= CODES;
	}
}

const char *rpc_error(const struct span *span, char text[RPC_STATUS_SIZE])
{
	unsigned int code;

	if (get_code(span, &code))
		return is_error(span, code) ? rpc_status(span, text) : NULL;
	return span->event->flags & SPAN_ERROR ? "_OTHER" : NULL;
}
