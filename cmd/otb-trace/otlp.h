/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --otlp: a span as an ExportTraceServiceRequest in OTLP/JSON (opentelemetry-proto, collector/trace/v1, trace/v1), a line
 * each. It is made of the record, so that both say the same: fields become attributes by the names that the semantic
 * conventions have for them, those of the process and of --label attributes of the resource.
 *
 * The tracestate is the caller's, but for `th`: that is the threshold this span was sampled with, or none, since it was
 * not the caller's sampling that chose it.
 */
#ifndef OTB_TRACE_OTLP_H
#define OTB_TRACE_OTLP_H

#include "cmd/otb-trace/options.h"
#include "common/record/buffer.h"
#include "common/record/record.h"

/* Makes a line, LF included, of a span's record that has ended. `start_ns` is wall time.
 * The line is not whole where buffer->failed. */
void otlp_put_span(struct buffer *line, const struct record *record, uint64_t start_ns, const struct options *options);

/* Writes a tracestate of at most 512 bytes with `threshold` ("": none) for the `th` of its member `ot`, which comes first
 * as a changed one has to. Returns its length; `to` has room for OTLP_TRACESTATE_SIZE bytes. */
enum { OTLP_TRACESTATE_SIZE = 640 };
size_t otlp_tracestate(const char *text, size_t length, const char *threshold, char to[OTLP_TRACESTATE_SIZE]);

#endif
