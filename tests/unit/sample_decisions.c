/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions that are remembered: against a list that forgets nothing, and at the limit. */
#include "cmd/otb-sample/decisions.h"

#include <stdlib.h>
#include <string.h>

#include "common/record/random.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tallies tallies;
static struct tally *tally;

static struct decision make(uint64_t number, uint64_t randomness)
{
	return (struct decision){ .id = { .high = number, .low = ~number },
				  .randomness = randomness,
				  .verdict = verdict_share(0.5, tally) };
}

static const struct decision *find(struct decisions *decisions, uint64_t number)
{
	struct decision wanted = make(number, 0);
	const struct decision *found = decisions_find(decisions, &wanted.id);

	return found && trace_id_equals(&found->id, &wanted.id) && found->verdict.tally == tally ? found : NULL;
}

/* ---- against a list ---- */

enum { NUMBERS = 64 };

/* Of each decision: what it was last, and how many others have been put in or asked for since it was. */
struct model {
	uint64_t randomness[NUMBERS];
	uint64_t used_at[NUMBERS]; /* 0: never */
	uint64_t now;
};

static size_t count_since(const struct model *model, uint64_t number)
{
	size_t n = 0;

	for (uint64_t i = 0; i < NUMBERS; i++)
		n += model->used_at[i] > model->used_at[number];
	return n;
}

/* What is among the last half of the limit is known, what is not among the last of it is not. */
static bool look_up(struct decisions *decisions, struct model *model, uint64_t number, size_t limit)
{
	size_t since = count_since(model, number);
	const struct decision *found = find(decisions, number);

	if (!found)
		return !model->used_at[number] || since >= limit / 2;
	bool passed = model->used_at[number] && since < limit && found->randomness == model->randomness[number];
	model->used_at[number] = ++model->now;
	return passed;
}

static unsigned int run_random(size_t limit, uint64_t seed)
{
	struct model model = { .now = 0 };
	struct decisions decisions;
	unsigned int n_wrong = 0;
	struct random random;

	random_seed(&random, seed);
	if (decisions_open(&decisions, limit, seed))
		abort();
	for (int i = 0; i < 3000; i++) {
		uint64_t bits = random_bits(&random), number = bits % (i % 2 ? NUMBERS : 1 + limit % NUMBERS);

		if (bits >> 60 < 6) {
			struct decision decision = make(number, bits >> 8);

			decisions_put(&decisions, &decision);
			model.randomness[number] = bits >> 8;
			model.used_at[number] = ++model.now;
		} else {
			n_wrong += !look_up(&decisions, &model, number, limit);
		}
	}
	decisions_close(&decisions);
	return n_wrong;
}

static void test_random(void)
{
	static const size_t limits[] = { 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 1000 };

	for (size_t i = 0; i < COUNT(limits); i++) {
		unsigned int n_wrong = 0;

		for (uint64_t seed = 1; seed <= 50; seed++)
			n_wrong += run_random(limits[i], seed);
		check(!n_wrong, "a limit of %zu: 150000 operations, %u are not as they should be", limits[i], n_wrong);
	}
}

/* ---- at the limit ---- */

static void check_limit(size_t limit, size_t least, size_t most)
{
	struct decisions decisions;
	size_t known = 0;

	decisions_open(&decisions, limit, 7);
	for (uint64_t i = 0; i < 10 * limit + 10; i++) {
		struct decision decision = make(i, i);

		decisions_put(&decisions, &decision);
		if (!limit || i % limit)
			continue;
		/* Where each lies is looked at from outside, as to ask would make it a new one. */
		known = 0;
		for (unsigned int table = 0; table < 2; table++)
			for (size_t j = 0; j < decisions.size; j++)
				known += decisions.tables[table].slots[j].number != 0;
		if (i >= limit && (known < least || known > most))
			break;
	}
	check(known >= least && known <= most, "a limit of %zu: %zu are known", limit, known);
	decisions_close(&decisions);
}

static void test_limits(void)
{
	struct decisions decisions;
	struct decision decision = make(1, 1);

	decisions_open(&decisions, 0, 7);
	decisions_put(&decisions, &decision);
	check(!find(&decisions, 1), "a limit of 0 remembers nothing");
	decisions_close(&decisions);
	check_limit(1, 0, 0);
	check_limit(2, 1, 2);
	check_limit(3, 1, 3);
	check_limit(100, 50, 100);
	check_limit(4096, 2048, 4096);
	check_limit(65536, 32768, 65536);
}

/* One that is asked for again and again is never forgotten, whatever else comes. */
static void test_late(void)
{
	enum { LIMIT = 100 };
	struct decision decision = make(0, 42);
	struct decisions decisions;
	bool passed = true;

	decisions_open(&decisions, LIMIT, 7);
	decisions_put(&decisions, &decision);
	for (uint64_t i = 1; i < 10000; i++) {
		struct decision other = make(i, i);

		decisions_put(&decisions, &other);
		if (i % (LIMIT / 2 - 1) == 0) {
			const struct decision *found = find(&decisions, 0);

			passed &= found && found->randomness == 42;
		}
	}
	check(passed, "a trace whose records come late for ever is known for ever");
	decisions_close(&decisions);
}

/* Decided anew, as with its records in two batches: the last counts, also behind a change of tables. */
static void test_again(void)
{
	struct decisions decisions;
	bool passed = true;

	decisions_open(&decisions, 8, 7);
	for (uint64_t i = 0; i < 200; i++) {
		struct decision decision = make(i % 5, i), other = make(1000 + i % 3, i);

		decisions_put(&decisions, &decision);
		decisions_put(&decisions, &other);
		const struct decision *found = find(&decisions, i % 5);
		passed &= found && found->randomness == i;
	}
	check(passed, "of two decisions on a trace the last counts");
	decisions_close(&decisions);
}

/* Ids that want the same place. */
static void test_crowd(void)
{
	enum { LIMIT = 256, CROWD = 100 };
	struct decisions decisions;
	uint64_t numbers[CROWD];
	unsigned int n = 0;
	bool passed = true;

	decisions_open(&decisions, LIMIT, 7);
	for (uint64_t i = 0; n < CROWD; i++) {
		struct decision decision = make(i, i);

		if ((trace_id_hash(&decision.id, 7) & (decisions.size - 1)) == decisions.size - 1)
			numbers[n++] = i;
	}
	for (unsigned int i = 0; i < CROWD; i++) {
		struct decision decision = make(numbers[i], numbers[i]);

		decisions_put(&decisions, &decision);
	}
	for (unsigned int i = 0; i < CROWD; i++) {
		const struct decision *found = find(&decisions, numbers[i]);

		passed &= found && found->randomness == numbers[i];
	}
	check(passed, "100 that want the last place are all found");
	check(!find(&decisions, numbers[CROWD - 1] + 1), "and another is not");
	decisions_close(&decisions);
}

int main(void)
{
	tallies_open(&tallies);
	tally = tallies_get(&tallies, "test");
	test_random();
	test_limits();
	test_late();
	test_again();
	test_crowd();
	tallies_close(&tallies);
	return finish_tests();
}
