/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limited number of keys, texts of any length, with what is remembered of each. Once it is full a key that was not used
 * for a while makes room for a new one, and where there is none the new one shares an entry with all others like it.
 */
#ifndef OTB_SAMPLE_KEY_TABLE_H
#define OTB_SAMPLE_KEY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_UNUSED_TICKS = 10 /* after so many an entry may be given away */ };

struct key_entry {
	struct key_entry *next;
	uint64_t hash;
	uint64_t tick;  /* of its last use */
	double volume;  /* in that tick */
	double average; /* over the ticks before it; 0: there was none */
	size_t length;
	char bytes[];
};

struct key_table {
	struct key_entry **buckets;
	unsigned int n, limit, n_buckets;
	uint64_t seed;       /* nobody who chooses keys shall choose their buckets */
	uint64_t swept_tick; /* when room was looked for in vain */
	struct key_entry *overflow;
	bool has_overflown; /* said on stderr */
};

/* Returns 0 or -ENOMEM; key_table_close() is due all the same. */
int key_table_open(struct key_table *table, unsigned int limit, uint64_t seed);
void key_table_close(struct key_table *table);

/* The entry of a key in a tick (counted from anywhere, never back). A new one is all zero but for its tick; without memory
 * it is the shared one. The caller sets its tick. */
struct key_entry *key_table_get(struct key_table *table, const char *bytes, size_t length, uint64_t tick);

#endif
