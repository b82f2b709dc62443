/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gRPC's spans say, by OpenTelemetry's conventions (docs/rpc/grpc.md, in the form that followed 1.37): rpc.method is
 * `package.Service/Method`, rpc.response.status_code the status by name, as in grpc/grpc, doc/statuscodes.md.
 */
#ifndef OTB_TRACE_RPC_H
#define OTB_TRACE_RPC_H

#include "cmd/otb-trace/span.h"

enum { RPC_STATUS_SIZE = sizeof("4294967295") };

/* A span of gRPC itself, or of net/http with gRPC in its handler. */
bool rpc_is(const struct span *span);

/* ":path"; of any other span its path. */
const struct span_text *rpc_path(const struct span *span);

/* The method, a part of the path. NULL: none. */
const char *rpc_method_of(const struct span *span, size_t *length);

/* The name of the status, or the number of one that has no name, in `text`. NULL: it is not known. */
const char *rpc_status(const struct span *span, char text[RPC_STATUS_SIZE]);

/* error.type: the status, where that is an error, which for a server are only those that say that it has failed, not the
 * client; "_OTHER" where there was an error and nothing is known of it. NULL: none. */
const char *rpc_error(const struct span *span, char text[RPC_STATUS_SIZE]);

#endif
