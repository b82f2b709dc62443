/* SPDX-License-Identifier: Apache-2.0 */
/* The samplers that know of keys and of time: the target, bursts, sums; tables that are full; --first; and who asks whom. */
#include "cmd/otb-sample/sampler.h"

#include <inttypes.h>
#include <math.h>

#include "common/record/threshold.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- helpers ---- */

static uint64_t threshold_at(struct adaptive *adaptive, const char *key, double weight, uint64_t now_ns)
{
	return adaptive_threshold(adaptive, key, strlen(key), weight, now_ns);
}

/* How many come in a tick where so many do in the mean (Poisson's distribution; Knuth's algorithm, in parts). */
static unsigned int draw_count(struct random *random, double mean)
{
	unsigned int n = 0;

	for (; mean > 0; mean -= 16) {
		double product = 1, least = exp(-fmin(mean, 16));

		while ((product *= random_fraction(random)) > least)
			n++;
	}
	return n;
}

/* What is kept of `n` records of weight 1, as it follows from the thresholds. */
static double expect_kept(struct adaptive *adaptive, const char *key, unsigned int n, uint64_t now_ns)
{
	double sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += threshold_ratio(threshold_at(adaptive, key, 1, now_ns));
	return sum;
}

/* ---- the target ---- */

static void test_target(void)
{
	enum { TICKS = 300, WARM = 20, TARGET = 50 };
	static const struct {
		const char *key;
		double volume; /* a tick, in the mean */
	} keys[] = { { "few", 10 }, { "as many", 40 }, { "twice", 100 }, { "more", 1000 }, { "many", 10000 } };
	double kept[COUNT(keys)] = { 0 };
	struct adaptive adaptive;
	struct random random;

	random_seed(&random, 1);
	adaptive_open(&adaptive, TARGET * 10, SECOND_NS / 10, 100, 7);
	for (uint64_t tick = 1; tick <= WARM + TICKS; tick++) {
		for (size_t i = 0; i < COUNT(keys); i++) {
			double n = expect_kept(&adaptive, keys[i].key, draw_count(&random, keys[i].volume),
					       tick * SECOND_NS / 10);

			kept[i] += tick > WARM ? n / TICKS : 0;
		}
	}
	for (size_t i = 0; i < COUNT(keys); i++) {
		double wanted = fmin(keys[i].volume, TARGET);

		check(kept[i] > 0.9 * wanted && kept[i] < 1.05 * wanted,
		      "%s: of %g in a tick %.2f are kept, at most %d", keys[i].key, keys[i].volume, kept[i], TARGET);
	}
	adaptive_close(&adaptive);
}

/* The first of a burst are kept, and the more there have been the fewer: N (1 + ln(n / N)) in all. */
static void test_burst(void)
{
	enum { TARGET = 20, BURST = 100000 };
	static const uint64_t behind[] = { 1, 2, 1000, 100000, 2000000 };
	struct adaptive adaptive;

	adaptive_open(&adaptive, TARGET, SECOND_NS, 10, 7);
	threshold_at(&adaptive, "key", 1, SECOND_NS);
	for (size_t i = 0; i < COUNT(behind); i++) {
		double most = TARGET * (1 + log((double)BURST / TARGET));
		double kept = expect_kept(&adaptive, "key", BURST, (1 + behind[i]) * SECOND_NS);

		check(kept <= most * 1.01 && kept > TARGET * 0.9,
		      "a burst %" PRIu64 " ticks later: %.1f are kept, at most %.1f", behind[i], kept, most);
	}
	adaptive_close(&adaptive);
}

/* ---- against the definition ---- */

/* A key's volume in each tick, and no cleverness. */
struct history {
	double volumes[600];
};

static uint64_t define(const struct history *history, uint64_t tick, double per_tick)
{
	double average = 0;
	bool has_one = false;

	for (uint64_t i = 0; i < tick; i++) {
		average = has_one ? (average + history->volumes[i]) / 2 : history->volumes[i];
		has_one |= history->volumes[i] > 0;
	}
	return threshold_of_ratio(per_tick / fmax(average, history->volumes[tick]), THRESHOLD_PRECISION);
}

/* Keys that come and go; `shared` of them have one entry, as the table has no room. */
static unsigned int run_histories(unsigned int n_keys, unsigned int limit, uint64_t seed)
{
	enum { TICKS = 250, RECORDS = 30 };
	static const double weights[] = { 1, 1, 1, 2, 99.997, 1e6 };
	static struct history histories[8];
	unsigned int n_wrong = 0;
	struct adaptive adaptive;
	struct random random;

	memset(histories, 0, sizeof(histories));
	random_seed(&random, seed);
	adaptive_open(&adaptive, 3, SECOND_NS, limit, seed);
	for (uint64_t tick = 1; tick < TICKS;
	     tick += 1 + (random_bits(&random) % 4 == 0 ? random_bits(&random) % 9 : 0)) {
		for (uint64_t i = random_bits(&random) % RECORDS; i > 0; i--) {
			uint64_t key = tick == 1 && i > n_keys ? i % n_keys : random_bits(&random) % n_keys;
			char text[2] = { (char)('a' + key), '\0' };
			double weight = weights[random_bits(&random) % COUNT(weights)];
			struct history *history = &histories[limit ? key : 0];

			history->volumes[tick] += weight;
			n_wrong +=
				threshold_at(&adaptive, text, weight, tick * SECOND_NS + i) != define(history, tick, 3);
		}
	}
	adaptive_close(&adaptive);
	return n_wrong;
}

static void test_definition(void)
{
	unsigned int n_wrong = 0, n_shared = 0;

	for (uint64_t seed = 1; seed <= 100; seed++) {
		n_wrong += run_histories(5, 100, seed);
		n_shared += run_histories(5, 0, seed);
	}
	check(!n_wrong, "100 histories of keys: each threshold is the defined one, %u are not", n_wrong);
	check(!n_shared, "100 of keys that share an entry, %u are not", n_shared);
	said_take();
}

/* ---- sums ---- */

/* The adjusted counts of what is kept, less those of what came, by their standard deviation. */
static void check_sums(const char *what, bool is_sampled, unsigned int volume, unsigned int quiet)
{
	static const uint64_t thresholds[] = { 0, 0, UINT64_C(0x80000000000000), UINT64_C(0xe0000000000000),
					       UINT64_C(0xfd70a000000000) };
	double error = 0, variance = 0, kept = 0;
	struct adaptive adaptive;
	struct random random;

	random_seed(&random, 2);
	adaptive_open(&adaptive, 20, SECOND_NS, 10, 7);
	for (uint64_t tick = 1; tick <= 400; tick += 1 + random_bits(&random) % quiet) {
		for (uint64_t i = random_bits(&random) % volume; i > 0; i--) {
			uint64_t before = is_sampled ? thresholds[random_bits(&random) % COUNT(thresholds)] : 0;
			uint64_t r = before + random_bits(&random) % (THRESHOLD_NEVER - before);
			double weight = threshold_adjusted_count(before);
			uint64_t now = threshold_at(&adaptive, i % 3 ? "a" : "b", weight, tick * SECOND_NS);
			uint64_t threshold = now > before ? now : before;

			error += (r >= threshold ? threshold_adjusted_count(threshold) : 0) - weight;
			variance += weight * (threshold_adjusted_count(threshold) - weight);
			kept += r >= threshold;
		}
	}
	check(fabs(error) < 4 * sqrt(variance), "%s: off by %.2f sigma, %.1f kept in a tick", what,
	      error / sqrt(variance), kept / 400);
	adaptive_close(&adaptive);
}

static void test_sums(void)
{
	check_sums("as it was", false, 1000, 1);
	check_sums("sampled before, and unevenly", true, 1000, 1);
	check_sums("bursts", false, 10000, 12);
	check_sums("bursts of what was sampled before", true, 10000, 12);
	check_sums("little", true, 20, 1);
}

/* ---- what is in force ---- */

static void test_in_force(void)
{
	struct adaptive adaptive;
	uint64_t many = 0, few = 0;

	adaptive_open(&adaptive, 10, SECOND_NS, 10, 7);
	check(adaptive_in_force(&adaptive) == 0, "nothing is, where nothing has come");
	for (uint64_t tick = 1; tick <= 20; tick++) {
		for (int i = 0; i < 1000; i++)
			many = threshold_at(&adaptive, "many", 1, tick * SECOND_NS);
		for (int i = 0; tick <= 18 && i < 100; i++)
			few = threshold_at(&adaptive, "few", 1, tick * SECOND_NS);
		if (tick == 18 || tick == 19)
			check(adaptive_in_force(&adaptive) == few && few > 0 && few < many,
			      "what the key with the least volume has, in its tick and the one behind it");
	}
	check(adaptive_in_force(&adaptive) == many, "then what the other has");
	threshold_at(&adaptive, "few", 1, 21 * SECOND_NS);
	many = threshold_at(&adaptive, "many", 1, 23 * SECOND_NS);
	check(adaptive_in_force(&adaptive) == many, "a tick without records forgets those before it");
	threshold_at(&adaptive, "few", 1, 1000 * SECOND_NS);
	check(adaptive_in_force(&adaptive) == 0, "a new beginning");
	adaptive_close(&adaptive);
}

/* ---- tables of keys ---- */

static struct key_entry *get(struct key_table *table, const char *key, uint64_t tick)
{
	struct key_entry *entry = key_table_get(table, key, strlen(key), tick);

	entry->tick = tick;
	return entry;
}

static void test_table(void)
{
	struct key_table table;
	char name[32];
	bool passed = true;

	key_table_open(&table, 1000, 7);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "key %d", i);
		get(&table, name, 5)->volume = i;
	}
	check(table.n == 1000 && !table.has_overflown && !*said_take(), "a table holds as many as may be");
	struct key_entry *shared = get(&table, "one more", 5);
	check(shared == get(&table, "another", 5) && table.n == 1000, "others share one");
	check(!strcmp(said_take(), "test: more than 1000 keys: those that come now are counted as one (--keys)\n"),
	      "which is said once");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "key %d", i);
		passed &= get(&table, name, 5)->volume == i;
	}
	check(passed && !*said_take(), "those that were there stay");
	key_table_close(&table);
}

static void test_reuse(void)
{
	struct key_table table;

	key_table_open(&table, 3, 7);
	get(&table, "old", 1)->volume = 1;
	get(&table, "kept", 1)->volume = 2;
	get(&table, "third", 2)->volume = 3;
	struct key_entry *shared = get(&table, "new", 1 + KEY_UNUSED_TICKS);
	check(shared == table.overflow, "an entry is not given away too soon");
	get(&table, "kept", 1 + KEY_UNUSED_TICKS);
	struct key_entry *given = get(&table, "new", 2 + KEY_UNUSED_TICKS);
	check(given != shared && given->volume == 0 && given->average == 0,
	      "one that was not used for a while is, and is as new");
	check(get(&table, "kept", 2 + KEY_UNUSED_TICKS)->volume == 2 &&
		      get(&table, "third", 2 + KEY_UNUSED_TICKS)->volume == 3,
	      "one that was used stays");
	check(get(&table, "old", 2 + KEY_UNUSED_TICKS) == table.overflow, "who had it shares now");
	said_take();
	key_table_close(&table);
}

static void test_odd_keys(void)
{
	static const struct {
		const char *bytes;
		size_t length;
	} odd[] = { { "", 0 },     { "\0", 1 },   { "\0\0", 2 }, { "a", 1 },  { "a\0", 2 },      { "a\0b", 3 },
		    { "a\0c", 3 }, { "\xff", 1 }, { "\x7f", 1 }, { "ab", 2 }, { "\xc3\xa9", 2 }, { "ba", 2 } };
	enum { LONG = 1 << 20 };
	char *text = calloc(1, LONG);
	struct key_table table;
	bool passed = true;

	key_table_open(&table, 1000000, 7);
	for (size_t i = 0; i < COUNT(odd); i++)
		key_table_get(&table, odd[i].bytes, odd[i].length, 1)->volume = (double)i;
	for (size_t i = 0; i < COUNT(odd); i++)
		passed &= key_table_get(&table, odd[i].bytes, odd[i].length, 1)->volume == (double)i;
	check(passed && table.n == COUNT(odd), "any bytes are a key, and each another");
	check(key_table_get(&table, NULL, 0, 1) == key_table_get(&table, "", 0, 1), "and none are one");
	struct key_entry *first = key_table_get(&table, text, LONG, 1);
	text[LONG - 1] = 1;
	check(first != key_table_get(&table, text, LONG, 1) && first != key_table_get(&table, text, LONG - 1, 1),
	      "a key of a megabyte is looked at to its end");
	free(text);
	key_table_close(&table);
}

static unsigned int longest_bucket(const struct key_table *table)
{
	unsigned int longest = 0;

	for (unsigned int i = 0; i < table->n_buckets; i++) {
		unsigned int n = 0;

		for (const struct key_entry *entry = table->buckets[i]; entry; entry = entry->next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* Texts that differ in one place only, at their beginning, in their middle or at their end, spread as any others do. */
static void test_alike_keys(void)
{
	enum { KEYS = 4096, LENGTH = 24 };
	static const size_t places[] = { 0, 8, 16 };

	for (size_t i = 0; i < COUNT(places); i++) {
		struct key_table table;

		key_table_open(&table, KEYS, 7);
		for (uint64_t number = 0; number < KEYS; number++) {
			char key[LENGTH] = { 0 };
			uint64_t spread = number << 52;

			memcpy(key + places[i], i % 2 ? &spread : &number, sizeof(number));
			key_table_get(&table, key, LENGTH, 1);
		}
		check(longest_bucket(&table) <= 12, "keys that differ at %zu only: %u in a bucket", places[i],
		      longest_bucket(&table));
		key_table_close(&table);
	}
}

/* ---- the first of each ---- */

static void test_first(void)
{
	enum { KEYS = 20, LIMIT = 12, SHARED = LIMIT };
	unsigned int n_wrong = 0;
	struct first first;
	struct random random;

	random_seed(&random, 3);
	first_open(&first, 4, 10 * SECOND_NS, LIMIT, 7);
	for (uint64_t span = 100; span < 400; span++) {
		unsigned int counts[KEYS] = { 0 };

		for (int i = 0; i < 200; i++) {
			uint64_t key = span == 100 && i < KEYS ? (uint64_t)i : random_bits(&random) % KEYS;
			char text[2] = { (char)('a' + key), '\0' };
			unsigned int *count = &counts[key < LIMIT ? key : SHARED];

			n_wrong += first_takes(&first, text, 1, span * 10 * SECOND_NS + (uint64_t)i * SECOND_NS / 20) !=
				   (++*count <= 4);
		}
	}
	check(!n_wrong, "the first 4 of each key in each span, and of those that share an entry, %u are not", n_wrong);
	first_close(&first);
	said_take();
}

/* ---- samplers ---- */

struct bench {
	struct sampler_options options;
	struct tallies tallies;
	struct sampler sampler;
	struct sample sample;
	struct arrival arrival;
	struct verdict verdict;
};

static void never_decided(void *context, struct item *item, uint64_t threshold)
{
	(void)context;
	(void)item;
	(void)threshold;
	abort();
}

static struct bench *bench_open(enum sampler_kind kind)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		abort();
	fields_open(&bench->sample.names);
	tallies_open(&bench->tallies);
	bench->options = (struct sampler_options){
		.kind = kind, .ratio = 0.25, .per_second = 10, .tick_ns = SECOND_NS, .keys_max = 100
	};
	return bench;
}

static void bind(struct bench *bench, struct field *field, const char *name)
{
	if (field_bind(field, strdup(name), &bench->sample.names))
		abort();
}

static void bench_start(struct bench *bench)
{
	if (sampler_open(&bench->sampler, &bench->options, &bench->tallies, 7, never_decided, NULL))
		abort();
}

static bool judge_many(struct bench *bench, const char *line, uint64_t now_ns, unsigned int n_records,
		       bool rest_is_kept)
{
	struct judged judged = { .record = sample_scan(&bench->sample, line),
				 .arrival = &bench->arrival,
				 .n_records = n_records,
				 .now_ns = now_ns,
				 .rest_is_kept = rest_is_kept };

	const struct verdict *verdict = sampler_judge(&bench->sampler, &judged);

	bench->verdict = verdict ? *verdict : (struct verdict){ .type = VERDICT_DROP };
	return verdict;
}

static bool judge(struct bench *bench, const char *line, uint64_t now_ns)
{
	return judge_many(bench, line, now_ns, 1, true);
}

static bool is_by(const struct bench *bench, enum verdict_type type, const char *name)
{
	return bench->verdict.type == type && !strcmp(bench->verdict.tally->name, name);
}

static void bench_close(struct bench *bench)
{
	sampler_close(&bench->sampler);
	tallies_close(&bench->tallies);
	sample_close(&bench->sample);
	for (unsigned int i = 0; i < bench->options.n_keys; i++)
		field_clear(&bench->options.keys[i]);
	field_clear(&bench->options.first_per);
	free(bench);
}

static void test_ratio(void)
{
	struct bench *bench = bench_open(SAMPLER_RATIO);

	bench_start(bench);
	check(judge(bench, "{}", 1) && is_by(bench, VERDICT_SHARE, "ratio") && bench->verdict.ratio == 0.25 &&
		      bench->verdict.threshold == UINT64_C(0xc0000000000000) &&
		      sampler_in_force(&bench->sampler) == UINT64_C(0xc0000000000000),
	      "a ratio is a share");
	bench_close(bench);
}

static void test_none(void)
{
	struct bench *bench = bench_open(SAMPLER_NONE);

	bench_start(bench);
	check(judge_many(bench, "{}", 1, 1, true) && is_by(bench, VERDICT_SHARE, "default") &&
		      bench->verdict.ratio == 1,
	      "without a sampler the rest is kept");
	check(judge_many(bench, "{}", 1, 1, false) && is_by(bench, VERDICT_DROP, "default"), "or dropped");
	check(sampler_in_force(&bench->sampler) == 0, "and nothing is in force");
	bench_close(bench);
}

/* What is told apart in a key of two fields: each group is one key. */
static void test_keys(void)
{
	static const char *const groups[][4] = {
		{ "{\"a\":\"x\",\"b\":\"yz\"}", "{\"b\":\"yz\",\"a\":\"\\u0078\",\"c\":1}" },
		{ "{\"a\":\"xy\",\"b\":\"z\"}" },
		{ "{\"a\":\"xyz\"}", "{\"a\":\"xyz\",\"b\":null}" },
		{ "{\"a\":\"xyz\",\"b\":\"\"}" },
		{ "{\"b\":\"xyz\"}" },
		{ "{}", "{\"a\":null}", "{\"b\":null,\"c\":\"x\"}" },
		{ "{\"a\":\"\",\"b\":\"\"}" },
		{ "{\"a\":1.0}" },
		{ "{\"a\":1}", "{\"a\":\"1\"}" },
		{ "{\"a\":[1,2]}" },
		{ "{\"a\":true}" },
	};
	struct bench *bench = bench_open(SAMPLER_ADAPTIVE);

	bind(bench, &bench->options.keys[bench->options.n_keys++], "a");
	bind(bench, &bench->options.keys[bench->options.n_keys++], "b");
	bench_start(bench);
	for (size_t i = 0; i < COUNT(groups); i++) {
		unsigned int before = bench->sampler.adaptive.keys.n;

		for (size_t j = 0; j < 4 && groups[i][j]; j++)
			judge(bench, groups[i][j], SECOND_NS);
		check(bench->sampler.adaptive.keys.n == before + 1 && is_by(bench, VERDICT_FLOOR, "adaptive"),
		      "%s is one key", groups[i][0]);
	}
	bench_close(bench);
}

/* What it stands for counts, and a trace by its records. */
static void test_weights(void)
{
	struct bench *bench = bench_open(SAMPLER_ADAPTIVE);

	bench_start(bench);
	bench->arrival.threshold = UINT64_C(0xe0000000000000);
	judge_many(bench, "{}", SECOND_NS, 5, true);
	check(bench->verdict.threshold == UINT64_C(0xc0000000000000),
	      "a trace of 5 records that stand for 8 each: 1 in 4");
	bench->arrival = (struct arrival){ .is_unknown = true };
	judge(bench, "{}", SECOND_NS);
	check(bench->verdict.threshold == threshold_of_ratio(10 / 41.0, 4), "what is unknown counts as 1");
	bench_close(bench);
}

static void test_rate(void)
{
	struct bench *bench = bench_open(SAMPLER_RATE);

	bench_start(bench);
	sampler_turn(&bench->sampler, SECOND_NS);
	check(!judge(bench, "{}", SECOND_NS) && !strcmp(bench->sampler.tally->name, "rate"), "a rate lets wait");
	check(bench->sampler.batch.allowance == 10 && bench->sampler.batch.end_ns == 2 * SECOND_NS,
	      "until the tick is over");
	bench_close(bench);
}

/* --rate with --key, which is where R comes from: it is one rate all the same. */
static void test_rate_in_force(void)
{
	struct bench *bench = bench_open(SAMPLER_RATE);

	bench->options.is_controlling = true;
	bind(bench, &bench->options.keys[bench->options.n_keys++], "a");
	bench_start(bench);
	for (uint64_t tick = 1; tick <= 4; tick++) {
		for (int i = 0; i < 20; i++) {
			judge(bench, "{\"a\":1}", tick * SECOND_NS);
			judge(bench, "{\"a\":2}", tick * SECOND_NS);
		}
	}
	check(sampler_in_force(&bench->sampler) == UINT64_C(0xc0000000000000), "10 of 40 are 1 in 4: %" PRIx64,
	      sampler_in_force(&bench->sampler));
	check(!*said_take(), "and nothing is said of keys");
	bench_close(bench);
}

/* Never more in any time than the rate gives, and what one tick holds; as many where there is more than enough. */
static void test_tokens(void)
{
	struct bench *bench = bench_open(SAMPLER_TOKENS);
	uint64_t now_ns = 1000 * SECOND_NS, kept_at[4096];
	unsigned int n = 0, n_wrong = 0;
	struct random random;

	random_seed(&random, 4);
	bench_start(bench);
	for (int i = 0; i < 20000; i++) {
		now_ns += random_bits(&random) % (SECOND_NS / 100) + (i % 1000 == 0 ? 30 * SECOND_NS : 0);
		judge(bench, "{}", now_ns);
		n_wrong += bench->verdict.type != VERDICT_UNWEIGHTED && bench->verdict.type != VERDICT_DROP;
		if (bench->verdict.type == VERDICT_UNWEIGHTED && n < COUNT(kept_at))
			kept_at[n++] = now_ns;
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = i; j < n; j++)
			n_wrong += j - i + 1 > 10 + 10e-9 * (double)(kept_at[j] - kept_at[i]) + 1e-6;
	check(!n_wrong && is_by(bench, bench->verdict.type, "token_bucket"), "tokens: never too many, %u are", n_wrong);
	/* 20 pauses, each of which fills the bucket and makes one token whole that it was about to have; 100 s without them. */
	check(n >= 20 * 9 + 995 && n <= 20 * 10 + 1005, "and not too few: %u", n);
	bench_close(bench);
}

static void test_token_traces(void)
{
	struct bench *bench = bench_open(SAMPLER_TOKENS);
	unsigned int kept = 0;

	bench_start(bench);
	for (uint64_t second = 1; second <= 100; second++) {
		judge_many(bench, "{}", second * SECOND_NS, 25, true);
		kept += bench->verdict.type == VERDICT_UNWEIGHTED ? 25 : 0;
	}
	check(kept >= 950 && kept <= 1050, "traces of 25 records at 10 a second: %u in 100 s", kept);
	bench_close(bench);
	bench = bench_open(SAMPLER_TOKENS);
	bench->options.per_second = 0.01;
	bench_start(bench);
	kept = 0;
	for (uint64_t second = 1; second <= 1000; second++) {
		judge(bench, "{}", second * SECOND_NS);
		kept += bench->verdict.type == VERDICT_UNWEIGHTED;
	}
	check(kept == 10, "one in 100 s: %u in 1000", kept);
	bench_close(bench);
}

static void test_first_then(void)
{
	struct bench *bench = bench_open(SAMPLER_RATIO);

	bench->options.first_n = 2;
	bench->options.first_every_ns = SECOND_NS;
	bind(bench, &bench->options.first_per, "a");
	bench_start(bench);
	for (int i = 0; i < 3; i++) {
		judge(bench, "{\"a\":\"x\"}", SECOND_NS);
		check(i < 2 ? is_by(bench, VERDICT_SHARE, "first") && bench->verdict.ratio == 1 &&
				      bench->verdict.threshold == 0
			    : is_by(bench, VERDICT_SHARE, "ratio"),
		      "number %d: %s", i + 1, bench->verdict.tally->name);
	}
	judge(bench, "{}", SECOND_NS);
	check(is_by(bench, VERDICT_SHARE, "first"), "a record without the field has its own first");
	judge(bench, "{\"a\":\"x\"}", 2 * SECOND_NS);
	check(is_by(bench, VERDICT_SHARE, "first"), "and so has the next span");
	bench_close(bench);
}

static void test_first_alone(void)
{
	struct bench *bench = bench_open(SAMPLER_NONE);

	bench->options.first_n = 1;
	bench->options.first_every_ns = SECOND_NS;
	bind(bench, &bench->options.first_per, "a");
	bench_start(bench);
	judge(bench, "{}", SECOND_NS);
	check(is_by(bench, VERDICT_UNWEIGHTED, "first"), "alone, nobody knows what the first stand for");
	judge(bench, "{}", SECOND_NS);
	check(is_by(bench, VERDICT_DROP, "first"), "and others are dropped");
	bench_close(bench);
}

static void test_signal(void)
{
	struct bench *bench = bench_open(SAMPLER_SIGNAL);

	bench->options.signal = (struct signal_options){ .base = 0.5, .tick_ns = SECOND_NS };
	bench_start(bench);
	judge(bench, "{}", SECOND_NS);
	check(is_by(bench, VERDICT_SHARE, "signal") && bench->verdict.ratio == 0.5 &&
		      sampler_in_force(&bench->sampler) == UINT64_C(0x80000000000000),
	      "a signal is a share as well");
	bench_close(bench);
}

int main(void)
{
	said_open();
	test_target();
	test_burst();
	test_definition();
	test_sums();
	test_in_force();
	test_table();
	test_reuse();
	test_odd_keys();
	test_alike_keys();
	test_first();
	test_ratio();
	test_none();
	test_keys();
	test_weights();
	test_rate();
	test_rate_in_force();
	test_tokens();
	test_token_traces();
	test_first_then();
	test_first_alone();
	test_signal();
	return finish_tests();
}
