/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.type of a call that returned an error: the name of the error's Go type, as %T prints it ("*net.OpError",
 * "context.deadlineExceededError").
 *
 * It comes from the name of one of its methods in the pclntab, which every file has. There "net/http.(*httpError).Error" is
 * a method of *http.httpError, and the same where it was made by the compiler for http.httpError: which of the two it is,
 * the type itself tells. The package is named by the last part of its path, which is its name but for a few.
 */
#ifndef OTB_TRACE_ERROR_TYPE_H
#define OTB_TRACE_ERROR_TYPE_H

#include <stdbool.h>

#include "common/go/binary.h"

#define ERROR_TYPE_OTHER "_OTHER" /* what the conventions say where nothing is known */

enum { ERROR_TYPE_SIZE = GO_NAME_SIZE };

/* From the name of a method; empty: not known. */
void error_type_of_method(const char *method, bool is_pointer, char text[ERROR_TYPE_SIZE]);

#endif
