/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/item.h"

#include <string.h>

/* What lies before a line. Most records have come without a threshold; of the others their arrival follows. */
struct head {
	uint32_t length, brace;
	bool cr, is_marked, is_sampled;
};

struct item *item_begin(struct blocks *blocks, size_t size)
{
	struct block *block = blocks_take(blocks);
	struct item *item;

	if (!block)
		return NULL;
	item = memset(block->bytes, 0, size);
	item->first = item->last = block;
	item->begin = item->end = size;
	item->bytes = BLOCK_SIZE + ITEM_IN_TABLES;
	return item;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool append_block(struct item *item, struct blocks *blocks)
{
	struct block *block = blocks_take(blocks);

	if (!block)
		return false;
	item->last->next = block;
	item->last = block;
	item->end = 0;
	item->bytes += BLOCK_SIZE;
	return true;
}

static bool append(struct item *item, struct blocks *blocks, const void *bytes, size_t length)
{
	for (const char *at = bytes; length;) {
		if (item->end == BLOCK_ROOM && !append_block(item, blocks))
			return false;
		size_t piece = smaller(length, BLOCK_ROOM - item->end);

		memcpy(item->last->bytes + item->end, at, piece);
		item->end += piece;
		at += piece;
		length -= piece;
	}
	return true;
}

bool item_add(struct item *item, struct blocks *blocks, const struct record_view *record, const struct arrival *arrival)
{
	const struct head head = { .length = (uint32_t)record->length,
				   .brace = (uint32_t)record->brace,
				   .cr = record->cr,
				   .is_marked = fields_are_marked(record),
				   .is_sampled = arrival->threshold || arrival->is_unknown };
	const struct item before = { .last = item->last, .end = item->end, .bytes = item->bytes };

	if (!append(item, blocks, &head, sizeof(head)) ||
	    !append(item, blocks, arrival, head.is_sampled ? sizeof(*arrival) : 0) ||
	    !append(item, blocks, record->line, record->length)) {
		if (item->last != before.last)
			blocks_give(blocks, before.last->next, item->last);
		item->last = before.last;
		item->last->next = NULL;
		item->end = before.end;
		item->bytes = before.bytes;
		return false;
	}
	item->n++;
	item->is_sampled |= head.is_sampled;
	return true;
}

void item_end(struct item *item, struct blocks *blocks)
{
	blocks_give(blocks, item->first, item->last);
}

struct place item_first(const struct item *item)
{
	return (struct place){ item->first, item->begin };
}

struct place item_last(const struct item *item)
{
	return (struct place){ item->last, item->end };
}

/* What of the next `length` bytes lies in one piece; its length is left in *piece. */
static const char *next_piece(struct place *place, size_t length, size_t *piece)
{
	if (place->at == BLOCK_ROOM)
		*place = (struct place){ place->block->next, 0 };
	const char *bytes = place->block->bytes + place->at;

	*piece = smaller(length, BLOCK_ROOM - place->at);
	place->at += *piece;
	return bytes;
}

static void read_bytes(struct place *place, void *to, size_t length)
{
	char *at = to;

	for (size_t piece; length; length -= piece, at += piece) {
		const char *bytes = next_piece(place, length, &piece);

		memcpy(at, bytes, piece);
	}
}

struct held held_read(struct place *place)
{
	struct held held = { .length = 0 };
	struct head head;

	read_bytes(place, &head, sizeof(head));
	if (head.is_sampled)
		read_bytes(place, &held.arrival, sizeof(held.arrival));
	held.length = head.length;
	held.brace = head.brace;
	held.cr = head.cr;
	held.is_marked = head.is_marked;
	return held;
}

void held_read_text(struct place *place, size_t length, struct buffer *text)
{
	for (size_t piece; length; length -= piece) {
		const char *bytes = next_piece(place, length, &piece);

		buffer_add(text, bytes, piece);
	}
}
