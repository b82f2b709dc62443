/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/first.h"

int first_open(struct first *first, uint64_t n, uint64_t every_ns, unsigned int keys, uint64_t seed)
{
	*first = (struct first){ .n = n, .every_ns = every_ns };
	return key_table_open(&first->keys, keys, seed);
}

void first_close(struct first *first)
{
	key_table_close(&first->keys);
}

bool first_takes(struct first *first, const char *key, size_t length, uint64_t now_ns)
{
	uint64_t tick = now_ns / first->every_ns;
	struct key_entry *entry = key_table_get(&first->keys, key, length, tick);

	if (entry->tick != tick)
		entry->volume = 0;
	entry->tick = tick;
	if (entry->volume >= (double)first->n)
		return false;
	entry->volume++;
	return true;
}
