/* SPDX-License-Identifier: Apache-2.0 */
/* Queries without their literals, of each database and of an unknown one, whole and cut; what they do to which table. */
#include "cmd/otb-trace/query.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PG "postgresql"
#define MY "mysql"
#define MS "microsoft.sql_server"

static const struct {
	const char *system, *text, *expected;
} queries[] = {
	/* What every database reads alike. */
	{ NULL, "SELECT * FROM users WHERE id = 42", "SELECT * FROM users WHERE id = ?" },
	{ NULL, "SELECT * FROM t WHERE a='x' AND b = 'it''s'", "SELECT * FROM t WHERE a=? AND b = ?" },
	{ NULL, "SELECT ''", "SELECT ?" },
	{ PG, "SELECT '','a','''',''", "SELECT ?,?,?,?" },
	{ NULL, "SELECT E'a\\'b', N'c', X'1F', x'1f', B'01' FROM t", "SELECT ?, ?, ?, ?, ? FROM t" },
	{ NULL, "SELECT DATE '2020-01-01', INTERVAL '1' DAY", "SELECT DATE ?, INTERVAL ? DAY" },
	{ NULL, "SELECT _utf8'x', 'a'::text", "SELECT _utf8?, ?::text" },
	{ NULL, "VALUES (1, 1.5, .5, 1., 1e5, 1.5E-3, 1e+5, 0x1F, 0b101, 1_000, 12abc)",
	  "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" },
	{ NULL, "SELECT col1, t2.c3, _4 FROM t5 WHERE c6$7>8", "SELECT col1, t2.c3, _4 FROM t5 WHERE c6$7>?" },
	{ NULL, "SELECT -1", "SELECT -?" },
	{ NULL, "WHERE a = -1 AND b=+2 AND c-3 > (-4) AND d - 5 = 6-7",
	  "WHERE a = ? AND b=? AND c-? > (?) AND d - ? = ?-?" },
	{ NULL, "WHERE a=$1 AND b=$12 AND c=:1 AND d=?1 AND e=@p1 AND f=? AND g=:name AND h=@name",
	  "WHERE a=$1 AND b=$12 AND c=:1 AND d=?1 AND e=@p1 AND f=? AND g=:name AND h=@name" },
	{ NULL, "SELECT $1::int, ($2), $3", "SELECT $1::int, ($2), $3" },
	{ NULL, "WHERE a = :123456 AND b = @5 AND c = $1.50", "WHERE a = :? AND b = @? AND c = $?" },
	{ NULL, "SELECT a[1:2], a[b:3]", "SELECT a[?:?], a[b:?]" },
	{ PG, "SELECT a[1:2], a[b:3], ARRAY['x', 'y']", "SELECT a[?:?], a[b:?], ARRAY[?, ?]" },
	{ NULL, "SELECT true, FALSE, NULL", "SELECT true, FALSE, NULL" },
	{ NULL, "SELECT `it1`, `b 2` FROM `c`", "SELECT `it1`, `b 2` FROM `c`" },
	{ NULL, "SELECT caf\xc3\xa9 FROM t WHERE a = 'caf\xc3\xa9'", "SELECT caf\xc3\xa9 FROM t WHERE a = ?" },
	{ NULL, "SELECT 'a' 'b', 'c'\n'd'", "SELECT ? ?, ?\n?" },
	{ NULL, "", "" },
	{ NULL, " \n", "" },
	/* Comments. */
	{ NULL, "SELECT 1 -- secret\nFROM t", "SELECT ? \nFROM t" },
	{ NULL, "SELECT a/* it's */FROM t", "SELECT a FROM t" },
	{ NULL, "/* secret 'a */ SELECT 1 /* b */", " SELECT ?" },
	{ NULL, "SELECT 1/*a*/2", "SELECT ?" },
	{ NULL, "SELECT /*+ HINT(5) */ 1 /*traceparent='00-1-2-01'*/", "SELECT  ?" },
	{ NULL, "SELECT /*! STRAIGHT_JOIN */ a", "SELECT  a" },
	{ MY, "SELECT /*!50001 a, 'x */ y', */ b", "SELECT ?" },
	{ MY, "SELECT 1 # it's\n, 2", "SELECT ? \n, ?" },
	{ MY, "SELECT 1--2, 'a'", "SELECT ?-?, ?" },
	{ PG, "SELECT a #> '{b}', 5 # 3", "SELECT a #> ?, ? # ?" },
	{ PG, "SELECT /* /* 'a' */ 'b' */ c", "SELECT  c" },
	{ MY, "SELECT /* /* a */ 'b' c", "SELECT  ? c" },
	{ PG, "SELECT a -- b\r, 'c\nd'", "SELECT a \r, ?" },
	/* Lists. */
	{ NULL, "WHERE a IN (1,2,3)", "WHERE a IN (?)" },
	{ NULL, "WHERE a in('x' , 'y'\n, -3 ) AND b NOT IN ( 4, 5 )", "WHERE a in(? ) AND b NOT IN ( ? )" },
	{ NULL, "WHERE a IN (?, ?, ?)", "WHERE a IN (?)" },
	{ NULL, "WHERE a IN (1, 2, $1, 3, 4)", "WHERE a IN (?, $1, ?, ?)" },
	{ NULL, "WHERE a IN (?1, ?2) AND b IN ($1, $2)", "WHERE a IN (?1, ?2) AND b IN ($1, $2)" },
	{ NULL, "WHERE a IN ((1, 2), (3, 4))", "WHERE a IN ((?, ?), (?, ?))" },
	{ NULL, "WHERE a IN (SELECT 1, 2) AND min(1, 2)", "WHERE a IN (SELECT ?, ?) AND min(?, ?)" },
	{ NULL, "VALUES (1, 2), (3, 4)", "VALUES (?, ?), (?, ?)" },
	{ NULL, "WHERE a IN (1, 2, 3", "WHERE a IN (?" },
	{ NULL, "WHERE a IN (1, 2, ", "WHERE a IN (?," },
	/* Double quotes: names in PostgreSQL, and where no database takes a string. */
	{ PG, "SELECT \"id\", \"it's\" FROM \"users\" WHERE \"a\"\"b\" = 'c'",
	  "SELECT \"id\", \"it's\" FROM \"users\" WHERE \"a\"\"b\" = ?" },
	{ MY, "SELECT \"secret\", \"it's\", \"a\\\\\", 'c\"' FROM t", "SELECT ?, ?, ?, ? FROM t" },
	{ NULL, "SELECT \"id\" FROM \"users\" u WHERE name = \"bob\"", "SELECT ? FROM \"users\" u WHERE name = ?" },
	{ NULL, "SELECT \"u\".\"id\", u.\"name\", \"v\".* FROM \"s\".\"u\" JOIN \"v\" ON \"u\".id=\"v\".\"id\"",
	  "SELECT \"u\".\"id\", u.\"name\", \"v\".* FROM \"s\".\"u\" JOIN \"v\" ON \"u\".id=\"v\".\"id\"" },
	{ NULL, "INSERT INTO \"t\" VALUES (\"secret\")", "INSERT INTO \"t\" VALUES (?)" },
	{ NULL, "UPDATE \"t\" SET a=\"secret\"", "UPDATE \"t\" SET a=?" },
	{ NULL, "SELECT TRIM(\"x\" FROM \"secret\")", "SELECT TRIM(? FROM ?)" },
	{ NULL, "WHERE a IS DISTINCT FROM \"secret\"", "WHERE a IS DISTINCT FROM ?" },
	{ NULL, "SELECT 1.\"secret\"", "SELECT ?" },
	{ NULL, "SELECT FROM /* c */ \"t\"", "SELECT FROM  \"t\"" },
	/* Backslashes: a wrong guess would show what follows. */
	{ MY, "SELECT 'a\\'b secret', 'c', d", "SELECT ?" }, /* NO_BACKSLASH_ESCAPES */
	{ "clickhouse", "SELECT 'a\\'b', 'c', d", "SELECT ?, ?, d" },
	{ NULL, "SELECT 'a\\'b secret', c", "SELECT ?" },
	{ PG, "WHERE a = 'C:\\' AND b = 'secret'", "WHERE a = ?" },
	{ "sqlite", "WHERE a = 'C:\\' AND b = 'secret' AND c", "WHERE a = ? AND b = ? AND c" },
	{ "oracle.db", "WHERE a = 'C:\\' AND b = 'secret' AND c", "WHERE a = ? AND b = ? AND c" },
	{ PG, "SELECT E'a\\\\', b", "SELECT ?, b" },
	{ "clickhouse", "SELECT `a\\`b`, \"c\\\"d\", 'secret' FROM t", "SELECT `a\\`b`, \"c\\\"d\", ? FROM t" },
	{ "gcp.spanner", "SELECT `a\\`b`, 'secret', `c` FROM t", "SELECT `a\\`b`, ?, `c` FROM t" },
	{ NULL, "SELECT `a\\`b`, 'secret'", "SELECT `a\\`b`, ?" },
	{ MY, "SELECT `a\\`, 'secret', `b`", "SELECT `a\\`, ?, `b`" },
	/* Quotes of one database only. */
	{ PG, "SELECT $$it's$$, $a$ $b$ $$ $a$, $1, a$b$c", "SELECT ?, ?, $1, a$b$c" },
	{ NULL, "DO $$ secret 'x $$", "DO ?" },
	{ "oracle.db", "SELECT q'[it's]', Nq'!x'y!', q'aba' FROM t", "SELECT ?, ?, ? FROM t" },
	{ "gcp.spanner", "SELECT '''it's''', \"\"\"a\"b\\\"\"\"\", r'\\'', b\"x\" FROM t", "SELECT ?, ?, ?, ? FROM t" },
	{ NULL, "SELECT '''a'secret'''", "SELECT ?" },
	{ MS, "SELECT [it's 1], [a]]b'] FROM t WHERE a = N'x' AND b = $1500.25 AND c = $7",
	  "SELECT [it's 1], [a]]b'] FROM t WHERE a = ? AND b = $? AND c = $?" },
	{ "sqlite", "SELECT [a b] FROM t WHERE x = \"y\"", "SELECT [a b] FROM t WHERE x = ?" },
	/* Oracle's passwords are names, quoted or not. */
	{ NULL, "CREATE USER u IDENTIFIED BY tiger1 QUOTA 5 ON t", "CREATE USER u IDENTIFIED BY ? QUOTA ? ON t" },
	{ "oracle.db", "ALTER USER \"u\" identified /* c */ by \"tiger\" ACCOUNT UNLOCK",
	  "ALTER USER \"u\" identified  by ? ACCOUNT UNLOCK" },
	{ MY, "CREATE USER u IDENTIFIED BY 'tiger', v IDENTIFIED BY \"t\"",
	  "CREATE USER u IDENTIFIED BY ?, v IDENTIFIED BY ?" },
	{ NULL, "SELECT a FROM t ORDER BY identified, by", "SELECT a FROM t ORDER BY identified, by" },
	/* Cut. */
	{ NULL, "WHERE a = 'secre", "WHERE a = ?" },
	{ NULL, "WHERE a = '", "WHERE a = ?" },
	{ NULL, "WHERE a = 'it'", "WHERE a = ?" },
	{ MY, "WHERE a = 'b\\", "WHERE a = ?" },
	{ PG, "WHERE a = $x$secret$x", "WHERE a = ?" },
	{ PG, "WHERE a = $x$", "WHERE a = ?" },
	{ NULL, "WHERE a = E'", "WHERE a = ?" },
	{ NULL, "WHERE a = \"secre", "WHERE a = ?" },
	{ NULL, "SELECT a /* secre", "SELECT a" },
	{ NULL, "SELECT a -- secre", "SELECT a" },
	{ NULL, "WHERE a = 12", "WHERE a = ?" },
	{ NULL, "WHERE a = -", "WHERE a = -" },
	{ "oracle.db", "SELECT q'[secret]", "SELECT ?" },
	{ "oracle.db", "SELECT q'", "SELECT ?" },
	{ "gcp.spanner", "SELECT '''secret''", "SELECT ?" },
	/* A system that is not in the table is an unknown one. */
	{ "other_sql", "SELECT \"a\", 'b\\'", "SELECT ?, ?" },
};

/* In blocks of their own, with nothing behind. */
static bool is_redacted(const char *system, const char *text, size_t length, const char *expected,
			size_t expected_length)
{
	char *copy = malloc(length ? length : 1), *out = malloc(length ? length : 1);
	size_t n, in_place;
	bool is_good;

	if (!copy || !out)
		abort();
	memcpy(copy, text, length);
	n = query_redact(system, copy, length, out);
	in_place = query_redact(system, copy, length, copy);
	is_good = n == expected_length && !memcmp(out, expected, n) && in_place == n && !memcmp(copy, out, n);
	if (!is_good)
		printf("# '%.*s'\n", (int)n, out);
	free(copy);
	free(out);
	return is_good;
}

static void test_queries(void)
{
	static const char with_nul[] = "SELECT \0, '\0', 1";

	for (size_t i = 0; i < COUNT(queries); i++)
		check(is_redacted(queries[i].system, queries[i].text, strlen(queries[i].text), queries[i].expected,
				  strlen(queries[i].expected)),
		      "%s: %s", queries[i].system ? queries[i].system : "unknown", queries[i].text);
	check(is_redacted(NULL, with_nul, sizeof(with_nul) - 1, "SELECT \0, ?, ?", 14),
	      "a NUL is a byte as others are");
}

/* Cut anywhere, no byte of a secret is shown. Its bytes are 9 and Z, which the rest has not. */
static void test_cuts(void)
{
	static const struct {
		const char *system, *text;
	} cut[] = {
		{ PG,
		  "SELECT 9, 'Z''9', E'Z\\'9', $x$Z'$y$9$x$, \"n\" FROM t WHERE a IN (9, 99) -- Z\n AND b=-9.9e-9" },
		{ MY, "SELECT 9, 'Z''9', 'Z\\'9', \"Z\\\"'9\", `n` FROM t WHERE a IN (9, 99) # Z\n AND b=-9.9e-9" },
		{ NULL, "SELECT 9, 'Z''9', N'Z9', X'99', \"Z\" FROM t WHERE a IN (9, 99) /* Z */ AND b=-9.9e-9" },
		{ "oracle.db", "SELECT q'[Z'9]', Nq'!Z'9!' FROM t" },
		{ "gcp.spanner", "SELECT '''Z'9''', \"\"\"Z\\\"\"\"\"9\"\"\", r'\\'9' FROM t" },
	};
	char out[256];

	for (size_t i = 0; i < COUNT(cut); i++) {
		bool is_good = true;

		for (size_t length = 0; length <= strlen(cut[i].text); length++) {
			size_t n = query_redact(cut[i].system, cut[i].text, length, out);

			is_good &= n <= length && !memchr(out, '9', n) && !memchr(out, 'Z', n);
		}
		check(is_good, "cut anywhere: %s", cut[i].text);
	}
}

static void test_long(void)
{
	static char text[2 * QUERY_LENGTH_MAX], out[2 * QUERY_LENGTH_MAX];
	size_t n;

	memset(text, 'a', sizeof(text));
	n = query_redact(NULL, text, sizeof(text), out);
	check(n == QUERY_LENGTH_MAX && !memcmp(out, text, n), "a query that is too long is cut");
	memset(text, '9', sizeof(text));
	memcpy(text, "a = '", 5);
	n = query_redact(NULL, text, sizeof(text), out);
	check(n == 5 && !memcmp(out, "a = ?", n), "so is one whose string is too long");
	memset(text, '(', sizeof(text));
	check(query_redact(NULL, text, sizeof(text), out) == QUERY_LENGTH_MAX, "parentheses without end");
}

static const struct {
	const char *text, *name, *target;
} operations[] = {
	{ "SELECT * FROM users WHERE id = ?", "SELECT", "users" },
	{ "select a from Users", "select", "Users" },
	{ "SELECT a FROM public.users u", "SELECT", "public.users" },
	{ "SELECT a FROM \"public\".\"song list\"", "SELECT", "\"public\".\"song list\"" },
	{ "SELECT a FROM `db`.`t`", "SELECT", "`db`.`t`" },
	{ "SELECT TOP ? a FROM [dbo].[t x]", "SELECT", "[dbo].[t x]" },
	{ "SELECT a FROM ONLY t", "SELECT", "t" },
	{ "SELECT a FROM t, u", "SELECT", "t" },
	{ "SELECT a FROM t JOIN u ON ?", "SELECT", "t" },
	{ "SELECT trim(a FROM b), (SELECT c FROM d) FROM t", "SELECT", "t" },
	{ "SELECT a IS DISTINCT FROM b FROM t", "SELECT", "t" },
	{ "(SELECT a FROM t) UNION (SELECT b FROM u)", "SELECT", "t" },
	{ ";\n SELECT a FROM t", "SELECT", "t" },
	{ "SELECT * FROM (SELECT * FROM t) u", "SELECT", "" },
	{ "SELECT * FROM generate_series(?, ?)", "SELECT", "" },
	{ "SELECT * FROM ?", "SELECT", "" },
	{ "SELECT ?", "SELECT", "" },
	{ "SELECT ?; SELECT a FROM t", "SELECT", "" },
	{ "(SELECT ?) FROM t", "SELECT", "" },
	{ "SELECT", "SELECT", "" },
	{ "SELECT a FROM", "SELECT", "" },
	{ "SELECT a FROM t", "SELECT", "t" },
	{ "INSERT INTO t (a) VALUES (?)", "INSERT", "t" },
	{ "INSERT INTO t(a) SELECT b FROM u", "INSERT", "t" },
	{ "INSERT OR REPLACE INTO t VALUES (?)", "INSERT", "t" },
	{ "REPLACE INTO t VALUES (?)", "REPLACE", "t" },
	{ "UPDATE t SET a = ?", "UPDATE", "t" },
	{ "UPDATE LOW_PRIORITY t SET a = ?", "UPDATE", "t" },
	{ "DELETE FROM t WHERE a = ?", "DELETE", "t" },
	{ "MERGE INTO t USING u ON ?", "MERGE", "t" },
	{ "TRUNCATE TABLE t", "TRUNCATE", "t" },
	{ "CREATE TABLE IF NOT EXISTS t (a int)", "CREATE", "t" },
	{ "CREATE TEMPORARY TABLE #t (a int)", "CREATE", "#t" },
	{ "CREATE INDEX i ON t (a)", "CREATE", "" },
	{ "CREATE VIEW v AS TABLE t", "CREATE", "" },
	{ "ALTER TABLE t ADD a int", "ALTER", "t" },
	{ "DROP TABLE IF EXISTS t", "DROP", "t" },
	{ "CALL p(?, ?)", "CALL", "p" },
	{ "EXEC dbo.p @a = ?", "EXEC", "dbo.p" },
	{ "WITH x AS (SELECT a FROM t) SELECT * FROM x", "SELECT", "" },
	{ "WITH RECURSIVE x AS (SELECT a FROM t) INSERT INTO u SELECT * FROM x", "INSERT", "u" },
	{ "WITH x AS (SELECT", "WITH", "" },
	{ "BEGIN", "BEGIN", "" },
	{ "commit;", "commit", "" },
	{ "SET a = ?", "SET", "" },
	{ "EXPLAIN SELECT a FROM t", "EXPLAIN", "" },
	/* No statement that is known: a name might be anybody's. */
	{ "my_procedure", "", "" },
	{ "?", "", "" },
	{ "\"SELECT\"", "", "" },
	{ "SELECTED FROM t", "", "" },
	{ "", "", "" },
	{ "((", "", "" },
};

static bool part_is(const char *part, size_t length, const char *expected)
{
	return length == strlen(expected) && (!length || !memcmp(part, expected, length));
}

static void test_operations(void)
{
	for (size_t i = 0; i < COUNT(operations); i++) {
		size_t length = strlen(operations[i].text);
		char *copy = malloc(length ? length : 1);

		if (!copy)
			abort();
		memcpy(copy, operations[i].text, length);
		struct query_operation found = query_operation(copy, length);
		check(part_is(found.name, found.name_length, operations[i].name) &&
			      part_is(found.target, found.target_length, operations[i].target),
		      "%s: '%.*s' '%.*s'", operations[i].text, (int)found.name_length, found.name,
		      (int)found.target_length, found.target);
		free(copy);
	}
}

int main(void)
{
	test_queries();
	test_cuts();
	test_long();
	test_operations();
	return finish_tests();
}
