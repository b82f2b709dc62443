/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/key_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/diag.h"

int key_table_open(struct key_table *table, unsigned int limit, uint64_t seed)
{
	*table = (struct key_table){ .limit = limit, .n_buckets = 16, .seed = seed };
	while (table->n_buckets < limit)
		table->n_buckets *= 2;
	table->buckets = calloc(table->n_buckets, sizeof(struct key_entry *));
	table->overflow = calloc(1, sizeof(*table->overflow));
	return table->buckets && table->overflow ? 0 : -ENOMEM;
}

void key_table_close(struct key_table *table)
{
	for (unsigned int i = 0; table->buckets && i < table->n_buckets; i++) {
		struct key_entry *entry = table->buckets[i];

		while (entry) {
			struct key_entry *next = entry->next;

			free(entry);
			entry = next;
		}
	}
	free(table->buckets);
	free(table->overflow);
	table->buckets = NULL;
	table->overflow = NULL;
}

/* FNV-1a (Fowler, Noll, Vo) from a secret start, with a last mix, so that all bits count. */
static uint64_t hash_bytes(uint64_t seed, const char *bytes, size_t length)
{
	uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	return hash ^ hash >> 32;
}

/* Gives the entries away that were not used for a while. */
static void sweep(struct key_table *table, uint64_t tick)
{
	for (unsigned int i = 0; i < table->n_buckets; i++) {
		struct key_entry **link = &table->buckets[i];

		while (*link) {
			struct key_entry *entry = *link;

			if (tick - entry->tick <= KEY_UNUSED_TICKS) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			free(entry);
			table->n--;
		}
	}
}

static bool has_room(struct key_table *table, uint64_t tick)
{
	/* There are more keys than this can find room for when it is asked for every record. */
	if (table->n == table->limit && table->swept_tick != tick) {
		table->swept_tick = tick;
		sweep(table, tick);
	}
	if (table->n < table->limit)
		return true;
	if (!table->has_overflown)
		diag_print(DIAG_WARN, "more than %u keys: those that come now are counted as one (--keys)",
			   table->limit);
	table->has_overflown = true;
	return false;
}

struct key_entry *key_table_get(struct key_table *table, const char *bytes, size_t length, uint64_t tick)
{
	uint64_t hash = hash_bytes(table->seed, bytes, length);
	struct key_entry **bucket = &table->buckets[hash & (table->n_buckets - 1)], *entry;

	/* memcmp() and memcpy() do not take NULL, which is what a key without fields is. */
	if (!length)
		bytes = "";
	for (entry = *bucket; entry; entry = entry->next)
		if (entry->hash == hash && entry->length == length && !memcmp(entry->bytes, bytes, length))
			return entry;
	if (!has_room(table, tick))
		return table->overflow;
	entry = calloc(1, sizeof(*entry) + length);
	if (!entry)
		return table->overflow;
	entry->hash = hash;
	entry->tick = tick;
	entry->length = length;
	memcpy(entry->bytes, bytes, length);
	/* The sweep may have changed what the bucket holds, but not where it is. */
	entry->next = *bucket;
	*bucket = entry;
	table->n++;
	return entry;
}
