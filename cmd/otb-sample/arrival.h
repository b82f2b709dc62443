/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record brings along for the one decision that all sampling comes down to (OpenTelemetry,
 * specification/trace/tracestate-probability-sampling.md): it is kept if its random number R is at least a threshold T,
 * both of 56 bits.
 *
 * R is the `rv` of the tracestate field's `ot` member, else the low 56 bits of trace_id, else those of the SHA-256 of
 * --key's field, else drawn. All but the last are the same wherever and whenever the record is looked at, so that of two
 * samplers the stricter one keeps a part of what the other keeps.
 *
 * A record that was sampled before bears the threshold of that as sampling_threshold. One that R contradicts says nothing:
 * the record is of unknown weight then, as is one whose threshold is none.
 */
#ifndef OTB_SAMPLE_ARRIVAL_H
#define OTB_SAMPLE_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/otb-sample/trace_id.h"
#include "common/record/random.h"
#include "common/record/threshold.h"

enum randomness_source { RANDOMNESS_DRAWN, RANDOMNESS_HASH, RANDOMNESS_TRACE_ID, RANDOMNESS_TRACESTATE };

struct randomness {
	uint64_t value; /* R */
	enum randomness_source source;
};

struct arrival {
	uint64_t threshold; /* T that it came with; 0: none, or unknown */
	bool is_unknown;    /* its weight is */
};

/* What arrival_read() does where the record has a threshold. */
struct arrival arrival_parse(const struct record_view *record);

static inline struct arrival arrival_read(const struct record_view *record)
{
	const struct arrival none = { .threshold = 0 };

	return value_is_missing(&record->values[FIELD_THRESHOLD]) ? none : arrival_parse(record);
}

/* `id`: of the record's trace, or NULL; `key`: the field that R may come from, or NULL. What is drawn is at least T. */
struct randomness randomness_read(const struct record_view *record, const struct trace_id *id, const struct field *key,
				  const struct arrival *arrival, struct random *random);

/* Holds the threshold against R, the record's own or its trace's: contradicted, the weight is unknown. */
void arrival_settle(struct arrival *arrival, uint64_t randomness);

/* How many records it stands for: at least 1, which is also what is taken for one of unknown weight. */
static inline double arrival_weight(const struct arrival *arrival)
{
	return arrival->threshold ? threshold_adjusted_count(arrival->threshold) : 1;
}

#endif
