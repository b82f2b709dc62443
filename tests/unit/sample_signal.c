/* SPDX-License-Identifier: Apache-2.0 */
/* The ratio that follows signals: by hand, and against the formula on series that are sorted and counted out. */
#include "cmd/otb-sample/signal.h"

#include <math.h>

#include "common/rule/lexer.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bench {
	struct sample sample;
	struct condition *error;
	struct field field;
	struct signal signal;
	struct random random;
	uint64_t now_ns;
};

/* ---- helpers ---- */

static struct bench *bench_open(struct signal_options options, const char *field)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct lexer lexer;

	if (!bench)
		abort();
	fields_open(&bench->sample.names);
	lexer_open(&lexer, "failed == true");
	bench->error = condition_parse(&lexer, &bench->sample.names);
	if (field_bind(&bench->field, strdup(field), &bench->sample.names) || !field_unit(field, &options.field_power))
		abort();
	options.error = bench->error;
	options.field = &bench->field;
	options.tick_ns = SECOND_NS;
	random_seed(&bench->random, 1);
	signal_open(&bench->signal, &options);
	bench->now_ns = 100 * SECOND_NS;
	signal_turn(&bench->signal, bench->now_ns);
	return bench;
}

static void observe(struct bench *bench, const char *line, double weight)
{
	signal_observe(&bench->signal, sample_scan(&bench->sample, line), weight, &bench->random);
}

static void observe_span(struct bench *bench, unsigned int duration_ns, bool failed, double weight)
{
	char line[64];

	snprintf(line, sizeof(line), "{\"duration_ns\":%u,\"failed\":%s}", duration_ns, failed ? "true" : "false");
	observe(bench, line, weight);
}

static double end_tick(struct bench *bench)
{
	bench->now_ns += SECOND_NS;
	signal_turn(&bench->signal, bench->now_ns);
	return bench->signal.ratio;
}

static void bench_close(struct bench *bench)
{
	signal_close(&bench->signal);
	condition_free(bench->error);
	field_clear(&bench->field);
	sample_close(&bench->sample);
	free(bench);
}

static bool is_near(double number, double expected)
{
	return fabs(number - expected) <= 1e-12 * fabs(expected);
}

/* ---- by hand ---- */

static void test_errors(void)
{
	struct bench *bench =
		bench_open((struct signal_options){ .errors = true, .base = 0.01, .error_weight = 10 }, "duration_ns");

	check(is_near(bench->signal.ratio, 0.01), "it begins with the base");
	for (int i = 0; i < 10; i++)
		observe_span(bench, 5, i < 2, 1);
	check(is_near(bench->signal.ratio, 0.01), "a tick makes the share of the next");
	check(is_near(end_tick(bench), 0.03), "2 errors of 10, ten times: 3 times the base");
	check(is_near(end_tick(bench), 0.03), "an empty tick changes nothing");
	observe_span(bench, 5, false, 1);
	check(is_near(end_tick(bench), 0.02), "without errors half of it is gone");
	observe_span(bench, 5, true, 3);
	observe_span(bench, 5, false, 1);
	check(is_near(end_tick(bench), 0.01 * (1 + 10 * (0.1 + 0.75) / 2)), "they count by what they stand for");
	observe(bench, "{\"failed\":true}", 1);
	observe(bench, "{}", 1);
	check(is_near(end_tick(bench), 0.01 * (1 + 10 * (0.425 + 0.5) / 2)), "and with no latency as well");
	check(!bench->signal.has_p95, "which nobody asked for");
	bench_close(bench);
}

static void test_latency(void)
{
	struct bench *bench = bench_open(
		(struct signal_options){ .latency = true, .base = 0.01, .latency_weight = 2, .baseline_ns = 10 },
		"duration_ns");

	for (int i = 0; i < 20; i++)
		observe_span(bench, i < 18 ? 1 : 30, true, 1);
	check(is_near(end_tick(bench), 0.01 * (1 + 2 * 2)), "a p95 that is twice the baseline above it");
	check(is_near(end_tick(bench), 0.05), "an empty tick changes nothing");
	for (int i = 0; i < 20; i++)
		observe_span(bench, i < 19 ? 2 : 60, true, 1);
	check(is_near(end_tick(bench), 0.01 * (1 + 2 * 0.6)), "halfway to one below it");
	observe_span(bench, 2, true, 1);
	check(is_near(end_tick(bench), 0.01), "below the baseline is the base");
	observe(bench, "{\"failed\":true}", 1000);
	check(is_near(end_tick(bench), 0.01), "records without a latency have none");
	bench_close(bench);
}

/* The share that 20 records of one latency make. */
static double share_of(const char *field, const char *value, uint64_t baseline_ns)
{
	struct bench *bench = bench_open(
		(struct signal_options){
			.latency = true, .base = 1e-6, .latency_weight = 1, .baseline_ns = baseline_ns },
		field);
	char line[128];

	snprintf(line, sizeof(line), "{\"%s\":%s}", field, value);
	for (int i = 0; i < 20; i++)
		observe(bench, line, 1);
	double share = end_tick(bench) / 1e-6;
	bench_close(bench);
	return share;
}

static void test_units(void)
{
	static const struct {
		const char *field, *value;
		uint64_t baseline_ns;
		double share;
	} latencies[] = {
		{ "duration_ns", "3000000", 1000000, 3 }, { "duration_ns", "\"3000000\"", 1000000, 3 },
		{ "duration_ns", "3e6", 1000000, 3 },     { "took_us", "3000.0", 1000000, 3 },
		{ "took_ms", "3", 1000000, 3 },           { "took.ms", "0.75", 250000, 3 },
		{ "took_s", "0.003", 1000000, 3 },        { "took_seconds", "90", UINT64_C(30) * 1000000000, 3 },
		{ "duration_ns", "0", 1000000, 1 },       { "duration_ns", "-3000000", 1, 1 },
		{ "duration_ns", "true", 1, 1 },          { "duration_ns", "\"3 ms\"", 1, 1 },
		{ "duration_ns", "null", 1, 1 },          { "duration_ns", "1e999", 1, 1 },
	};

	for (size_t i = 0; i < COUNT(latencies); i++) {
		double share = share_of(latencies[i].field, latencies[i].value, latencies[i].baseline_ns);

		check(fabs(share - latencies[i].share) < 0.03, "%s of %s: %.3f times the base", latencies[i].field,
		      latencies[i].value, share);
	}
	check(share_of("duration_ns", "1e300", 1000) == 1e6 && share_of("took_s", "1e308", 1000) == 1e6,
	      "a latency beyond all bounds makes the most there can be");
}

static void test_bounds(void)
{
	struct bench *bench = bench_open((struct signal_options){ .errors = true,
								  .latency = true,
								  .base = 0.1,
								  .min = 0.2,
								  .error_weight = 10,
								  .latency_weight = 1 },
					 "duration_ns");

	check(is_near(bench->signal.ratio, 0.2), "never below the least");
	observe_span(bench, 5, false, 1);
	check(is_near(end_tick(bench), 0.2), "whatever comes");
	observe_span(bench, 5, true, 1);
	check(is_near(end_tick(bench), 0.6), "above it as the formula says");
	for (int i = 0; i < 9; i++) {
		observe_span(bench, 5, true, 1);
		end_tick(bench);
	}
	check(bench->signal.ratio == 1, "and never above 1");
	bench_close(bench);
	bench = bench_open((struct signal_options){ .errors = true, .error_weight = 10 }, "duration_ns");
	observe_span(bench, 5, true, 1);
	check(end_tick(bench) == 0, "of nothing comes nothing");
	bench_close(bench);
}

static void test_baseline(void)
{
	struct bench *bench = bench_open((struct signal_options){ .latency = true, .base = 0.01, .latency_weight = 1 },
					 "duration_ns");
	double most = 0;

	observe_span(bench, 0, false, 1);
	check(is_near(end_tick(bench), 0.01), "latencies of 0 are no baseline");
	for (int i = 0; i < 100; i++) {
		observe_span(bench, 10, false, 1);
		most = fmax(most, end_tick(bench));
	}
	check(is_near(most, 0.01), "the first is the baseline, %g at most", most);
	observe_span(bench, 40, false, 1);
	check(end_tick(bench) > 0.02, "what is sudden raises the share: %g", bench->signal.ratio);
	for (int i = 0; i < 5 * BASELINE_TICKS; i++) {
		observe_span(bench, 40, false, 1);
		end_tick(bench);
	}
	check(bench->signal.ratio < 0.0102 && bench->signal.ratio >= 0.01, "what lasts does not: %g",
	      bench->signal.ratio);
	bench_close(bench);
}

static void test_ticks(void)
{
	struct bench *bench =
		bench_open((struct signal_options){ .errors = true, .base = 0.01, .error_weight = 10 }, "duration_ns");

	observe_span(bench, 5, true, 1);
	signal_turn(&bench->signal, 101 * SECOND_NS - 1);
	check(is_near(bench->signal.ratio, 0.01), "a tick is not over before its time");
	signal_turn(&bench->signal, 101 * SECOND_NS);
	check(is_near(bench->signal.ratio, 0.11), "but then");
	observe_span(bench, 5, false, 1);
	signal_turn(&bench->signal, 1000 * SECOND_NS);
	check(is_near(bench->signal.ratio, 0.06), "or whenever time has come to its end");
	signal_turn(&bench->signal, 1001 * SECOND_NS - 1);
	observe_span(bench, 5, true, 1);
	signal_turn(&bench->signal, 1001 * SECOND_NS);
	check(is_near(bench->signal.ratio, 0.01 * (1 + 10 * 0.75)), "the next begins there");
	bench_close(bench);
}

/* ---- against the formula ---- */

enum { VALUES = 64, TICKS = 300 }; /* a histogram has those one by one */

struct reference {
	double error_rate, p95, baseline;
	bool has_rate, has_p95;
};

/* The value of rank ceil(0.95 n), counted out. */
static double find_p95(const unsigned int counts[VALUES])
{
	unsigned int n = 0, below = 0, value = 0;

	for (unsigned int i = 0; i < VALUES; i++)
		n += counts[i];
	while ((below += counts[value]) * 100 < 95 * n)
		value++;
	return value;
}

static double follow(struct reference *reference, const struct signal_options *options,
		     const unsigned int counts[VALUES], unsigned int n, unsigned int n_errors)
{
	double excess = 0, p95 = n ? find_p95(counts) : 0;

	if (n) {
		double rate = (double)n_errors / n;

		reference->error_rate = reference->has_rate ? 0.5 * reference->error_rate + 0.5 * rate : rate;
		reference->p95 = reference->has_p95 ? 0.5 * reference->p95 + 0.5 * p95 : p95;
		reference->has_rate = reference->has_p95 = true;
		if (options->baseline_ns)
			reference->baseline = (double)options->baseline_ns;
		else
			reference->baseline =
				reference->baseline > 0
					? (reference->baseline * (BASELINE_TICKS - 1) + p95) / BASELINE_TICKS
					: p95;
	}
	if (reference->baseline > 0)
		excess = fmax(0, (reference->p95 - reference->baseline) / reference->baseline);
	double ratio = options->base * (1 + (options->errors ? options->error_weight * reference->error_rate : 0) +
					(options->latency ? options->latency_weight * excess : 0));
	return fmax(options->min, fmin(1, ratio));
}

static unsigned int run_series(const struct signal_options *options, uint64_t seed)
{
	struct reference reference = { .error_rate = 0 };
	struct bench *bench = bench_open(*options, "duration_ns");
	unsigned int n_wrong = 0;
	struct random random;

	random_seed(&random, seed);
	for (int tick = 0; tick < TICKS; tick++) {
		unsigned int counts[VALUES] = { 0 }, n = 0, n_errors = 0;
		uint64_t most = 1 + random_bits(&random) % VALUES;

		for (uint64_t i = random_bits(&random) % 50; i > 0; i--) {
			unsigned int value = (unsigned int)(random_bits(&random) % most);
			unsigned int weight = 1 + (unsigned int)(random_bits(&random) % 8);
			bool failed = random_bits(&random) % 8 == 0;

			observe_span(bench, value, failed, weight);
			counts[value] += weight;
			n += weight;
			n_errors += failed ? weight : 0;
		}
		double expected = follow(&reference, options, counts, n, n_errors);
		n_wrong += fabs(end_tick(bench) - expected) > 1e-9 * expected;
	}
	bench_close(bench);
	return n_wrong;
}

static void test_series(void)
{
	static const struct signal_options options[] = {
		{ .errors = true, .base = 0.01, .error_weight = 10 },
		{ .latency = true, .base = 0.01, .latency_weight = 1 },
		{ .latency = true, .base = 0.01, .latency_weight = 5, .baseline_ns = 20 },
		{ .errors = true, .latency = true, .base = 0.05, .min = 0.1, .error_weight = 3, .latency_weight = 7 },
		{ .errors = true,
		  .latency = true,
		  .base = 0.5,
		  .error_weight = 10,
		  .latency_weight = 1,
		  .baseline_ns = 1 },
	};

	for (size_t i = 0; i < COUNT(options); i++) {
		unsigned int n_wrong = 0;

		for (uint64_t seed = 1; seed <= 5; seed++)
			n_wrong += run_series(&options[i], seed);
		check(!n_wrong, "series %zu is as the formula says, but for %u of %d ticks", i, n_wrong, 5 * TICKS);
	}
}

/* Weights that are no whole numbers: a p95 that lies between two values is the right one in the mean. */
static void test_fractions(void)
{
	struct bench *bench = bench_open(
		(struct signal_options){ .latency = true, .base = 0.01, .latency_weight = 1, .baseline_ns = 10 },
		"duration_ns");

	for (int i = 0; i < 10000; i++)
		observe_span(bench, i % 2 ? 10 : 40, false, i % 2 ? 1.25 : 0x1p-4 + 1);
	double n = (double)bench->signal.latencies_ns.count, expected = 5000 * (1.25 + 1.0625);
	double sigma = sqrt(5000 * (0.25 * 0.75 + 0.0625 * 0.9375));
	check(fabs(n - expected) <= 4 * sigma && bench->signal.seen == expected, "fractions add up: %g of %g", n,
	      expected);
	bench_close(bench);
}

int main(void)
{
	test_errors();
	test_latency();
	test_units();
	test_bounds();
	test_baseline();
	test_ticks();
	test_series();
	test_fractions();
	return finish_tests();
}
