/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/query.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- dialects ---- */

enum {
	BACKSLASHES = 1 << 0,   /* hide the quote behind them */
	STRING_QUOTES = 1 << 1, /* "..." may be a string */
	HASH_COMMENTS = 1 << 2, /* # to the end of the line */
	DASHES_BLANK = 1 << 3,  /* -- is a comment only before white space */
	CR_ENDS = 1 << 4,       /* a carriage return ends a comment, too */
	NESTED_COMMENTS = 1 << 5,
	CODE_COMMENTS = 1 << 6,     /* what is in a comment that begins with an exclamation mark is read */
	DOLLAR_QUOTES = 1 << 7,     /* $tag$...$tag$ */
	MONEY = 1 << 8,             /* $1 is an amount */
	BRACKET_NAMES = 1 << 9,     /* [...] */
	Q_QUOTES = 1 << 10,         /* q'[...]' */
	TRIPLE_QUOTES = 1 << 11,    /* '''...''' */
	NAME_BACKSLASHES = 1 << 12, /* in a name, too, a backslash hides the quote behind it */
};

/* Each way in which a database may be set to read strings. The manuals: PostgreSQL 4.1 (standard_conforming_strings),
 * MySQL 11.1.1 and 11.7 (NO_BACKSLASH_ESCAPES), SQLite "quirks" 8, SQL Server "QUOTED_IDENTIFIER" and "money", Oracle
 * "Text Literals", ClickHouse "Syntax", GoogleSQL "Lexical structure". */
static const struct dialect {
	const char *system;
	unsigned int flags;
} dialects[] = {
	{ "postgresql", NESTED_COMMENTS | DOLLAR_QUOTES | CR_ENDS },
	{ "postgresql", NESTED_COMMENTS | DOLLAR_QUOTES | CR_ENDS | BACKSLASHES },
	{ "mysql", STRING_QUOTES | HASH_COMMENTS | DASHES_BLANK },
	{ "mysql", STRING_QUOTES | HASH_COMMENTS | DASHES_BLANK | CODE_COMMENTS },
	{ "mysql", STRING_QUOTES | HASH_COMMENTS | DASHES_BLANK | BACKSLASHES },
	{ "mysql", STRING_QUOTES | HASH_COMMENTS | DASHES_BLANK | BACKSLASHES | CODE_COMMENTS },
	{ "sqlite", STRING_QUOTES | BRACKET_NAMES },
	{ "microsoft.sql_server", STRING_QUOTES | BRACKET_NAMES | NESTED_COMMENTS | MONEY },
	{ "oracle.db", Q_QUOTES },
	{ "clickhouse", BACKSLASHES | NAME_BACKSLASHES | HASH_COMMENTS | DOLLAR_QUOTES },
	{ "gcp.spanner", BACKSLASHES | NAME_BACKSLASHES | STRING_QUOTES | HASH_COMMENTS | TRIPLE_QUOTES },
};

/* ---- reading ---- */

/* What a byte is to one of the dialects; the largest is what becomes of it. */
enum mark { MARK_SHOWN, MARK_COMMENT, MARK_LITERAL };

struct marks {
	uint8_t of[QUERY_LENGTH_MAX]; /* each byte of the text */
};

struct scan {
	unsigned int flags;
	const char *text;
	size_t length, at;
	struct marks *marks;
	size_t word, word_length; /* the last one, if nothing but white space and comments came since */
	size_t operand_end;       /* behind the last name, literal, placeholder or closing bracket */
	bool after_operand;       /* and nothing came since, as above */
	bool before_password;     /* IDENTIFIED BY came last: to Oracle, a password is a name */
	unsigned int depth;       /* of parentheses */
};

static bool has(const struct scan *scan, unsigned int flag)
{
	return scan->flags & flag;
}

/* NUL behind the end: no token begins with it. */
static char peek(const struct scan *scan, size_t at)
{
	return at < scan->length ? scan->text[at] : '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters are those of any script: no byte of UTF-8 above ASCII means anything in SQL. */
static bool begins_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool continues_name(char c)
{
	return begins_name(c) || is_digit(c) || c == '$';
}

static bool word_is(const char *word, size_t length, const char *expected)
{
	return length == strlen(expected) && !strncasecmp(word, expected, length);
}

static bool is_one_of(const char *word, size_t length, const char *const *words)
{
	for (; *words; words++)
		if (word_is(word, length, *words))
			return true;
	return false;
}

static void mark(struct scan *scan, size_t start, size_t end, enum mark as)
{
	for (size_t i = start; i < end; i++)
		if (scan->marks->of[i] < as)
			scan->marks->of[i] = (uint8_t)as;
}

/* A token that is no comment ends here. */
static void end_token(struct scan *scan, size_t end, bool is_operand)
{
	scan->at = end < scan->length ? end : scan->length;
	scan->word_length = 0;
	scan->after_operand = is_operand;
	scan->before_password = false;
	if (is_operand)
		scan->operand_end = scan->at;
}

static void take_literal(struct scan *scan, size_t end)
{
	size_t start = scan->at;

	end_token(scan, end, true);
	mark(scan, start, scan->at, MARK_LITERAL);
}

static void take_comment(struct scan *scan, size_t end)
{
	size_t start = scan->at;

	scan->at = end < scan->length ? end : scan->length;
	mark(scan, start, scan->at, MARK_COMMENT);
}

/* ---- strings ---- */

/* Behind the quote that ends what begins at `at`; a quote twice is one of the text. */
static size_t quoted_end(const struct scan *scan, size_t at, char quote, bool backslashes)
{
	while (at < scan->length) {
		char c = scan->text[at];

		if (backslashes && c == '\\')
			at += 2;
		else if (c != quote)
			at++;
		else if (peek(scan, at + 1) == quote)
			at += 2;
		else
			return at + 1;
	}
	return scan->length;
}

static size_t triple_end(const struct scan *scan, size_t at, char quote)
{
	while (at < scan->length) {
		if (scan->text[at] == '\\')
			at += 2;
		else if (scan->text[at] == quote && peek(scan, at + 1) == quote && peek(scan, at + 2) == quote)
			return at + 3;
		else
			at++;
	}
	return scan->length;
}

/* Behind what begins with the quote at `at`. */
static size_t string_end(const struct scan *scan, size_t at, bool backslashes)
{
	char quote = scan->text[at];

	if (has(scan, TRIPLE_QUOTES) && peek(scan, at + 1) == quote && peek(scan, at + 2) == quote)
		return triple_end(scan, at + 3, quote);
	return quoted_end(scan, at + 1, quote, backslashes);
}

/* Oracle's q'[...]': up to the delimiter's partner before a quote. */
static size_t q_string_end(const struct scan *scan, size_t quote)
{
	static const char pairs[] = "[]{}()<>";
	char opening = peek(scan, quote + 1);
	const char *pair = opening ? strchr(pairs, opening) : NULL;
	char closing = pair && (pair - pairs) % 2 == 0 ? pair[1] : opening;

	for (size_t i = quote + 2; i + 1 < scan->length; i++)
		if (scan->text[i] == closing && scan->text[i + 1] == '\'')
			return i + 2;
	return scan->length;
}

/* Whether no database takes a string here, so that "..." up to `end` is a name. */
static bool is_name_here(const struct scan *scan, size_t end)
{
	static const char *const before_tables[] = { "INTO", "JOIN", "UPDATE", "TABLE", NULL };
	const char *word = scan->text + scan->word;
	bool after_dot = scan->at && scan->text[scan->at - 1] == '.' && scan->operand_end != scan->at;
	char behind = peek(scan, end + 1);

	if (after_dot || (peek(scan, end) == '.' && (behind == '"' || behind == '*' || begins_name(behind))))
		return true;
	return is_one_of(word, scan->word_length, before_tables) ||
	       (!scan->depth && word_is(word, scan->word_length, "FROM"));
}

static void take_double_quotes(struct scan *scan)
{
	bool may_be_string = has(scan, STRING_QUOTES);
	size_t end = string_end(scan, scan->at, has(scan, may_be_string ? BACKSLASHES : NAME_BACKSLASHES));

	if (scan->before_password || (may_be_string && !is_name_here(scan, end)))
		take_literal(scan, end);
	else
		end_token(scan, end, true);
}

/* The tag of $tag$ has a length of 0 or more; 0 is returned where there is none. */
static size_t dollar_quote_length(const struct scan *scan)
{
	size_t end = scan->at + 1;

	if (begins_name(peek(scan, end)))
		while (begins_name(peek(scan, end)) || is_digit(peek(scan, end)))
			end++;
	return peek(scan, end) == '$' ? end + 1 - scan->at : 0;
}

static bool take_dollar_quotes(struct scan *scan)
{
	size_t tag = has(scan, DOLLAR_QUOTES) ? dollar_quote_length(scan) : 0;
	const char *start = scan->text + scan->at, *end;

	if (!tag)
		return false;
	end = memmem(start + tag, scan->length - scan->at - tag, start, tag);
	take_literal(scan, end ? (size_t)(end - scan->text) + tag : scan->length);
	return true;
}

/* ---- words and numbers ---- */

/* Behind the letters, digits, points and exponents of a number: more than one is, never less. */
static size_t number_end(const struct scan *scan, size_t at)
{
	while (continues_name(peek(scan, at)) || peek(scan, at) == '.') {
		char c = scan->text[at++], sign = peek(scan, at);

		if ((c == 'e' || c == 'E') && (sign == '+' || sign == '-') && is_digit(peek(scan, at + 1)))
			at++;
	}
	return at;
}

/* `.5` is a number, but not in a.5. */
static bool begins_number(const struct scan *scan, size_t at)
{
	bool after_name = scan->after_operand && scan->operand_end == at;

	return is_digit(peek(scan, at)) || (peek(scan, at) == '.' && !after_name && is_digit(peek(scan, at + 1)));
}

/* $1, :1, ?1. Not a[1:2], and no amount of money. */
static bool take_placeholder(struct scan *scan)
{
	enum { DIGITS_MAX = 5 };
	char c = scan->text[scan->at];
	size_t digits = 0;

	if ((c == '$' && has(scan, MONEY)) || (c == ':' && scan->after_operand && scan->operand_end == scan->at))
		return false;
	while (is_digit(peek(scan, scan->at + 1 + digits)))
		digits++;
	char behind = peek(scan, scan->at + 1 + digits);
	if (!digits || digits > DIGITS_MAX || continues_name(behind) || behind == '.')
		return false;
	end_token(scan, scan->at + 1 + digits, true);
	return true;
}

/* Takes a word, and remembers what it says of the next. */
static void note_word(struct scan *scan, size_t end)
{
	const char *last = scan->text + scan->word;
	size_t start = scan->at;
	bool is_distinct = word_is(last, scan->word_length, "DISTINCT");
	bool is_identified = word_is(last, scan->word_length, "IDENTIFIED");

	end_token(scan, end, true);
	scan->word = start;
	scan->word_length = is_distinct ? 0 : end - start; /* DISTINCT FROM: a comparison */
	scan->before_password = is_identified && word_is(scan->text + start, end - start, "BY");
}

/* A word, or a string that begins with one letter or two. */
static void take_word(struct scan *scan)
{
	static const char *const prefixes[] = { "E", "N", "X", "B", "R", "RB", "BR", NULL };
	static const char *const q_prefixes[] = { "Q", "NQ", NULL };
	size_t start = scan->at, end = start;
	char behind;

	while (continues_name(peek(scan, end)))
		end++;
	behind = peek(scan, end);
	if (has(scan, Q_QUOTES) && behind == '\'' && is_one_of(scan->text + start, end - start, q_prefixes)) {
		take_literal(scan, q_string_end(scan, end));
	} else if ((behind == '\'' || (behind == '"' && has(scan, TRIPLE_QUOTES))) &&
		   is_one_of(scan->text + start, end - start, prefixes)) {
		bool is_escaped = word_is(scan->text + start, end - start, "E");

		take_literal(scan, string_end(scan, end, is_escaped || has(scan, BACKSLASHES)));
	} else if (scan->before_password) {
		take_literal(scan, end);
	} else {
		note_word(scan, end);
	}
}

/* ---- comments ---- */

static size_t line_end(const struct scan *scan, size_t at)
{
	while (at < scan->length && scan->text[at] != '\n' && !(has(scan, CR_ENDS) && scan->text[at] == '\r'))
		at++;
	return at;
}

static size_t comment_end(const struct scan *scan, size_t at)
{
	unsigned int depth = 0;

	for (; at < scan->length; at++) {
		bool closes = scan->text[at] == '*' && peek(scan, at + 1) == '/';
		bool opens = scan->text[at] == '/' && peek(scan, at + 1) == '*';

		if (opens && (!depth || has(scan, NESTED_COMMENTS))) {
			depth++;
			at++;
		} else if (closes && !--depth) {
			return at + 2;
		} else if (closes) {
			at++;
		}
	}
	return scan->length;
}

/* Behind the slash, star, exclamation mark and version that make MySQL read a comment, or MariaDB with an M. 0: none. */
static size_t code_comment_end(const struct scan *scan)
{
	size_t end = scan->at + 2;

	if (peek(scan, end) == 'M')
		end++;
	if (!has(scan, CODE_COMMENTS) || peek(scan, end) != '!')
		return 0;
	do
		end++;
	while (is_digit(peek(scan, end)));
	return end;
}

static bool begins_line_comment(const struct scan *scan)
{
	char c = scan->text[scan->at];

	if (c == '#')
		return has(scan, HASH_COMMENTS);
	if (c != '-' || peek(scan, scan->at + 1) != '-')
		return false;
	return !has(scan, DASHES_BLANK) || scan->at + 2 >= scan->length ||
	       (unsigned char)scan->text[scan->at + 2] <= ' ';
}

static bool take_any_comment(struct scan *scan)
{
	char c = scan->text[scan->at], next = peek(scan, scan->at + 1);

	if (begins_line_comment(scan)) {
		take_comment(scan, line_end(scan, scan->at));
	} else if (c == '/' && next == '*') {
		size_t code = code_comment_end(scan);

		take_comment(scan, code ? code : comment_end(scan, scan->at));
	} else if (c == '*' && next == '/' && has(scan, CODE_COMMENTS)) {
		take_comment(scan, scan->at + 2);
	} else {
		return false;
	}
	return true;
}

/* ---- tokens ---- */

/* A sign belongs to its number where there is nothing to add to or to subtract from. */
static bool is_sign(const struct scan *scan)
{
	char c = scan->text[scan->at];

	return (c == '+' || c == '-') && !scan->after_operand && begins_number(scan, scan->at + 1);
}

static void take_punctuation(struct scan *scan)
{
	char c = scan->text[scan->at];

	if (c == '(')
		scan->depth++;
	else if (c == ')' && scan->depth)
		scan->depth--;
	end_token(scan, scan->at + 1, c == ')' || c == ']');
}

static void take_token(struct scan *scan)
{
	char c = scan->text[scan->at];

	if (is_blank(c))
		scan->at++;
	else if (take_any_comment(scan))
		return;
	else if (c == '\'')
		take_literal(scan, string_end(scan, scan->at, has(scan, BACKSLASHES)));
	else if (c == '"')
		take_double_quotes(scan);
	else if (c == '`')
		end_token(scan, quoted_end(scan, scan->at + 1, c, has(scan, NAME_BACKSLASHES)), true);
	else if (c == '[' && has(scan, BRACKET_NAMES))
		end_token(scan, quoted_end(scan, scan->at + 1, ']', false), true);
	else if (is_sign(scan))
		take_literal(scan, number_end(scan, scan->at + 1));
	else if (begins_number(scan, scan->at))
		take_literal(scan, number_end(scan, scan->at));
	else if (begins_name(c))
		take_word(scan);
	else if ((c == '$' || c == ':' || c == '?') && take_placeholder(scan))
		return;
	else if (c != '$' || !take_dollar_quotes(scan))
		take_punctuation(scan);
}

static void mark_as(unsigned int flags, const char *text, size_t length, struct marks *marks)
{
	struct scan scan = { .flags = flags, .text = text, .length = length, .marks = marks };

	while (scan.at < scan.length)
		take_token(&scan);
}

/* The flags that make a difference to this text, and so to most texts only a few. */
static unsigned int relevant_flags(const char *text, size_t length)
{
	static const struct {
		const char *sign;
		unsigned int flags;
	} signs[] = {
		{ "\\", BACKSLASHES | NAME_BACKSLASHES },
		{ "\"", STRING_QUOTES | TRIPLE_QUOTES },
		{ "'''", TRIPLE_QUOTES },
		{ "#", HASH_COMMENTS },
		{ "--", DASHES_BLANK },
		{ "\r", CR_ENDS },
		{ "/*", NESTED_COMMENTS | CODE_COMMENTS },
		{ "*/", CODE_COMMENTS },
		{ "$", DOLLAR_QUOTES | MONEY },
		{ "[", BRACKET_NAMES },
		{ "q'", Q_QUOTES },
		{ "Q'", Q_QUOTES },
	};
	unsigned int flags = 0;

	for (size_t i = 0; i < COUNT(signs); i++)
		if (memmem(text, length, signs[i].sign, strlen(signs[i].sign)))
			flags |= signs[i].flags;
	return flags;
}

/* Marks as the dialects of `system` read it, NULL: as all do; those that read alike once. Returns how many there were. */
static unsigned int mark_as_all(const char *system, unsigned int relevant, const char *text, size_t length,
				struct marks *marks)
{
	unsigned int done[COUNT(dialects)] = { 0 }, n_done = 0, n = 0;

	for (size_t i = 0; i < COUNT(dialects); i++) {
		unsigned int flags = dialects[i].flags & relevant, j = 0;

		if (system && strcmp(dialects[i].system, system))
			continue;
		n++;
		while (j < n_done && done[j] != flags)
			j++;
		if (j < n_done)
			continue;
		done[n_done++] = flags;
		mark_as(flags, text, length, marks);
	}
	return n;
}

/* ---- writing ---- */

/* One `?` for literals without anything between, one space for comments. */
static size_t write_shown(const char *text, size_t length, const struct marks *marks, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < length;) {
		enum mark most = MARK_SHOWN;

		for (; i < length && marks->of[i] == MARK_SHOWN; i++)
			out[n++] = text[i];
		for (; i < length && marks->of[i] != MARK_SHOWN; i++)
			if (marks->of[i] > most)
				most = marks->of[i];
		if (most == MARK_LITERAL)
			out[n++] = '?';
		else if (most == MARK_COMMENT && n && !is_blank(out[n - 1]))
			out[n++] = ' ';
	}
	while (n && is_blank(out[n - 1]))
		n--;
	return n;
}

static size_t skip_blanks(const char *text, size_t length, size_t at)
{
	while (at < length && is_blank(text[at]))
		at++;
	return at;
}

/* Behind a `?` that is no ?1 at `at`, white space before it; 0: there is none. */
static size_t mark_end(const char *text, size_t length, size_t at)
{
	at = skip_blanks(text, length, at);
	return at < length && text[at] == '?' && (at + 1 == length || !is_digit(text[at + 1])) ? at + 1 : 0;
}

/* Behind the first `?` of the list IN (?...) that begins at `at`, or 0. */
static size_t list_first(const char *text, size_t length, size_t at)
{
	if (length - at < 2 || strncasecmp(text + at, "IN", 2))
		return 0;
	at = skip_blanks(text, length, at + 2);
	return at < length && text[at] == '(' ? mark_end(text, length, at + 1) : 0;
}

/* Behind the last `?` of a list whose first ends at `at`. */
static size_t list_last(const char *text, size_t length, size_t at)
{
	for (;;) {
		size_t comma = skip_blanks(text, length, at);
		size_t next = comma < length && text[comma] == ',' ? mark_end(text, length, comma + 1) : 0;

		if (!next)
			return at;
		at = next;
	}
}

static size_t shorten_lists(char *text, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length;) {
		bool within_word = n && continues_name(text[n - 1]);
		size_t first = within_word ? 0 : list_first(text, length, i);

		if (!first) {
			text[n++] = text[i++];
			continue;
		}
		memmove(text + n, text + i, first - i);
		n += first - i;
		i = list_last(text, length, first);
	}
	return n;
}

size_t query_redact(const char *system, const char *text, size_t length, char *out)
{
	struct marks marks;
	unsigned int relevant;

	if (length > QUERY_LENGTH_MAX)
		length = QUERY_LENGTH_MAX;
	relevant = relevant_flags(text, length);
	memset(marks.of, MARK_SHOWN, length);
	/* Of all databases only one has amounts of money, and many have $1. */
	if (!system || !mark_as_all(system, relevant, text, length, &marks))
		mark_as_all(NULL, relevant & ~(unsigned int)MONEY, text, length, &marks);
	return shorten_lists(out, write_shown(text, length, &marks, out));
}

/* ---- operations ---- */

/* The words that begin a statement, and what comes before its target: "": nothing, NULL: it has none. */
static const struct operation {
	const char *name, *before_target;
} operations[] = {
	{ "SELECT", "FROM" },   { "DELETE", "FROM" }, { "INSERT", "INTO" }, { "REPLACE", "INTO" },
	{ "MERGE", "INTO" },    { "UPDATE", "" },     { "TRUNCATE", "" },   { "CREATE", "TABLE" },
	{ "ALTER", "TABLE" },   { "DROP", "TABLE" },  { "CALL", "" },       { "EXEC", "" },
	{ "EXECUTE", "" },      { "UPSERT", "INTO" }, { "WITH", NULL },     { "VALUES", NULL },
	{ "TABLE", "" },        { "BEGIN", NULL },    { "START", NULL },    { "COMMIT", NULL },
	{ "END", NULL },        { "ROLLBACK", NULL }, { "ABORT", NULL },    { "SAVEPOINT", NULL },
	{ "RELEASE", NULL },    { "SET", NULL },      { "RESET", NULL },    { "SHOW", NULL },
	{ "USE", NULL },        { "PRAGMA", NULL },   { "EXPLAIN", NULL },  { "DESCRIBE", NULL },
	{ "DESC", NULL },       { "ANALYZE", NULL },  { "VACUUM", NULL },   { "REINDEX", NULL },
	{ "OPTIMIZE", NULL },   { "REFRESH", NULL },  { "COPY", NULL },     { "LOAD", NULL },
	{ "LOCK", NULL },       { "UNLOCK", NULL },   { "GRANT", NULL },    { "REVOKE", NULL },
	{ "COMMENT", NULL },    { "LISTEN", NULL },   { "UNLISTEN", NULL }, { "NOTIFY", NULL },
	{ "DECLARE", NULL },    { "FETCH", NULL },    { "CLOSE", NULL },    { "PREPARE", NULL },
	{ "DO", NULL },         { "ATTACH", NULL },   { "DETACH", NULL },   { "DEALLOCATE", NULL },
	{ "CHECKPOINT", NULL }, { "KILL", NULL },     { "RENAME", NULL },   { "DISCARD", NULL },
};

/* A name with its qualifiers, or one other byte. */
struct token {
	const char *text;
	size_t length; /* 0: the end */
	bool is_name;
};

struct tokens {
	const char *text;
	size_t length, at;
	unsigned int depth; /* of parentheses, behind the last token */
};

/* Behind the part of a name that begins at `at`, or `at`: there is none. */
static size_t name_part_end(const struct tokens *tokens, size_t at)
{
	static const char quotes[] = "\"\"``[]";
	const char *quote = at < tokens->length && tokens->text[at] ? strchr(quotes, tokens->text[at]) : NULL;
	const char *close;

	if (quote && *quote != ']') {
		close = memchr(tokens->text + at + 1, *quote == '[' ? ']' : *quote, tokens->length - at - 1);
		return close ? (size_t)(close - tokens->text) + 1 : at;
	}
	while (at < tokens->length && (continues_name(tokens->text[at]) || tokens->text[at] == '#'))
		at++;
	return at;
}

static size_t name_end(const struct tokens *tokens)
{
	size_t end = name_part_end(tokens, tokens->at), next;

	while (end > tokens->at && end < tokens->length && tokens->text[end] == '.') {
		next = name_part_end(tokens, end + 1);
		if (next == end + 1)
			break;
		end = next;
	}
	return end;
}

static struct token next_token(struct tokens *tokens)
{
	struct token token;
	size_t end;

	tokens->at = skip_blanks(tokens->text, tokens->length, tokens->at);
	token.text = tokens->text + tokens->at;
	end = name_end(tokens);
	token.is_name = end > tokens->at;
	if (!token.is_name && tokens->at < tokens->length) {
		end = tokens->at + 1;
		if (*token.text == '(')
			tokens->depth++;
		else if (*token.text == ')' && tokens->depth)
			tokens->depth--;
	}
	token.length = end - tokens->at;
	tokens->at = end;
	return token;
}

static const struct operation *find_operation(struct token token)
{
	for (size_t i = 0; token.is_name && i < COUNT(operations); i++)
		if (word_is(token.text, token.length, operations[i].name))
			return &operations[i];
	return NULL;
}

/* Reads up to the word outside parentheses, of this statement. */
static bool find_word(struct tokens *tokens, unsigned int depth, const char *word)
{
	bool after_distinct = false;

	for (struct token token = next_token(tokens); token.length; token = next_token(tokens)) {
		if (tokens->depth < depth || *token.text == ';')
			return false;
		if (tokens->depth == depth && !after_distinct && word_is(token.text, token.length, word))
			return true;
		after_distinct = word_is(token.text, token.length, "DISTINCT"); /* IS DISTINCT FROM */
	}
	return false;
}

/* CREATE TABLE and its like: anything but a table has no target. */
static bool skip_to_table(struct tokens *tokens)
{
	static const char *const modifiers[] = { "TEMP",  "TEMPORARY", "UNLOGGED", "GLOBAL",
						 "LOCAL", "FOREIGN",   "EXTERNAL", NULL };
	struct token token;

	do
		token = next_token(tokens);
	while (is_one_of(token.text, token.length, modifiers));
	return word_is(token.text, token.length, "TABLE");
}

/* The name that comes now, whatever is said of it first. */
static struct token next_target(struct tokens *tokens)
{
	static const char *const modifiers[] = {
		"ONLY", "TABLE", "IF", "NOT", "EXISTS", "LOW_PRIORITY", "IGNORE", NULL
	};
	struct token token;

	do
		token = next_token(tokens);
	while (is_one_of(token.text, token.length, modifiers));
	return token;
}

static struct token find_target(struct tokens *tokens, const struct operation *operation)
{
	static const struct token none = { 0 };
	const char *before = operation->before_target;
	struct token target, behind;
	bool is_function;

	if (!before)
		return none;
	if (!strcmp(before, "TABLE") ? !skip_to_table(tokens) : *before && !find_word(tokens, tokens->depth, before))
		return none;
	target = next_target(tokens);
	behind = next_token(tokens);
	is_function = !strcmp(before, "FROM") && behind.length && *behind.text == '('; /* its rows are no table's */
	return target.is_name && !is_function ? target : none;
}

/* The statement behind WITH: what comes of it is known, but not which of its names are tables. */
static struct token skip_with(struct tokens *tokens, struct token with)
{
	static const char *const statements[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", NULL };
	unsigned int depth = tokens->depth;

	for (struct token token = next_token(tokens); token.length; token = next_token(tokens))
		if (tokens->depth == depth && is_one_of(token.text, token.length, statements))
			return token;
	return with;
}

struct query_operation query_operation(const char *text, size_t length)
{
	struct tokens tokens = { .text = text, .length = length };
	struct token name, target;
	const struct operation *operation;
	bool is_with;

	do
		name = next_token(&tokens);
	while (name.length && (*name.text == '(' || *name.text == ';'));
	is_with = word_is(name.text, name.length, "WITH");
	if (is_with)
		name = skip_with(&tokens, name);
	operation = find_operation(name);
	if (!operation)
		return (struct query_operation){ 0 };
	target = find_target(&tokens, operation);
	if (is_with && !strcmp(operation->name, "SELECT"))
		target.length = 0;
	return (struct query_operation){ name.text, name.length, target.text, target.length };
}
