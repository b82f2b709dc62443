/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/signal.h"

#include <math.h>

#include "common/record/threshold.h"

static const double LATENCY_MAX_NS = 0x1p62, WEIGHT_MAX = 0x1p32; /* that cannot overflow in any tick */

void signal_open(struct signal *signal, const struct signal_options *options)
{
	*signal = (struct signal){ .options = *options, .baseline_ns = (double)options->baseline_ns };
	signal->ratio = fmax(options->min, fmin(1, options->base));
}

void signal_close(struct signal *signal)
{
	histogram_clear(&signal->latencies_ns);
}

static double smooth(bool *has, double average, double value)
{
	double smoothed = *has ? (average + value) / 2 : value;

	*has = true;
	return smoothed;
}

static void learn_baseline(struct signal *signal, double p95_ns)
{
	if (signal->options.baseline_ns)
		return;
	if (!signal->baseline_ns)
		signal->baseline_ns = p95_ns;
	signal->baseline_ns += (p95_ns - signal->baseline_ns) / BASELINE_TICKS;
}

static double excess(const struct signal *signal)
{
	if (!signal->has_p95 || signal->baseline_ns <= 0)
		return 0;
	return fmax(0, (signal->p95_ns - signal->baseline_ns) / signal->baseline_ns);
}

static void end_tick(struct signal *signal)
{
	const struct signal_options *options = &signal->options;
	double p95_ns = (double)histogram_percentile(&signal->latencies_ns, 95);

	if (signal->seen > 0)
		signal->error_rate = smooth(&signal->has_error_rate, signal->error_rate, signal->failed / signal->seen);
	if (signal->latencies_ns.count) {
		signal->p95_ns = smooth(&signal->has_p95, signal->p95_ns, p95_ns);
		learn_baseline(signal, p95_ns);
	}
	signal->seen = signal->failed = 0;
	histogram_clear(&signal->latencies_ns);
	double factor = 1 + (options->errors ? options->error_weight * signal->error_rate : 0) +
			(options->latency ? options->latency_weight * excess(signal) : 0);
	signal->ratio = fmax(options->min, fmin(1, options->base * factor));
}

void signal_turn(struct signal *signal, uint64_t now_ns)
{
	if (signal->end_ns && now_ns < signal->end_ns)
		return;
	if (signal->end_ns)
		end_tick(signal);
	signal->end_ns = now_ns + signal->options.tick_ns;
}

static void observe_latency(struct signal *signal, const struct record_view *record, double weight,
			    struct random *random)
{
	const struct json_value *value = field_value(signal->options.field, record);
	double number = value ? field_number(value, record) : NAN;

	if (!(number >= 0))
		return;
	number *= pow(10, signal->options.field_power + 9);
	/* Without memory the tick knows of fewer. */
	histogram_add_many(&signal->latencies_ns, (uint64_t)fmin(number, LATENCY_MAX_NS),
			   threshold_round(fmin(weight, WEIGHT_MAX), random));
}

void signal_observe(struct signal *signal, const struct record_view *record, double weight, struct random *random)
{
	signal->seen += weight;
	if (signal->options.errors && condition_holds(signal->options.error, record))
		signal->failed += weight;
	if (signal->options.latency)
		observe_latency(signal, record, weight, random);
}
