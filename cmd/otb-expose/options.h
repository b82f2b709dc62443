/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of otb-expose. */
#ifndef OTB_EXPOSE_OPTIONS_H
#define OTB_EXPOSE_OPTIONS_H

#include "cmd/otb-expose/http.h"
#include "common/cli/cli.h"

enum { OPTIONS_METRICS_MAX = 64 };

enum output_kind { OUTPUT_ONCE, OUTPUT_TEXTFILE, OUTPUT_LISTEN, OUTPUT_OTLP };

struct options {
	struct cli cli;
	enum output_kind kind;
	const char *textfile;
	struct http_options http;
	bool linger;
	const char *metrics[OPTIONS_METRICS_MAX]; /* --metric */
	unsigned int n_metrics;
	const char *rules_path;
	bool no_builtin, print_rules, created;
	uint64_t ttl_ns;
	unsigned int series_max;
	uint64_t seed; /* 0: one of its own */
};

/* Parses the command line: exits on help, version and usage errors. */
void options_parse(struct options *options, int argc, char **argv);

#endif
