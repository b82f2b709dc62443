/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions on records, as rules have them behind `where`, --keep and --drop:
 *
 *	http_response_status_code >= 500 or duration_ns > 500ms and not (url_path == "/healthz")
 *	error_type exists
 *	http_request_method in ("GET", "HEAD")
 *	url_path =~ "^/api/v[0-9]+/"
 *
 * `not` binds tighter than `and`, and that tighter than `or`; `and` and `or` look at their right side only where it
 * matters. A comparison with a field that the record does not have is false, but for `!=`, which is the opposite of
 * `==`; so is one with a value that is no number where the rule has a number (a string that holds one is one). A string in
 * the rule is compared with the value's text, bytewise; `true` and `false` with those. Numbers are compared as doubles, and
 * integers of up to 64 bits exactly.
 *
 * A number may bear a suffix. Of time (ns, us, ms, s, m, h, d) it is turned into the unit that the field's name ends in
 * (_ns, _us, _ms, _s, _seconds); a name without one is an error. Of size (K, M, G: powers of 1024) it multiplies.
 *
 * Regular expressions are POSIX extended ones, which see the bytes of the value's text: of UTF-8 a '.' is one byte, but
 * it is no NUL, which is a byte like others to all else.
 *
 * and, or, not, in, exists, true, false are no names of fields.
 */
#ifndef OTB_CONDITION_H
#define OTB_CONDITION_H

#include "common/rule/field.h"
#include "common/rule/lexer.h"

enum { CONDITION_DEPTH_MAX = 64 }; /* of parentheses and `not` */

struct condition;

/* Parses a condition from the current token up to the first that cannot belong to it, and adds its fields to `names`,
 * which must not outlive it. NULL: an error, which the lexer holds; `names` are of no use any more then, as they may
 * point to what is gone. */
struct condition *condition_parse(struct lexer *lexer, struct json_names *names);
void condition_free(struct condition *condition);

/* Allocates nothing, but where the rule has a regular expression that is more than text with ^ or $ (regexec() does), or
 * a value of more than 4 KiB has escapes: without memory for that the value does not match. */
bool condition_holds(const struct condition *condition, const struct record_view *record);

#endif
