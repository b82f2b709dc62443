/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of otb-sample. */
#ifndef OTB_SAMPLE_OPTIONS_H
#define OTB_SAMPLE_OPTIONS_H

#include "cmd/otb-sample/redact.h"
#include "cmd/otb-sample/rules.h"
#include "cmd/otb-sample/sampler.h"
#include "common/cli/cli.h"

enum { OPTIONS_RULES_MAX = 256 };

struct options {
	struct cli cli;
	struct sampler_options sampler;
	enum mode mode;
	struct rule_text rules[OPTIONS_RULES_MAX]; /* --keep, --drop, --rule, in their order */
	unsigned int n_rules;
	const char *rules_path;
	bool explains, is_dry_run, passes_bad;
	bool is_by_trace;
	uint64_t linger_ns, wait_ns, memory_max, decisions_max;
	const char *control_path;
	struct redact redact;
	const char *redact_key_path;
	uint64_t seed;           /* 0: one of its own */
	struct json_names names; /* the fixed fields, and those that options name */
	struct condition *signal_error;
	struct field signal_field;
};

/* Parses the command line: exits on help, version and usage errors. */
void options_parse(struct options *options, int argc, char **argv);
void options_clear(struct options *options);

/* Whether there is something to decide by; else records are only redacted. */
bool options_decide(const struct options *options);

/* The field that R may come from; NULL: none. */
const struct field *options_key(const struct options *options);

#endif
