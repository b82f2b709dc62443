/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenTelemetry's attribute names (semantic conventions 1.44) as our records spell them: with '_' for '.'. Which
 * underscores were dots cannot be told from a name ("status_code"), so there is a table.
 */
#ifndef OTB_SEMCONV_H
#define OTB_SEMCONV_H

#include <stdbool.h>
#include <stddef.h>

enum { SEMCONV_NAME_MAX = 128 };

/* The conventions' name of a field, "http.response.status_code" of "http_response_status_code", or the name itself
 * where they have none. */
const char *semconv_attribute(const char *field);

/* Whether the conventions have integers for an attribute of that name. */
bool semconv_is_integer(const char *attribute);

/* The field of an attribute: `length` bytes of its name, with '_' for '.', and a NUL. Returns its length; 0: too long. */
size_t semconv_field(const char *attribute, size_t length, char field[SEMCONV_NAME_MAX]);

#endif
