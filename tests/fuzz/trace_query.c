/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries of any bytes: what is left is no longer, and the parts of the operation lie in it.
 *
 * And queries of one database that the bytes choose piece by piece, whose secrets alone have the bytes 9 and Z: neither
 * is shown, whether the database is known or not, wherever the query is cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-trace/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* ---- any bytes ---- */

static void require_within(const char *part, size_t length, const char *text, size_t text_length)
{
	require(!length || (part >= text && part + length <= text + text_length));
}

static void redact_any(const char *system, const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	size_t n;

	memcpy(text, data, size);
	n = query_redact(system, text, size, text);
	require(n <= size);
	struct query_operation operation = query_operation(text, n);
	require_within(operation.name, operation.name_length, text, n);
	require_within(operation.target, operation.target_length, text, n);
	free(text);
}

/* ---- queries with secrets ---- */

/* How a secret is written: what begins and ends it, and what may stand in between. */
struct literal {
	const char *open, *close;
	const char *inner[6];
};

#define PLAIN                                              \
	{                                                  \
		"'", "'",                                  \
		{                                          \
			"Z", "9", "''", " -- ", "\"", "/*" \
		}                                          \
	}
#define ESCAPED(open, quote)                                    \
	{                                                       \
		open, quote,                                    \
		{                                               \
			"Z", "9", "\\" quote, "\\\\", "#", "*/" \
		}                                               \
	}
#define NUMBERS                                       \
	{                                             \
		"9", "",                              \
		{                                     \
			"9", "9", "9", ".9", "9", "9" \
		}                                     \
	}

static const struct database {
	const char *system;
	struct literal literals[5];
	const char *pieces[8];
} databases[] = {
	{ "postgresql",
	  { PLAIN, ESCAPED("E'", "'"), { "$a$", "$a$", { "Z", "9", "'", "$b$", "$$", "\\" } }, NUMBERS, PLAIN },
	  { "\"it's\"", "/* /* ' */ */", "-- '\r", " # ", "a$1$", "$1", " FROM ", "::" } },
	{ "mysql",
	  { ESCAPED("'", "'"),
	    ESCAPED("\"", "\""),
	    { "X'", "'", { "9", "9", "9", "9", "9", "9" } },
	    NUMBERS,
	    { "'", "'", { "Z", "9", "''", "\\'", "\"", "# " } } },
	  { "`it's`", "/* /* ' */", "-- '\n", "# '\n", "a$1$", "?", " AS ", "--\t\n" } },
	{ "sqlite",
	  { PLAIN, { "\"", "\"", { "Z", "9", "\"\"", "'", "\\", "--" } }, NUMBERS, PLAIN, NUMBERS },
	  { "[it's]", "`it's`", "/* /* ' */", "-- '\n", "?1", ":1", " IS ", "#" } },
	{ "microsoft.sql_server",
	  { PLAIN,
	    { "N'", "'", { "Z", "9", "''", "]", "\\", "--" } },
	    { "$", "", { "9", "9", "9", ".9", "9", "9" } },
	    NUMBERS,
	    PLAIN },
	  { "[it's]", "[a]]']", "/* /* ' */ */", "-- '\n", "@p1", "#t", " AND ", "%" } },
	{ "oracle.db",
	  { PLAIN,
	    { "q'[", "]'", { "Z", "9", "'a", "]x", "\\", "[" } },
	    { "nq'!", "!'", { "Z", "9", "'", "]", "\\", "a" } },
	    NUMBERS,
	    PLAIN },
	  { "\"it's\"", "/* /* ' */", "-- '\n", ":1", "a#", " OR ", "||", "%" } },
	{ "clickhouse",
	  { ESCAPED("'", "'"),
	    { "$$", "$$", { "Z", "9", "'", "$b", "\"", "\\" } },
	    NUMBERS,
	    ESCAPED("'", "'"),
	    NUMBERS },
	  { "\"it's\"", "`it's`", "/* ' */", "-- '\n", "# '\n", " IN ", "(", ")" } },
	{ "gcp.spanner",
	  { ESCAPED("'", "'"),
	    ESCAPED("r\"", "\""),
	    { "'''", "'''", { "Z", "9", "'Z", "''9", "\\'", "\"" } },
	    { "\"\"\"", "\"\"\"", { "Z", "9", "\"Z", "\"\"9", "\\\"", "'" } },
	    NUMBERS },
	  { "`it's`", "/* /* ' */", "-- '\n", "# '\n", "@p1", "?", " IN ", "%" } },
};

enum { N_DATABASES = sizeof(databases) / sizeof(databases[0]), TEXT_MAX = 1024 };

/* None behind which no database takes a string. */
static const char *const common_pieces[] = { "SELECT ", " a1 ", "(",     ")",      ", ",   "=",  " IN (", " - ",
					     "+",       "*",    "t2.c3", " NULL ", " OR ", "\n", " x ",   ";" };

struct query {
	char text[TEXT_MAX + 64];
	size_t length;
};

static void add(struct query *query, const char *piece)
{
	size_t length = strlen(piece);

	if (query->length + length > TEXT_MAX)
		return;
	memcpy(query->text + query->length, piece, length);
	query->length += length;
}

/* White space around it, so that no piece becomes a part of another. Returns how many bytes have chosen it. */
static size_t add_literal(struct query *query, const struct literal *literal, const uint8_t *data, size_t size)
{
	size_t n = size ? data[0] % 8 : 0;

	if (query->length > TEXT_MAX / 2)
		return 0;
	add(query, " ");
	add(query, literal->open);
	for (size_t i = 1; i <= n && i < size; i++)
		add(query, literal->inner[data[i] % 6]);
	if (strlen(literal->close) == 3) /* what ends like it would be a part of it */
		add(query, "x");
	add(query, literal->close);
	add(query, " ");
	return n + 1 < size ? n + 1 : size;
}

static void require_hidden(const char *system, const char *text, size_t length)
{
	char out[TEXT_MAX];
	size_t n = query_redact(system, text, length, out);

	require(n <= length && !memchr(out, '9', n) && !memchr(out, 'Z', n));
}

static void require_hidden_to_all(const struct database *database, const char *text, size_t length)
{
	require_hidden(database->system, text, length);
	if (strcmp(database->system, "microsoft.sql_server")) /* whose $9 is a placeholder elsewhere */
		require_hidden(NULL, text, length);
}

static void redact_secrets(const uint8_t *data, size_t size)
{
	const struct database *database = &databases[data[0] % N_DATABASES];
	struct query query = { .length = 0 };
	size_t cut = data[1];

	for (size_t i = 2; i < size;) {
		uint8_t choice = data[i++];

		if (choice < 80)
			i += add_literal(&query, &database->literals[choice % 5], data + i, size - i);
		else
			add(&query, choice < 160 ? database->pieces[choice % 8] : common_pieces[choice % 16]);
	}
	require_hidden_to_all(database, query.text, query.length);
	require_hidden_to_all(database, query.text, cut * query.length / 256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	redact_any(NULL, data, size);
	redact_any(databases[data[0] % N_DATABASES].system, data + 1, size - 1);
	redact_secrets(data, size);
	return 0;
}
