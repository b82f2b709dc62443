/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/sampler.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/record/threshold.h"

enum { KEY_VALUE_MAX = 4096 };

static const char *const kind_names[] = {
	[SAMPLER_NONE] = "default",        [SAMPLER_RATIO] = "ratio",       [SAMPLER_RATE] = "rate",
	[SAMPLER_TOKENS] = "token_bucket", [SAMPLER_ADAPTIVE] = "adaptive", [SAMPLER_SIGNAL] = "signal",
};

static const char first_name[] = "first";

static int open_kind(struct sampler *sampler, uint64_t seed, batch_callback *decided, void *context)
{
	const struct sampler_options *options = sampler->options;

	switch (options->kind) {
	case SAMPLER_RATE:
		batch_open(&sampler->batch, options->per_second, options->tick_ns, decided, context);
		return options->is_controlling
			       ? adaptive_open(&sampler->adaptive, options->per_second, options->tick_ns, 1, seed)
			       : 0;
	case SAMPLER_ADAPTIVE:
		return adaptive_open(&sampler->adaptive, options->per_second, options->tick_ns,
				     (unsigned int)options->keys_max, seed);
	case SAMPLER_SIGNAL:
		signal_open(&sampler->signal, &options->signal);
		return 0;
	default:
		return 0;
	}
}

bool sampler_is_name(const char *name)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
		if (!strcmp(kind_names[i], name))
			return true;
	return !strcmp(first_name, name);
}

static void open_verdicts(struct sampler *sampler)
{
	const struct sampler_options *options = sampler->options;
	bool is_alone = options->kind == SAMPLER_NONE;

	sampler->share = verdict_share(options->ratio, sampler->tally);
	sampler->unweighted = verdict_of(VERDICT_UNWEIGHTED, sampler->tally);
	sampler->drop = verdict_of(VERDICT_DROP, is_alone ? sampler->first_tally : sampler->tally);
	sampler->keep = verdict_share(1, sampler->tally);
	/* With nothing behind them the others have no chance, and nobody stands for them. */
	sampler->first_verdict = is_alone ? verdict_of(VERDICT_UNWEIGHTED, sampler->first_tally)
					  : verdict_share(1, sampler->first_tally);
}

int sampler_open(struct sampler *sampler, const struct sampler_options *options, struct tallies *tallies, uint64_t seed,
		 batch_callback *decided, void *context)
{
	int error;

	*sampler = (struct sampler){ .options = options };
	sampler->tally = tallies_get(tallies, kind_names[options->kind]);
	sampler->first_tally = options->first_n ? tallies_get(tallies, first_name) : sampler->tally;
	open_verdicts(sampler);
	error = sampler->tally && sampler->first_tally ? 0 : -ENOMEM;
	if (!error)
		sampler->tally->is_in_force = sampler->first_tally->is_in_force = true;
	if (!error && options->first_n)
		error = first_open(&sampler->first, options->first_n, options->first_every_ns,
				   (unsigned int)options->keys_max, seed);
	if (!error)
		error = open_kind(sampler, seed, decided, context);
	return error;
}

void sampler_close(struct sampler *sampler)
{
	first_close(&sampler->first);
	batch_close(&sampler->batch);
	adaptive_close(&sampler->adaptive);
	signal_close(&sampler->signal);
	buffer_clear(&sampler->key);
}

/* ---- keys ---- */

/* The texts of the fields one behind the other, each with its length, so that no two keys look alike. */
static void read_key(struct sampler *sampler, const struct field *fields, unsigned int n,
		     const struct record_view *record)
{
	char space[KEY_VALUE_MAX];

	buffer_reset(&sampler->key);
	for (unsigned int i = 0; i < n; i++) {
		const struct json_value *value = field_value(&fields[i], record);
		const char *text = "";
		size_t length = value ? field_read_text(value, record, space, sizeof(space), &text) : SIZE_MAX;

		buffer_add(&sampler->key, &length, sizeof(length));
		buffer_add(&sampler->key, text, value ? length : 0);
	}
}

/* ---- each kind ---- */

static bool take_token(struct sampler *sampler, const struct judged *judged)
{
	const struct sampler_options *options = sampler->options;
	double most = fmax(1, options->per_second * (double)options->tick_ns * 1e-9);
	double passed_ns = sampler->tokens_ns ? (double)(judged->now_ns - sampler->tokens_ns) : HUGE_VAL;

	sampler->tokens = fmin(most, sampler->tokens + options->per_second * passed_ns * 1e-9);
	sampler->tokens_ns = judged->now_ns;
	if (sampler->tokens < 1)
		return false;
	/* A trace may take more than there are: the next waits for longer. */
	sampler->tokens -= judged->n_records;
	return true;
}

/* --key says of --rate where R comes from: it is one rate for all. */
static uint64_t adapt(struct sampler *sampler, const struct judged *judged)
{
	const struct sampler_options *options = sampler->options;

	read_key(sampler, options->keys, options->kind == SAMPLER_ADAPTIVE ? options->n_keys : 0, judged->record);
	return adaptive_threshold(&sampler->adaptive, sampler->key.bytes, sampler->key.length,
				  arrival_weight(judged->arrival) * judged->n_records, judged->now_ns);
}

static bool is_first(struct sampler *sampler, const struct judged *judged)
{
	if (!sampler->options->first_n)
		return false;
	read_key(sampler, &sampler->options->first_per, 1, judged->record);
	return first_takes(&sampler->first, sampler->key.bytes, sampler->key.length, judged->now_ns);
}

bool sampler_reads_fields(const struct sampler *sampler)
{
	return sampler->options->first_n || (sampler->options->kind == SAMPLER_ADAPTIVE && sampler->options->n_keys);
}

const struct verdict *sampler_judge(struct sampler *sampler, const struct judged *judged)
{
	if (is_first(sampler, judged))
		return &sampler->first_verdict;
	switch (sampler->options->kind) {
	case SAMPLER_RATIO:
		return &sampler->share;
	case SAMPLER_RATE:
		/* For sampler_in_force() alone. */
		if (sampler->options->is_controlling)
			adapt(sampler, judged);
		return NULL;
	case SAMPLER_TOKENS:
		return take_token(sampler, judged) ? &sampler->unweighted : &sampler->drop;
	case SAMPLER_ADAPTIVE:
		sampler->changing = verdict_floor(adapt(sampler, judged), sampler->tally);
		return &sampler->changing;
	case SAMPLER_SIGNAL:
		sampler->changing = verdict_share(sampler->signal.ratio, sampler->tally);
		return &sampler->changing;
	default:
		return judged->rest_is_kept && !sampler->options->first_n ? &sampler->keep : &sampler->drop;
	}
}

void sampler_turn(struct sampler *sampler, uint64_t now_ns)
{
	enum sampler_kind kind = sampler->options->kind;

	if (kind == SAMPLER_RATE)
		batch_turn(&sampler->batch, now_ns);
	if (kind == SAMPLER_SIGNAL)
		signal_turn(&sampler->signal, now_ns);
	if (kind == SAMPLER_ADAPTIVE || (kind == SAMPLER_RATE && sampler->options->is_controlling))
		adaptive_turn(&sampler->adaptive, now_ns);
}

uint64_t sampler_in_force(const struct sampler *sampler)
{
	switch (sampler->options->kind) {
	case SAMPLER_RATIO:
		return sampler->share.threshold;
	case SAMPLER_RATE:
	case SAMPLER_ADAPTIVE:
		return adaptive_in_force(&sampler->adaptive);
	case SAMPLER_SIGNAL:
		return threshold_of_ratio(sampler->signal.ratio, THRESHOLD_PRECISION);
	default:
		return 0;
	}
}
