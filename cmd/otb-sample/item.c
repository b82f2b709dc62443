/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/item.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

size_t item_memory(void *block)
{
	return malloc_usable_size(block) + sizeof(size_t);
}

struct held *item_add(struct item *item, const struct record_view *record, const struct arrival *arrival)
{
	bool is_marked = fields_are_marked(record);
	size_t padding = is_marked ? JSON_PADDING : 0;
	struct held *held = malloc(sizeof(*held) + record->length + padding);

	if (!held)
		return NULL;
	*held = (struct held){ .arrival = *arrival,
			       .length = (uint32_t)record->length,
			       .brace = (uint32_t)record->brace,
			       .cr = record->cr,
			       .is_marked = is_marked };
	memcpy(held->text, record->line, record->length);
	memset(held->text + record->length, 0, padding);
	if (item->last)
		item->last->next = held;
	else
		item->first = held;
	item->last = held;
	item->n++;
	item->bytes += item_memory(held);
	return held;
}

void item_drop_first(struct item *item)
{
	struct held *first = item->first;

	item->first = first->next;
	free(first);
}

void item_clear(struct item *item)
{
	while (item->first)
		item_drop_first(item);
	*item = (struct item){ .first = NULL };
}
