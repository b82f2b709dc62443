/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule/regex.h"

#include <string.h>

static bool has_back_reference(const char *pattern)
{
	for (const char *c = strchr(pattern, '\\'); c && c[1]; c = strchr(c + 2, '\\'))
		if (c[1] >= '1' && c[1] <= '9')
			return true;
	return false;
}

bool regex_compile(regex_t *regex, int flags, struct lexer *lexer, const char *at, const char *pattern)
{
	char message[LEXER_ERROR_SIZE];
	int error;

	if (has_back_reference(pattern))
		return lexer_fail_at(lexer, at, "bad regular expression: extended ones have no back-references");
	error = regcomp(regex, pattern, REG_EXTENDED | flags);
	if (!error)
		return true;
	regerror(error, regex, message, sizeof(message));
	return lexer_fail_at(lexer, at, "bad regular expression: %s", message);
}
