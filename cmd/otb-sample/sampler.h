/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decides where no rule did: --ratio, --rate, --adaptive and their kin, behind --first.
 */
#ifndef OTB_SAMPLE_SAMPLER_H
#define OTB_SAMPLE_SAMPLER_H

#include "cmd/otb-sample/adaptive.h"
#include "cmd/otb-sample/batch.h"
#include "cmd/otb-sample/first.h"
#include "cmd/otb-sample/signal.h"
#include "cmd/otb-sample/verdict.h"
#include "common/record/buffer.h"

enum { KEY_FIELDS_MAX = 8 };

enum sampler_kind {
	SAMPLER_NONE,
	SAMPLER_RATIO,
	SAMPLER_RATE,   /* items wait for the end of their tick */
	SAMPLER_TOKENS, /* the same rate, but at once, and without a weight */
	SAMPLER_ADAPTIVE,
	SAMPLER_SIGNAL,
};

struct sampler_options {
	enum sampler_kind kind;
	double ratio, per_second;
	uint64_t tick_ns;
	struct field keys[KEY_FIELDS_MAX]; /* of --adaptive */
	unsigned int n_keys;
	uint64_t first_n, first_every_ns; /* 0: no --first */
	struct field first_per;
	uint64_t keys_max;
	struct signal_options signal;
	bool is_controlling; /* what is in force will be asked for */
};

struct sampler {
	const struct sampler_options *options;
	struct tally *tally, *first_tally;  /* of the kind, of --first */
	struct verdict share;               /* of --ratio */
	struct verdict unweighted, drop;    /* of a bucket with a token, and without; of the rest that is not kept */
	struct verdict first_verdict, keep; /* of --first; of the rest that is kept */
	struct verdict changing;            /* of a kind whose share is another each time */
	struct first first;
	struct batch batch;
	struct adaptive adaptive; /* of --rate: what it comes to, for who controls by it */
	struct signal signal;
	double tokens;
	uint64_t tokens_ns; /* when they were filled up last; 0: never */
	struct buffer key;
};

/* A record, or a trace by its root. */
struct judged {
	const struct record_view *record;
	const struct arrival *arrival;
	unsigned int n_records;
	uint64_t now_ns;   /* stream time */
	bool rest_is_kept; /* without a sampler */
};

/* Whether a sampler's tally is called so, and nothing else may be. */
bool sampler_is_name(const char *name);

/* `options` must outlive it. `decided` gets what waited. Returns 0 or -ENOMEM; sampler_close() is due all the same. */
int sampler_open(struct sampler *sampler, const struct sampler_options *options, struct tallies *tallies, uint64_t seed,
		 batch_callback *decided, void *context);
void sampler_close(struct sampler *sampler);

/* Whether it looks at the fields of what it judges; else judged->record may be NULL. */
bool sampler_reads_fields(const struct sampler *sampler);

/* Looks at a record before anybody decides. */
static inline void sampler_observe(struct sampler *sampler, const struct record_view *record,
				   const struct arrival *arrival, struct random *random)
{
	if (sampler->options->kind == SAMPLER_SIGNAL)
		signal_observe(&sampler->signal, record, arrival_weight(arrival), random);
}

/* The verdict is good until the next call. NULL: it is to wait in sampler->batch, whose verdict will be a floor of
 * sampler->tally. */
const struct verdict *sampler_judge(struct sampler *sampler, const struct judged *judged);

/* Time has come to this, with records or without. */
void sampler_turn(struct sampler *sampler, uint64_t now_ns);

/* The threshold that whoever samples before this may apply. */
uint64_t sampler_in_force(const struct sampler *sampler);

#endif
