/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/decisions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int decisions_open(struct decisions *decisions, size_t limit, uint64_t seed)
{
	*decisions = (struct decisions){ .half = limit / 2, .size = 2, .seed = seed };
	/* Half empty: to find nothing takes two looks. */
	while (decisions->size < 2 * decisions->half)
		decisions->size *= 2;
	for (unsigned int i = 0; i < 2; i++) {
		struct decision_table *table = &decisions->tables[i];

		table->slots = calloc(decisions->size, sizeof(*table->slots));
		table->list = calloc(decisions->half, sizeof(*table->list));
		if (!table->slots || (!table->list && decisions->half))
			return -ENOMEM;
	}
	return 0;
}

void decisions_close(struct decisions *decisions)
{
	for (unsigned int i = 0; i < 2; i++) {
		free(decisions->tables[i].slots);
		free(decisions->tables[i].list);
	}
	*decisions = (struct decisions){ .half = 0 };
}

/* That of the id in a table, or a free one. */
static struct decision_slot *find_slot(const struct decisions *decisions, const struct decision_table *table,
				       const struct trace_id *id, uint64_t hash)
{
	for (size_t i = hash & (decisions->size - 1);; i = (i + 1) & (decisions->size - 1)) {
		struct decision_slot *slot = &table->slots[i];

		if (!slot->number ||
		    (slot->tag == hash >> 32 && trace_id_equals(&table->list[slot->number - 1].id, id)))
			return slot;
	}
}

static const struct decision *put(struct decisions *decisions, const struct decision *decision, uint64_t hash)
{
	struct decision_table *table = &decisions->tables[decisions->newer];
	struct decision_slot *slot = find_slot(decisions, table, &decision->id, hash);

	if (!slot->number && decisions->n == decisions->half) {
		decisions->newer = !decisions->newer;
		decisions->n = 0;
		table = &decisions->tables[decisions->newer];
		memset(table->slots, 0, decisions->size * sizeof(*table->slots));
		slot = find_slot(decisions, table, &decision->id, hash);
	}
	if (!slot->number)
		*slot = (struct decision_slot){ (uint32_t)(hash >> 32), (uint32_t)++decisions->n };
	table->list[slot->number - 1] = *decision;
	return &table->list[slot->number - 1];
}

void decisions_put(struct decisions *decisions, const struct decision *decision)
{
	if (decisions->half)
		put(decisions, decision, trace_id_hash(&decision->id, decisions->seed));
}

const struct decision *decisions_find(struct decisions *decisions, const struct trace_id *id)
{
	const struct decision_table *newer = &decisions->tables[decisions->newer],
				    *older = &decisions->tables[!decisions->newer];
	uint64_t hash = trace_id_hash(id, decisions->seed);
	const struct decision_slot *slot;

	if (!decisions->half)
		return NULL;
	slot = find_slot(decisions, newer, id, hash);
	if (slot->number)
		return &newer->list[slot->number - 1];
	slot = find_slot(decisions, older, id, hash);
	if (!slot->number)
		return NULL;
	struct decision copy = older->list[slot->number - 1];
	return put(decisions, &copy, hash);
}
