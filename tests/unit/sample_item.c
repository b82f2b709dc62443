/* SPDX-License-Identifier: Apache-2.0 */
/* Records in chained blocks: what goes in comes out, wherever blocks end, and what is given back is what is taken next. */
#include "cmd/otb-sample/item.h"

#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

enum { ITEMS = 20, RECORDS_MAX = 30, TEXT_MAX = 1000 };

static struct sample sample;
static struct blocks blocks;

/* ---- against copies ---- */

struct copy {
	struct arrival arrival;
	size_t length, brace;
	bool cr;
	char line[TEXT_MAX + 64];
};

struct known {
	struct item *item;
	unsigned int n;
	struct copy copies[RECORDS_MAX];
};

static void add_record(struct known *known, struct random *random)
{
	struct copy *copy = &known->copies[known->n++];
	size_t length = random_bits(random) % (random_bits(random) % TEXT_MAX + 1);

	snprintf(copy->line, sizeof(copy->line), "{\"a\":\"%*d\"%s", (int)length + 1, (int)(random_bits(random) % 10),
		 random_bits(random) % 2 ? "}" : ",\"sampling_rule\":1} ");
	const struct record_view *scanned = sample_scan(&sample, copy->line);
	struct record_view record = *scanned;

	record.cr = random_bits(random) % 2;
	copy->arrival = (struct arrival){ .threshold = random_bits(random) % 4 ? 0 : random_bits(random) };
	copy->arrival.is_unknown = random_bits(random) % 8 == 0;
	copy->length = record.length;
	copy->brace = record.brace;
	copy->cr = record.cr;
	if (!item_add(known->item, &blocks, &record, &copy->arrival))
		abort();
}

/* In two pieces, as one who puts something in between reads it. */
static bool is_copy(struct place *place, const struct copy *copy)
{
	struct held held = held_read(place);
	struct buffer text = { .bytes = NULL };
	bool is_same;

	held_read_text(place, held.brace, &text);
	is_same = text.length == copy->brace;
	held_read_text(place, held.length - held.brace, &text);
	is_same &= text.length == copy->length && !memcmp(text.bytes, copy->line, copy->length);
	buffer_clear(&text);
	return is_same && held.arrival.threshold == copy->arrival.threshold &&
	       held.arrival.is_unknown == copy->arrival.is_unknown && held.cr == copy->cr &&
	       held.is_marked == (strstr(copy->line, "sampling_rule") != NULL);
}

static bool is_known(const struct known *known)
{
	struct place place = item_first(known->item), last = item_last(known->item);
	size_t bytes = ITEM_IN_TABLES;
	bool passed = known->item->n == known->n, is_sampled = false;

	for (unsigned int i = 0; i < known->n; i++) {
		passed &= is_copy(&place, &known->copies[i]);
		is_sampled |= known->copies[i].arrival.threshold || known->copies[i].arrival.is_unknown;
	}
	for (const struct block *block = known->item->first; block; block = block->next)
		bytes += BLOCK_SIZE;
	passed &= place.block == last.block && place.at == last.at;
	return passed && known->item->bytes == bytes && known->item->is_sampled == is_sampled;
}

static void test_random(void)
{
	enum { ROUNDS = 20000 };
	static struct known known[ITEMS];
	struct random random = { 1 };
	unsigned int n_wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct known *one = &known[random_bits(&random) % ITEMS];

		if (!one->item)
			*one = (struct known){ .item = item_begin(&blocks,
								  sizeof(struct item) + random_bits(&random) % 8 * 8) };
		if (one->n < RECORDS_MAX && random_bits(&random) % 40) {
			add_record(one, &random);
			continue;
		}
		n_wrong += !is_known(one);
		item_end(one->item, &blocks);
		one->item = NULL;
	}
	check(!n_wrong, "records come out as they went in, but for %u items", n_wrong);
	blocks_close(&blocks);
}

/* ---- memory ---- */

static size_t count_free(void)
{
	size_t n = blocks.n_fresh;

	for (const struct block *block = blocks.free; block; block = block->next)
		n++;
	return n;
}

/* Many small ones, and then a large one: no block more is asked for than there are. */
static void test_memory(void)
{
	enum { MANY = 30000 };
	static struct item *items[MANY];
	struct arrival arrival = { .threshold = 0 };
	const struct record_view *record = sample_scan(&sample, "{\"a\":1}");

	for (int i = 0; i < MANY; i++) {
		items[i] = item_begin(&blocks, sizeof(struct item));
		if (!items[i] || !item_add(items[i], &blocks, record, &arrival))
			abort();
	}
	const struct slab *slab = blocks.slab;
	for (int i = 0; i < MANY; i++)
		item_end(items[(i * 7919) % MANY], &blocks);
	size_t n_free = count_free();
	struct item *large = item_begin(&blocks, sizeof(struct item));
	while (large && large->bytes < MANY * (size_t)BLOCK_SIZE)
		if (!item_add(large, &blocks, record, &arrival))
			abort();
	check(n_free >= MANY && blocks.slab == slab && count_free() == n_free - MANY,
	      "what many items gave back serves one large one");
	blocks_close(&blocks);
}

int main(void)
{
	fields_open(&sample.names);
	test_random();
	test_memory();
	sample_close(&sample);
	return finish_tests();
}
