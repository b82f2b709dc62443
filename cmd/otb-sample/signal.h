/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --adaptive-signal: a share that rises when the share of errors does, or the 95th percentile of a latency leaves its
 * baseline:
 *
 *	r = max(min, min(1, base * (1 + a * error_rate + b * max(0, (p95 - baseline) / baseline))))
 *
 * Both are measured tick by tick, by adjusted counts, and smoothed (a tick weighs half of the one behind it). A baseline that
 * is not given is learnt: the average of the p95 over some BASELINE_TICKS ticks, which follows what lasts and not what is
 * sudden. The share of a tick is made of the ticks before it.
 */
#ifndef OTB_SAMPLE_SIGNAL_H
#define OTB_SAMPLE_SIGNAL_H

#include "common/metrics/histogram.h"
#include "common/record/random.h"
#include "common/rule/condition.h"

enum { BASELINE_TICKS = 64 };

struct signal_options {
	bool errors, latency;
	double base, min, error_weight, latency_weight;
	const struct condition *error; /* which records are errors */
	const struct field *field;     /* the latency */
	int field_power;               /* its unit is 10^power seconds */
	uint64_t baseline_ns;          /* 0: learnt */
	uint64_t tick_ns;
};

struct signal {
	struct signal_options options;
	uint64_t end_ns; /* of the tick, in stream time; 0: none has begun */
	double seen, failed;
	struct histogram latencies_ns;
	bool has_error_rate, has_p95;
	double error_rate, p95_ns, baseline_ns;
	double ratio; /* in force */
};

void signal_open(struct signal *signal, const struct signal_options *options);
void signal_close(struct signal *signal);

/* Ends the tick if it is over. */
void signal_turn(struct signal *signal, uint64_t now_ns);

/* Counts a record, and what it stands for. */
void signal_observe(struct signal *signal, const struct record_view *record, double weight, struct random *random);

#endif
