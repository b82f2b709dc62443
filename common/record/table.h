/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for a person: fixed columns, as many of them as the width has room for.
 *
 * Columns have a rank: those of rank 0 are always there, those of a higher rank only where the width takes all columns
 * up to that rank. The last column shown is not padded; where its text would go over the edge it is put on a line of
 * its own, against the right edge. Text is made printable: bytes that are not UTF-8 and control characters become '?'.
 */
#ifndef OTB_TABLE_H
#define OTB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_COLUMNS_MAX = 24, TABLE_CELL_SIZE = 128, TABLE_LINE_SIZE = 4096 };

struct table_column {
	const char *title;
	unsigned int width; /* at least that of the title; a longer text pushes the rest of its line on */
	unsigned int rank;
	bool right; /* aligned to the right: numbers */
};

struct table {
	const struct table_column *columns; /* must outlive the table */
	unsigned int n_columns, width, rank;
	char cells[TABLE_COLUMNS_MAX][TABLE_CELL_SIZE];
};

/* `width` 0: that of the terminal on stdout, else of $COLUMNS, else 80. */
void table_init(struct table *table, const struct table_column *columns, unsigned int n_columns, unsigned int width);

/* Fills a cell of the next row; one that is not filled is shown as '-'. */
void table_set(struct table *table, unsigned int column, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Local time of day, HH:MM:SS. */
void table_set_time(struct table *table, unsigned int column, uint64_t wall_ns);
/* Three digits and a unit: "640ns", "12.3us", "1.25ms", "314ms", "2.50s". At most seven characters up to 11 days. */
void table_set_duration(struct table *table, unsigned int column, uint64_t ns);

/* Writes the titles, or the row (which is empty again then), LF included, and returns the length. */
size_t table_format_titles(const struct table *table, char line[TABLE_LINE_SIZE]);
size_t table_format_row(struct table *table, char line[TABLE_LINE_SIZE]);

#endif
