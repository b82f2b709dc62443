/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of rules: what stands for itself, what is wrong, and in which column. */
#include <stdlib.h>
#include <string.h>

#include "common/rule/lexer.h"
#include "tests/unit/tap.h"

/* ---- helpers ---- */

/* The tokens, each as a letter for its type, and its text in brackets: "w[a]p[==]n[1]". */
static void describe(const char *text, char *out, size_t size)
{
	static const char letters[] = {
		[TOKEN_WORD] = 'w', [TOKEN_NUMBER] = 'n', [TOKEN_STRING] = 's', [TOKEN_PUNCTUATION] = 'p'
	};
	struct lexer lexer;
	size_t length = 0;

	out[0] = '\0';
	for (lexer_open(&lexer, text); lexer.type != TOKEN_END && length < size; lexer_next(&lexer))
		length += (size_t)snprintf(out + length, size - length, "%c[%.*s]", letters[lexer.type],
					   (int)lexer.length, lexer.token);
	if (lexer_failed(&lexer) && length < size)
		snprintf(out + length, size - length, "!%zu %s", lexer.column, lexer.error);
}

static void check_tokens(const char *text, const char *expected)
{
	char got[1024];

	describe(text, got, sizeof(got));
	check(!strcmp(got, expected), "%s -> %s", text, expected);
	if (strcmp(got, expected) != 0)
		printf("# got: %s\n", got);
}

static void check_string(const char *text, const char *expected)
{
	struct lexer lexer;

	lexer_open(&lexer, text);
	char *string = lexer_take_string(&lexer, "a string");
	check(string && !strcmp(string, expected) && lexer.type == TOKEN_END && !lexer_failed(&lexer),
	      "%s is the string %s", text, expected);
	free(string);
}

static void check_number(const char *text, double expected, const char *expected_suffix)
{
	const char *suffix = NULL;
	size_t length = 0;
	double number = -1;
	struct lexer lexer;

	lexer_open(&lexer, text);
	check(lexer_take_number(&lexer, "a number", &number, &suffix, &length) && number == expected &&
		      length == strlen(expected_suffix) && suffix >= text && suffix + length <= text + strlen(text) &&
		      !strncmp(suffix, expected_suffix, length) && lexer.type == TOKEN_END,
	      "%s is the number %g and the suffix '%s'", text, expected, expected_suffix);
}

/* ---- tests ---- */

static void test_tokens(void)
{
	check_tokens("", "");
	check_tokens(" \t\r\n ", "");
	check_tokens("counter a_total{route=url.path} where x>=500", "w[counter]w[a_total]p[{]w[route]p[=]w[url.path]"
								     "p[}]w[where]w[x]p[>=]n[500]");
	check_tokens("errors: a exists -> 1.0", "w[errors]p[:]w[a]w[exists]p[->]n[1.0]");
	check_tokens("==!=<=>==~-><>={}(),:*/",
		     "p[==]p[!=]p[<=]p[>=]p[=~]p[->]p[<]p[>=]p[{]p[}]p[(]p[)]p[,]p[:]p[*]p[/]");
	check_tokens("a===b", "w[a]p[==]p[=]w[b]");
	check_tokens("a>-1 b->-1", "w[a]p[>]n[-1]w[b]p[->]n[-1]");
	check_tokens("_a A9. a..b", "w[_a]w[A9.]w[a..b]");
	check_tokens("0 -0 10 1.5 1e3 1E+3 1.25e-3", "n[0]n[-0]n[10]n[1.5]n[1e3]n[1E+3]n[1.25e-3]");
	check_tokens("500ms 64K 1e3ms 1em 2E", "n[500ms]n[64K]n[1e3ms]n[1em]n[2E]");
	check_tokens("1m30s 1h0.5s/1m1", "n[1m30s]n[1h0.5s]p[/]n[1m1]");
	check_tokens("1-2", "n[1]n[-2]");
	check_tokens("\"a b\"'c d'", "s[\"a b\"]s['c d']");
	check_tokens("'\\' 'a\"b' \"a'b\"", "s['\\']s['a\"b']s[\"a'b\"]");
	check_tokens("\"\\\"\" \"\\\\\" \"\\d\"", "s[\"\\\"\"]s[\"\\\\\"]s[\"\\d\"]");
	check_tokens("\"\xc3\xa9\n\"", "s[\"\xc3\xa9\n\"]");
}

static void test_bad_tokens(void)
{
	check_tokens("a 007", "w[a]!3 malformed number");
	check_tokens("-01", "!1 malformed number");
	check_tokens("1.", "!1 malformed number");
	check_tokens("1.x", "!1 malformed number");
	check_tokens("1.2.3", "!1 malformed number");
	check_tokens("1_000", "!1 malformed number");
	check_tokens("0x10", "!1 malformed number");
	check_tokens("0Xa", "!1 malformed number");
	check_tokens("a > .5", "w[a]p[>]!5 unexpected character '.'");
	check_tokens("a - b", "w[a]!3 unexpected character '-'");
	check_tokens("a && b", "w[a]!3 unexpected character '&'");
	check_tokens("a ! b", "w[a]!3 unexpected character '!'");
	check_tokens("a == \"b", "w[a]p[==]!6 a string is not closed");
	check_tokens("'b\\", "!1 a string is not closed");
	check_tokens("\"b\\\"", "!1 a string is not closed");
	check_tokens("\"b\\", "!1 a string is not closed");
	check_tokens("a \xe2\x80\x9c"
		     "b",
		     "w[a]!3 unexpected character '\xe2\x80\x9c'");
	check_tokens("a \xff", "w[a]!3 unexpected byte 0xff");
	check_tokens("\x01", "!1 unexpected byte 0x01");
}

static void test_strings(void)
{
	check_string("\"\"", "");
	check_string("''", "");
	check_string("\"a\\\"b\\\\c\\d\\\\\"", "a\"b\\c\\d\\");
	check_string("'a\\\\\"\\d'", "a\\\\\"\\d");
	check_string("\"^/api/v\\d+\\.\"", "^/api/v\\d+\\.");
}

static void test_numbers(void)
{
	check_number("0", 0, "");
	check_number("-12.5", -12.5, "");
	check_number("500ms", 500, "ms");
	check_number("1e3", 1000, "");
	check_number("1e3e", 1000, "e");
	check_number("1e", 1, "e");
	check_number("64K", 64, "K");
	check_number("1e-400", 0, "");
	check_number("123456789012345678901234567890s", 123456789012345678901234567890.0, "s");
}

static void test_questions(void)
{
	struct lexer lexer;

	lexer_open(&lexer, "and \"and\" { }");
	check(lexer_is(&lexer, "and") && !lexer_is(&lexer, "an") && !lexer_is(&lexer, "andy"),
	      "a word is itself alone");
	check(!lexer_take(&lexer, "or") && lexer_take(&lexer, "and"), "and is taken only as what it is");
	check(!lexer_is(&lexer, "and") && !lexer_is(&lexer, "\"and\"") && lexer.type == TOKEN_STRING,
	      "a string is no word");
	lexer_next(&lexer);
	check(lexer_expect(&lexer, "{") && !lexer_expect(&lexer, "{"), "what is expected is there, or not");
	check(lexer.column == 13 && !strcmp(lexer.error, "expected '{'") && lexer.type == TOKEN_END,
	      "which is an error at its column");
	check(!lexer_fail(&lexer, "another") && !lexer_fail_at(&lexer, lexer.text, "and another") &&
		      lexer.column == 13 && !strcmp(lexer.error, "expected '{'"),
	      "the first error stays");
	lexer_next(&lexer);
	check(lexer.type == TOKEN_END && !lexer_is(&lexer, "}") && !lexer_take(&lexer, "}"), "and nothing follows it");
}

static void check_error(const struct lexer *lexer, size_t column, const char *error)
{
	check(lexer->column == column && !strcmp(lexer->error, error), "column %zu: %s", column, error);
}

static void test_errors(void)
{
	struct lexer lexer;
	const char *suffix;
	size_t length;
	double number = 7;

	lexer_open(&lexer, "a");
	check(!lexer_take_string(&lexer, "a text"), "a word is no string");
	check_error(&lexer, 1, "expected a text");
	lexer_open(&lexer, " 5");
	check(!lexer_take_word(&lexer, "a name"), "a number is no word");
	check_error(&lexer, 2, "expected a name");
	lexer_open(&lexer, "  ");
	check(!lexer_take_number(&lexer, "a number", &number, &suffix, &length) && number == 7, "nothing is no number");
	check_error(&lexer, 3, "expected a number");
	lexer_open(&lexer, "1e999");
	check(!lexer_take_number(&lexer, "a number", &number, &suffix, &length) && number == 7, "1e999 is none either");
	check_error(&lexer, 1, "the number is too large");
	lexer_open(&lexer, "a.b_c 'x");
	char *word = lexer_take_word(&lexer, "a name");
	check(word && !strcmp(word, "a.b_c") && lexer_failed(&lexer), "a word before an error is a word");
	check_error(&lexer, 7, "a string is not closed");
	free(word);
}

int main(void)
{
	test_tokens();
	test_bad_tokens();
	test_strings();
	test_numbers();
	test_questions();
	test_errors();
	return finish_tests();
}
