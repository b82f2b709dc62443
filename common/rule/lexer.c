/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule/lexer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/utf8.h"

/* What is longer comes first. */
static const char *const punctuation[] = {
	"==", "!=", "<=", ">=", "=~", "->", "<", ">", "=", "{", "}", "(", ")", ",", ":", "*", "/",
};

/* ---- errors ---- */

static void note_error(struct lexer *lexer, const char *at, const char *format, va_list arguments)
{
	if (lexer_failed(lexer))
		return;
	vsnprintf(lexer->error, sizeof(lexer->error), format, arguments);
	lexer->column = (size_t)(at - lexer->text) + 1;
	lexer->type = TOKEN_END;
	lexer->length = 0;
}

bool lexer_fail(struct lexer *lexer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_error(lexer, lexer->token, format, arguments);
	va_end(arguments);
	return false;
}

bool lexer_fail_at(struct lexer *lexer, const char *at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_error(lexer, at, format, arguments);
	va_end(arguments);
	return false;
}

static bool fail_at_character(struct lexer *lexer)
{
	const unsigned char *bytes = (const unsigned char *)lexer->token;
	size_t length = utf8_sequence(bytes, strlen(lexer->token));

	if (length > 1 || (*bytes > ' ' && *bytes <= '~'))
		return lexer_fail(lexer, "unexpected character '%.*s'", (int)length, lexer->token);
	return lexer_fail(lexer, "unexpected byte 0x%02x", *bytes);
}

/* ---- tokens ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_in_word(char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '.';
}

static const char *skip_digits(const char *p)
{
	while (is_digit(*p))
		p++;
	return p;
}

/* The place behind a number, less its suffix; NULL: it is none of JSON's. An 'e' without digits begins a suffix. */
static const char *number_end(const char *p)
{
	p += *p == '-';
	if (*p == '0' && is_digit(p[1]))
		return NULL;
	p = skip_digits(p);
	if (*p == '.') {
		if (!is_digit(p[1]))
			return NULL;
		p = skip_digits(p + 1);
	}
	if (*p == 'e' || *p == 'E') {
		const char *digits = p + 1 + (p[1] == '+' || p[1] == '-');

		if (is_digit(*digits))
			p = skip_digits(digits);
	}
	return p;
}

static bool lex_number(struct lexer *lexer)
{
	const char *end = number_end(lexer->token);

	/* strtod() would read 0x as hexadecimal. */
	if (!end || *end == 'x' || *end == 'X')
		return lexer_fail(lexer, "malformed number");
	if (is_in_word(*end) && !is_letter(*end))
		return lexer_fail(lexer, "malformed number");
	while (is_in_word(*end))
		end++;
	lexer->type = TOKEN_NUMBER;
	lexer->length = (size_t)(end - lexer->token);
	return true;
}

/* Whether the backslash at `p` makes the next byte stand for itself in double quotes. */
static bool is_escape(const char *p)
{
	return *p == '\\' && (p[1] == '"' || p[1] == '\\');
}

static bool lex_string(struct lexer *lexer)
{
	char quote = *lexer->token;
	const char *p = lexer->token + 1;

	while (*p && *p != quote)
		p += quote == '"' && is_escape(p) ? 2 : 1;
	if (!*p)
		return lexer_fail(lexer, "a string is not closed");
	lexer->type = TOKEN_STRING;
	lexer->length = (size_t)(p + 1 - lexer->token);
	return true;
}

static bool lex_word(struct lexer *lexer)
{
	const char *p = lexer->token;

	while (is_in_word(*p))
		p++;
	lexer->type = TOKEN_WORD;
	lexer->length = (size_t)(p - lexer->token);
	return true;
}

static bool lex_punctuation(struct lexer *lexer)
{
	for (size_t i = 0; i < sizeof(punctuation) / sizeof(punctuation[0]); i++) {
		size_t length = strlen(punctuation[i]);

		if (strncmp(lexer->token, punctuation[i], length))
			continue;
		lexer->type = TOKEN_PUNCTUATION;
		lexer->length = length;
		return true;
	}
	return fail_at_character(lexer);
}

void lexer_next(struct lexer *lexer)
{
	if (lexer_failed(lexer))
		return;
	lexer->token += lexer->length;
	lexer->token += strspn(lexer->token, " \t\r\n");
	lexer->length = 0;

	char c = *lexer->token;
	if (!c)
		lexer->type = TOKEN_END;
	else if (is_digit(c) || (c == '-' && is_digit(lexer->token[1])))
		lex_number(lexer);
	else if (c == '"' || c == '\'')
		lex_string(lexer);
	else if (is_letter(c) || c == '_')
		lex_word(lexer);
	else
		lex_punctuation(lexer);
}

void lexer_open(struct lexer *lexer, const char *text)
{
	*lexer = (struct lexer){ .text = text, .token = text };
	lexer_next(lexer);
}

/* ---- what parsers ask ---- */

bool lexer_is(const struct lexer *lexer, const char *token)
{
	return (lexer->type == TOKEN_WORD || lexer->type == TOKEN_PUNCTUATION) && strlen(token) == lexer->length &&
	       !memcmp(lexer->token, token, lexer->length);
}

bool lexer_take(struct lexer *lexer, const char *token)
{
	if (!lexer_is(lexer, token))
		return false;
	lexer_next(lexer);
	return true;
}

bool lexer_expect(struct lexer *lexer, const char *token)
{
	return lexer_take(lexer, token) || lexer_fail(lexer, "expected '%s'", token);
}

char *lexer_take_word(struct lexer *lexer, const char *what)
{
	if (lexer->type != TOKEN_WORD) {
		lexer_fail(lexer, "expected %s", what);
		return NULL;
	}
	char *word = strndup(lexer->token, lexer->length);
	if (word)
		lexer_next(lexer);
	else
		lexer_fail(lexer, "out of memory");
	return word;
}

char *lexer_take_string(struct lexer *lexer, const char *what)
{
	if (lexer->type != TOKEN_STRING) {
		lexer_fail(lexer, "expected %s", what);
		return NULL;
	}
	const char *p = lexer->token + 1, *end = lexer->token + lexer->length - 1;
	char *string = malloc(lexer->length);
	size_t length = 0;

	if (!string) {
		lexer_fail(lexer, "out of memory");
		return NULL;
	}
	while (p < end) {
		p += *lexer->token == '"' && is_escape(p);
		string[length++] = *p++;
	}
	string[length] = '\0';
	lexer_next(lexer);
	return string;
}

bool lexer_take_number(struct lexer *lexer, const char *what, double *number, const char **suffix,
		       size_t *suffix_length)
{
	if (lexer->type != TOKEN_NUMBER)
		return lexer_fail(lexer, "expected %s", what);
	double parsed = strtod(lexer->token, NULL);
	if (!isfinite(parsed))
		return lexer_fail(lexer, "the number is too large");
	*number = parsed;
	*suffix = number_end(lexer->token);
	*suffix_length = (size_t)(lexer->token + lexer->length - *suffix);
	lexer_next(lexer);
	return true;
}
