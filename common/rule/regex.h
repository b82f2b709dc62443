/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX extended regular expressions in rules. Back-references, which glibc takes besides, are refused: they make the
 * time that a match takes grow beyond all bounds, and records are anybody's.
 */
#ifndef OTB_REGEX_H
#define OTB_REGEX_H

#include <regex.h>

#include "common/rule/lexer.h"

/* Compiles a pattern. False: an error at `at`, which the lexer holds; there is nothing to free then. */
bool regex_compile(regex_t *regex, int flags, struct lexer *lexer, const char *at, const char *pattern);

#endif
