/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/decisions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int decisions_open(struct decisions *decisions, size_t limit, uint64_t seed)
{
	*decisions = (struct decisions){ .half = limit / 2, .size = 2, .seed = seed };
	/* Half empty: to find nothing takes two looks then. */
	while (decisions->size < 2 * decisions->half)
		decisions->size *= 2;
	for (unsigned int i = 0; i < 2; i++) {
		decisions->tables[i] = calloc(decisions->size, sizeof(struct decision));
		if (!decisions->tables[i])
			return -ENOMEM;
	}
	return 0;
}

void decisions_close(struct decisions *decisions)
{
	free(decisions->tables[0]);
	free(decisions->tables[1]);
	*decisions = (struct decisions){ .half = 0 };
}

/* Where the id lies in a table, or would. */
static struct decision *find_place(const struct decisions *decisions, unsigned int table, const struct trace_id *id)
{
	size_t place = trace_id_hash(id, decisions->seed) & (decisions->size - 1);
	struct decision *decision;

	for (;; place = (place + 1) & (decisions->size - 1)) {
		decision = &decisions->tables[table][place];
		if (!decision->verdict.tally || trace_id_equals(&decision->id, id))
			return decision;
	}
}

void decisions_put(struct decisions *decisions, const struct decision *decision)
{
	struct decision *place;

	if (!decisions->half)
		return;
	place = find_place(decisions, decisions->newer, &decision->id);
	if (!place->verdict.tally && decisions->n == decisions->half) {
		decisions->newer = !decisions->newer;
		decisions->n = 0;
		memset(decisions->tables[decisions->newer], 0, decisions->size * sizeof(struct decision));
		place = find_place(decisions, decisions->newer, &decision->id);
	}
	decisions->n += !place->verdict.tally;
	*place = *decision;
}

const struct decision *decisions_find(struct decisions *decisions, const struct trace_id *id)
{
	const struct decision *found;

	if (!decisions->half)
		return NULL;
	found = find_place(decisions, decisions->newer, id);
	if (found->verdict.tally)
		return found;
	found = find_place(decisions, !decisions->newer, id);
	if (!found->verdict.tally)
		return NULL;
	struct decision copy = *found;
	decisions_put(decisions, &copy);
	return find_place(decisions, decisions->newer, id);
}
