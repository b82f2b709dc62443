/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries in SQL: their text without its literals, and what they do to which table.
 *
 * OpenTelemetry (semantic conventions 1.44, docs/db/database-spans.md, "Sanitization of db.query.text") has each literal
 * replaced by `?`, and lets the lists of IN be shortened to `IN (?)`. Here strings, numbers, binary and hexadecimal
 * literals go, with their prefixes (E'..', X'..', 0x1F) and a sign that can only be theirs, and the password behind
 * IDENTIFIED BY. Comments are dropped: hints and what tools append to a query hold values. Placeholders ($1, :1, ?1, @p1)
 * stay, and so do TRUE and FALSE, though the conventions list them: there is little to hide in one of two words.
 *
 * What is a literal depends on the database: a backslash may or may not hide a quote, "..." is a name or a string, `#`
 * an operator or a comment. A wrong guess would not only show a literal, it would take all that follows for the
 * opposite of what it is. So the text is read as every database that may have got it would read it, and a byte is
 * shown only if none of them has it in a literal. The price is a name in double quotes that becomes `?` where the
 * database is not known, unless it stands where no database takes a string: behind INTO, JOIN, UPDATE, TABLE, FROM (not
 * in parentheses: TRIM), or beside a dot.
 *
 * A text that was cut may end within a literal, which is not shown then.
 */
#ifndef OTB_TRACE_QUERY_H
#define OTB_TRACE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

enum { QUERY_LENGTH_MAX = 8192 }; /* bytes; a longer query is cut there */

/* Writes `text` without literals to `out`, which has room for `length` bytes and may be `text` itself. `system` is the
 * conventions' db.system.name, or NULL where it is not known. Returns the length, never more than `length`; no NUL is
 * written. */
size_t query_redact(const char *system, const char *text, size_t length, char *out);

/* Parts of the query, as it spells them. A length of 0: not known. */
struct query_operation {
	const char *name; /* SELECT; one of the words that begin a statement */
	size_t name_length;
	const char *target; /* the table or procedure: users, "public"."users" */
	size_t target_length;
};

/* What a query without literals does: its (first) statement, and the first table, where that is plain to see. One that
 * reads from a subquery, a function or the names of a WITH has no target. The parts lie in `text`. */
struct query_operation query_operation(const char *text, size_t length);

#endif
