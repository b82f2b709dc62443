/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/JSON's AnyValue (opentelemetry-proto, common/v1/common.proto): the value of an attribute, as text and as a member
 * of a record. Pages serve as growing texts here.
 */
#ifndef OTB_EXPOSE_OTLP_ANY_H
#define OTB_EXPOSE_OTLP_ANY_H

#include "common/metrics/exposition.h"
#include "common/record/json_walk.h"

enum { OTLP_VALUE_MAX = 1024 }; /* bytes of a value; longer ones are cut at a character */

/* A KeyValue of a list: `key` is a string. False for what is none. */
bool otlp_take_attribute(const char *text, const struct json_value *element, struct json_value *key,
			 struct json_value *any);

/* Appends a value as text (specification/common/README.md, AnyValue representation for non-OTLP protocols): a string as
 * it is, arrays and maps as JSON, bytes in base64. A NUL becomes '?'. False: there is none, and nothing was appended. */
bool otlp_add_text(struct page *out, const char *text, const struct json_value *any);

/* Appends it as a JSON value: a string, a number, true or false; arrays and maps as a string that holds JSON. */
bool otlp_add_json(struct page *out, const char *text, const struct json_value *any);

#endif
