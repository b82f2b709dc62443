/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of the language in which rules are written, on command lines and in files:
 *
 *	counter http_errors_total{route=url_path} where http_response_status_code >= 500
 *	errors: error_type exists or duration_ns > 500ms -> 1.0
 *
 * Words are letters (ASCII), digits, '_' and '.', and begin with a letter or '_'. Numbers are JSON's, and may have a
 * word that begins with a letter right behind them ("500ms", "64K", "1m30s"). Strings are "in double quotes", where \"
 * and \\ stand for a quote and a backslash and any other backslash for itself, so that regular expressions need no second
 * one; or 'in single quotes', where everything stands for itself. Punctuation: == != <= >= =~ -> < > = { } ( ) , : * /
 *
 * The first error stays, with its column, and every token behind it is TOKEN_END.
 */
#ifndef OTB_LEXER_H
#define OTB_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum { LEXER_ERROR_SIZE = 256 };

enum token_type { TOKEN_END, TOKEN_WORD, TOKEN_NUMBER, TOKEN_STRING, TOKEN_PUNCTUATION };

struct lexer {
	const char *text; /* the rule, NUL-terminated; not the lexer's own */
	enum token_type type;
	const char *token; /* the current one, as it stands in the text: a string with its quotes */
	size_t length;
	char error[LEXER_ERROR_SIZE]; /* "": none */
	size_t column;                /* of the error, from 1, in bytes */
};

/* Stands on the first token then. */
void lexer_open(struct lexer *lexer, const char *text);
void lexer_next(struct lexer *lexer);

/* Whether the current token is this word or punctuation; lexer_take() goes on to the next if so. */
bool lexer_is(const struct lexer *lexer, const char *token);
bool lexer_take(struct lexer *lexer, const char *token);

/* The same, and an error if not: "expected '}'". */
bool lexer_expect(struct lexer *lexer, const char *token);

/* The current token as a word, or as the text of a string, allocated, and goes on. NULL: an error ("expected WHAT",
 * or no memory). */
char *lexer_take_word(struct lexer *lexer, const char *what);
char *lexer_take_string(struct lexer *lexer, const char *what);

/* The current token as a number, and goes on. *suffix becomes the word right behind it, which stands in the text (its
 * length in *suffix_length; 0: none). False: an error. */
bool lexer_take_number(struct lexer *lexer, const char *what, double *number, const char **suffix,
		       size_t *suffix_length);

/* Notes an error at the current token, or at `at` within the text; returns false. */
bool lexer_fail(struct lexer *lexer, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool lexer_fail_at(struct lexer *lexer, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

static inline bool lexer_failed(const struct lexer *lexer)
{
	return lexer->error[0];
}

#endif
