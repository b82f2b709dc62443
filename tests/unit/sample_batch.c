/* SPDX-License-Identifier: Apache-2.0 */
/* Priority sampling: against its definition, item by item, and against what there was, in sums. */
#include "cmd/otb-sample/batch.h"

#include <inttypes.h>
#include <math.h>

#include "common/record/threshold.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

enum { ENTRIES_MAX = 4096 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the test knows of an item, which is gone once it is decided. */
struct entry {
	struct item *item; /* NULL: it is decided */
	uint64_t randomness, came_with, threshold;
	unsigned int n_records, times;
	size_t n_bytes;
	size_t place; /* among those that were decided */
};

struct bench {
	struct batch batch;
	struct entry entries[ENTRIES_MAX];
	size_t n, n_decided;
};

static struct bench bench;

/* ---- helpers ---- */

static void decide(void *context, struct item *item, uint64_t threshold)
{
	struct entry *entry = (struct entry *)item->trace; /* what it is part of here */

	if (context != &bench)
		abort();
	entry->threshold = threshold;
	entry->times++;
	entry->place = bench.n_decided++;
	entry->item = NULL;
	free(item);
}

static void open_bench(double per_second, uint64_t tick_ns)
{
	bench.n = bench.n_decided = 0;
	batch_open(&bench.batch, per_second, tick_ns, decide, &bench);
}

static struct entry *put(uint64_t randomness, unsigned int n_records, size_t bytes)
{
	struct entry *entry = &bench.entries[bench.n++];
	struct item *item = calloc(1, sizeof(*item));

	if (!item || bench.n > ENTRIES_MAX)
		abort();
	*entry = (struct entry){ .item = item, .randomness = randomness, .n_records = n_records };
	item->trace = (struct trace *)entry;
	item->randomness = randomness;
	item->n = n_records;
	item->bytes = bytes;
	if (!batch_put(&bench.batch, item))
		abort();
	return entry;
}

static void grow(struct entry *entry, size_t bytes)
{
	if (!entry->item)
		return;
	entry->n_records = ++entry->item->n;
	entry->item->bytes += bytes;
	batch_grown(&bench.batch, bytes);
}

static uint64_t count_records(uint64_t randomness)
{
	uint64_t n_records = 0;

	for (const struct entry *entry = bench.entries; entry < bench.entries + bench.n; entry++)
		n_records += entry->randomness == randomness ? entry->n_records : 0;
	return n_records;
}

/* The largest R below one; THRESHOLD_NEVER: there is none. */
static uint64_t find_below(uint64_t below)
{
	uint64_t largest = THRESHOLD_NEVER;

	for (const struct entry *entry = bench.entries; entry < bench.entries + bench.n; entry++)
		if (entry->randomness < below && (largest == THRESHOLD_NEVER || entry->randomness > largest))
			largest = entry->randomness;
	return largest;
}

/* The definition: items with the same R are one; those with the largest are kept as long as there is room, and the R of the
 * first that has none makes the threshold. The first of all, if there is no room for it alone, is kept with the probability
 * that brings it to what there is: of that which it has to be above the threshold. */
static uint64_t find_threshold(uint64_t allowance)
{
	uint64_t top = find_below(THRESHOLD_NEVER), threshold = 0, sum = 0;

	for (uint64_t next = top; next != THRESHOLD_NEVER && !threshold; next = find_below(next)) {
		sum += count_records(next);
		if (next != top && sum > allowance)
			threshold = next + 1;
	}
	if (top == THRESHOLD_NEVER || count_records(top) <= allowance)
		return threshold;
	return threshold_of_ratio(threshold_ratio(threshold) * ((double)allowance / (double)count_records(top)),
				  THRESHOLD_DIGITS);
}

/* Each was decided, once, by the threshold; those that were kept in the order in which they came. */
static bool is_decided_by(uint64_t threshold)
{
	size_t place = 0;
	bool passed = bench.n_decided == bench.n && !bench.batch.n && !bench.batch.bytes && !bench.batch.n_records;

	for (const struct entry *entry = bench.entries; entry < bench.entries + bench.n; entry++) {
		bool is_kept = entry->randomness >= threshold;

		passed &= entry->times == 1 && entry->threshold == (is_kept ? threshold : THRESHOLD_NEVER);
		if (!is_kept)
			continue;
		passed &= entry->place >= place;
		place = entry->place;
	}
	return passed;
}

/* ---- by hand ---- */

static const uint64_t R_MAX = (UINT64_C(1) << 56) - 1;

static void check_known(const char *what, double per_second, const uint64_t *randomness, size_t n, uint64_t threshold)
{
	open_bench(per_second, SECOND_NS);
	batch_turn(&bench.batch, 1);
	for (size_t i = 0; i < n; i++)
		put(randomness[i], 1, 100);
	batch_turn(&bench.batch, SECOND_NS);
	bool waits = bench.batch.n > 0;
	batch_turn(&bench.batch, 1 + SECOND_NS);
	check(waits && is_decided_by(threshold), "%s: the threshold is %" PRIx64, what, threshold);
	batch_close(&bench.batch);
}

static void test_known(void)
{
	const uint64_t some[] = { 50, 10, 40, 20, 30 }, pairs[] = { 7, 9, 7, 9, 5, 5 };
	const uint64_t alike[] = { 7, 7, 7, 7 }, largest[] = { R_MAX, 3, R_MAX, R_MAX }, zeros[] = { 0, 0, 0 };
	const uint64_t behind[] = { 1, 2, 3, 9, 9, 9, 9 };

	check_known("all have room", 5, some, COUNT(some), 0);
	check_known("one has none", 4, some, COUNT(some), 11);
	check_known("room for three", 3, some, COUNT(some), 21);
	check_known("room for one", 1, some, COUNT(some), 41);
	check_known("pairs that have room", 4, pairs, COUNT(pairs), 6);
	check_known("a pair for half of which is room", 3, pairs, COUNT(pairs), 8);
	check_known("a pair is more than there is room for", 1, pairs, COUNT(pairs), UINT64_C(1) << 55);
	check_known("all have the same R", 2, alike, COUNT(alike), UINT64_C(1) << 55);
	/* A third of 2^56, as far as a double tells. */
	check_known("the largest R there is", 2, largest, COUNT(largest), UINT64_C(0x55555555555558));
	check_known("the smallest", 2, zeros, COUNT(zeros), UINT64_C(0x55555555555558));
	check_known("those with the largest R are too many", 3, behind, COUNT(behind), UINT64_C(1) << 54);
}

/* Ticks in which nothing comes, before and behind those in which something does. */
static void test_empty(void)
{
	open_bench(2, SECOND_NS);
	for (uint64_t second = 1; second < 5; second++)
		batch_turn(&bench.batch, second * SECOND_NS);
	put(1, 1, 1);
	for (uint64_t second = 5; second < 9; second++)
		batch_turn(&bench.batch, second * SECOND_NS);
	check(is_decided_by(0), "empty ticks decide nothing");
	batch_flush(&bench.batch);
	batch_shrink(&bench.batch, 0);
	check(bench.n_decided == 1, "nor does an end of nothing");
	batch_close(&bench.batch);
}

/* An end in the middle, as at the end of input, and what comes behind it. */
static void test_flush(void)
{
	open_bench(1, SECOND_NS);
	batch_turn(&bench.batch, SECOND_NS);
	put(10, 1, 1);
	put(20, 1, 1);
	batch_flush(&bench.batch);
	check(is_decided_by(11), "a tick can end early");
	batch_turn(&bench.batch, SECOND_NS + 5);
	put(5, 1, 1);
	batch_turn(&bench.batch, 2 * SECOND_NS + 4);
	check(bench.batch.n == 1, "the next lasts as long as any");
	batch_turn(&bench.batch, 2 * SECOND_NS + 5);
	check(bench.n_decided == 3 && bench.entries[2].threshold == 0, "and knows nothing of the one before");
	batch_close(&bench.batch);
}

/* ---- against the definition ---- */

enum { SMALL = 40 };

static uint64_t choose_randomness(struct random *random)
{
	static const uint64_t odd[] = { 0, 1, (UINT64_C(1) << 56) - 1, (UINT64_C(1) << 56) - 2, UINT64_C(1) << 55 };
	uint64_t bits = random_bits(random);

	switch (bits >> 62) {
	case 0:
		return odd[bits % COUNT(odd)];
	case 1:
		return UINT64_C(1000) + bits % 8;
	default:
		return bits & R_MAX;
	}
}

static unsigned int choose_size(struct random *random)
{
	uint64_t bits = random_bits(random);

	return bits % 20 == 0 ? 100 : bits % 4 == 0 ? 1 + bits / 4 % 8 : 1;
}

/* What is held is what should be, and no more than may be kept unless nothing can go. */
static bool holds_right(void)
{
	uint64_t n_records = 0, least = UINT64_MAX, most = 0;
	size_t n = 0;

	for (const struct entry *entry = bench.entries; entry < bench.entries + bench.n; entry++) {
		if (!entry->item)
			continue;
		n++;
		n_records += entry->n_records;
		least = entry->randomness < least ? entry->randomness : least;
		most = entry->randomness > most ? entry->randomness : most;
	}
	return n == bench.batch.n && n_records == bench.batch.n_records &&
	       (n_records <= bench.batch.allowance || least == most);
}

static bool run_tick(struct random *random, uint64_t now_ns)
{
	size_t n = random_bits(random) % SMALL;
	bool passed = true;

	bench.n = bench.n_decided = 0;
	for (size_t i = 0; i < n; i++) {
		put(choose_randomness(random), choose_size(random), 1 + random_bits(random) % 1000);
		if (random_bits(random) % 4 == 0)
			grow(&bench.entries[random_bits(random) % bench.n], 10);
		passed &= holds_right();
	}
	uint64_t threshold = find_threshold(bench.batch.allowance);
	batch_turn(&bench.batch, now_ns);
	return passed && is_decided_by(threshold);
}

static void test_definition(void)
{
	enum { ROUNDS = 3000, TICKS = 5 };
	unsigned int n_wrong = 0;
	struct random random;

	random_seed(&random, 1);
	for (int round = 0; round < ROUNDS; round++) {
		open_bench((double)(1 + random_bits(&random) % 30), SECOND_NS);
		batch_turn(&bench.batch, SECOND_NS);
		for (uint64_t tick = 2; tick < 2 + TICKS; tick++)
			n_wrong += !run_tick(&random, tick * SECOND_NS);
		batch_close(&bench.batch);
	}
	check(!n_wrong, "%d ticks are as the definition says, %u are not", ROUNDS * TICKS, n_wrong);
}

/* ---- memory ---- */

static bool shrinks_right(struct random *random)
{
	size_t sum = 0, most = random_bits(random) % 20000, n = 0, last = 0;
	const struct entry *top = bench.entries;

	open_bench(1000, SECOND_NS);
	batch_turn(&bench.batch, SECOND_NS);
	for (int i = 0; i < SMALL; i++) {
		size_t bytes = 1 + random_bits(random) % 1000;

		put((random_bits(random) & R_MAX) | 1, 1, bytes)->n_bytes = bytes;
		top = bench.entries[i].randomness > top->randomness ? &bench.entries[i] : top;
	}
	batch_shrink(&bench.batch, most);
	uint64_t floor = bench.batch.floor;
	for (const struct entry *entry = bench.entries; entry < bench.entries + bench.n; entry++) {
		n += entry->randomness >= floor;
		sum += entry->randomness >= floor ? entry->n_bytes : 0;
		last += entry->randomness + 1 == floor ? entry->n_bytes : 0;
	}
	/* What cannot be made less by leaving some out is decided. */
	bool is_over = top->n_bytes > most;
	bool passed = is_over ? bench.n_decided == SMALL && !bench.batch.n
			      : bench.batch.n == n && bench.batch.bytes == sum && sum <= most &&
					(!floor || sum + last > most);
	if (is_over) {
		batch_close(&bench.batch);
		return passed;
	}
	put(floor ? floor - 1 : 0, 1, 1);
	batch_turn(&bench.batch, 2 * SECOND_NS);
	batch_close(&bench.batch);
	return passed && is_decided_by(floor);
}

static void test_shrink(void)
{
	enum { ROUNDS = 1000 };
	unsigned int n_wrong = 0;
	struct random random;

	random_seed(&random, 2);
	for (int i = 0; i < ROUNDS; i++)
		n_wrong += !shrinks_right(&random);
	check(!n_wrong, "%d batches shrink by what has the smallest R, %u do not", ROUNDS, n_wrong);
	open_bench(1, SECOND_NS);
	batch_turn(&bench.batch, SECOND_NS);
	put(5, 100, 1000000);
	uint64_t half = UINT64_C(1) << 55;
	put(half, 1, 1000000);
	batch_shrink(&bench.batch, 10);
	check(!bench.batch.n && is_decided_by(6), "one that is too large ends its tick");
	batch_close(&bench.batch);
}

/* ---- how many ---- */

static unsigned int count_kept(void)
{
	unsigned int kept = 0;

	for (size_t i = 0; i < bench.n; i++)
		kept += bench.entries[i].threshold < THRESHOLD_NEVER;
	return kept;
}

static void check_rate(double per_second, uint64_t tick_ns)
{
	enum { TICKS = 2000, ITEMS = 60 };
	struct random random;
	uint64_t now_ns = 1000 * SECOND_NS;
	unsigned int kept = 0, least = ITEMS, most = 0;

	random_seed(&random, 3);
	open_bench(per_second, tick_ns);
	batch_turn(&bench.batch, now_ns);
	for (int tick = 0; tick < TICKS; tick++) {
		bench.n = bench.n_decided = 0;
		for (int i = 0; i < ITEMS; i++)
			put(random_bits(&random) & R_MAX, 1, 1);
		batch_turn(&bench.batch, now_ns += bench.batch.tick_ns);
		unsigned int n = count_kept();
		kept += n;
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	double expected = per_second * 1e-9 * (double)bench.batch.tick_ns * TICKS;
	check(fabs(kept - expected) <= 1 && most - least <= 1 && bench.batch.tick_ns >= tick_ns,
	      "%g a second in ticks of %" PRIu64 " ns: %u of %g are kept, %u to %u in each", per_second, tick_ns, kept,
	      expected, least, most);
	batch_flush(&bench.batch);
	batch_close(&bench.batch);
}

static void test_rates(void)
{
	static const double slow[] = { 1e-9, 1e-12, 1e-300 };

	check_rate(10, SECOND_NS);
	check_rate(1.5, SECOND_NS);
	check_rate(10.0 / 3, SECOND_NS);
	check_rate(0.3, SECOND_NS);
	check_rate(1.0 / 3600, SECOND_NS);
	check_rate(7, SECOND_NS / 10);
	check_rate(10, SECOND_NS / 10);
	check_rate(99, SECOND_NS / 10);
	check_rate(0.999999, SECOND_NS);
	check_rate(1e9, 7);
	for (size_t i = 0; i < COUNT(slow); i++) {
		open_bench(slow[i], SECOND_NS);
		batch_turn(&bench.batch, UINT64_C(1800000000) * SECOND_NS);
		put(1, 1, 1);
		batch_turn(&bench.batch, UINT64_C(1830000000) * SECOND_NS);
		check(bench.batch.n == 1 && bench.batch.tick_ns > UINT64_C(30000000) * SECOND_NS,
		      "%g a second: the tick is long", slow[i]);
		batch_flush(&bench.batch);
		batch_close(&bench.batch);
	}
}

/* ---- sums ---- */

struct load {
	const char *what;
	unsigned int n_items, allowance, rounds;
	unsigned int size_max; /* records of an item: 1 to this */
	unsigned int alike;    /* so many have one R */
	bool is_sampled;       /* some have been, before they come */
};

struct sums {
	double error, squares; /* of the estimate, batch by batch */
};

static void add_error(struct sums *sums, double error)
{
	sums->error += error;
	sums->squares += error * error;
}

static double score(const struct sums *sums)
{
	return sums->squares > 0 ? sums->error / sqrt(sums->squares) : 0;
}

static void put_load(const struct load *load, struct random *random)
{
	static const uint64_t thresholds[] = { 0, 0, UINT64_C(0x80000000000000), UINT64_C(0xe0000000000000),
					       UINT64_C(0xfd70a000000000) };
	uint64_t randomness = 0;

	for (unsigned int i = 0; i < load->n_items; i++) {
		uint64_t before = load->is_sampled ? thresholds[random_bits(random) % COUNT(thresholds)] : 0;

		if (i % load->alike == 0)
			randomness = before + random_bits(random) % (THRESHOLD_NEVER - before);
		put(randomness, 1 + random_bits(random) % load->size_max, 1)->came_with = before;
	}
}

/* The sum of adjusted counts, less what there was: of all, and of one part of them. */
static void estimate(const struct load *load, struct sums *all, struct sums *part)
{
	double error = 0, part_error = 0;

	for (unsigned int i = 0; i < load->n_items; i++) {
		const struct entry *entry = &bench.entries[i];
		uint64_t threshold = entry->threshold > entry->came_with ? entry->threshold : entry->came_with;
		double count = threshold < THRESHOLD_NEVER ? threshold_adjusted_count(threshold) : 0;
		double difference = entry->n_records * (count - threshold_adjusted_count(entry->came_with));

		error += difference;
		part_error += i / load->alike % 3 == 0 ? difference : 0;
	}
	add_error(all, error);
	add_error(part, part_error);
}

static void check_load(const struct load *load)
{
	struct sums all = { 0, 0 }, part = { 0, 0 };
	struct random random;

	random_seed(&random, 4);
	open_bench(load->allowance, SECOND_NS);
	for (unsigned int round = 1; round <= load->rounds; round++) {
		bench.n = bench.n_decided = 0;
		batch_turn(&bench.batch, round * SECOND_NS);
		put_load(load, &random);
		batch_flush(&bench.batch);
		estimate(load, &all, &part);
	}
	check(fabs(score(&all)) < 4 && fabs(score(&part)) < 4, "%s: off by %.2f sigma, a part by %.2f", load->what,
	      score(&all), score(&part));
	batch_close(&bench.batch);
}

static void test_sums(void)
{
	static const struct load loads[] = {
		{ "as many as may be", 20, 20, 100, 1, 1, false },
		{ "one too many", 21, 20, 5000, 1, 1, false },
		{ "twice as many", 40, 20, 5000, 1, 1, false },
		{ "a hundred times as many", 2000, 20, 500, 1, 1, false },
		{ "sampled before", 40, 20, 5000, 1, 1, true },
		{ "sampled before, a hundred times as many", 2000, 20, 500, 1, 1, true },
		{ "traces", 40, 20, 5000, 5, 1, false },
		{ "traces, sampled before", 40, 20, 5000, 5, 1, true },
		{ "traces, a hundred times as many", 2000, 60, 500, 5, 1, false },
		{ "alike in fives", 100, 25, 5000, 1, 5, false },
		{ "alike in fives, a hundred times as many", 2500, 25, 500, 1, 5, false },
		{ "alike in twelves, whose last has no room", 120, 40, 5000, 1, 12, false },
		{ "alike in fifties, for a fifth of which is room", 1000, 10, 2000, 1, 50, false },
	};

	for (size_t i = 0; i < COUNT(loads); i++)
		check_load(&loads[i]);
}

/* Those with one R are more than there is room for: many ticks together keep what was asked for. */
static void test_mean(void)
{
	enum { GROUPS = 20, ALIKE = 50, ALLOWANCE = 10, TICKS = 2000 };
	const struct load load = { .n_items = GROUPS * ALIKE, .size_max = 1, .alike = ALIKE };
	const double share = (double)ALLOWANCE / ALIKE, expected = TICKS * ALLOWANCE;
	double sigma = ALIKE * sqrt(TICKS * share * (1 - share));
	struct random random;
	unsigned int kept = 0;

	random_seed(&random, 5);
	open_bench(ALLOWANCE, SECOND_NS);
	for (unsigned int tick = 1; tick <= TICKS; tick++) {
		bench.n = bench.n_decided = 0;
		batch_turn(&bench.batch, tick * SECOND_NS);
		put_load(&load, &random);
		batch_flush(&bench.batch);
		kept += count_kept();
	}
	check(fabs(kept - expected) < 4 * sigma, "%d alike, %d of them a tick: %u are kept in %d ticks, not %g", ALIKE,
	      ALLOWANCE, kept, TICKS, expected);
	batch_close(&bench.batch);
}

int main(void)
{
	test_known();
	test_empty();
	test_flush();
	test_definition();
	test_shrink();
	test_rates();
	test_sums();
	test_mean();
	return finish_tests();
}
