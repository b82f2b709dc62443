/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/options.h"

enum { OPTION_ONCE = 0x2000, OPTION_TEXTFILE };

static const char documentation[] =
	"Turn records on stdin into Prometheus metrics: one page of the text format at the end of input."
	"\v"
	"Examples:\n"
	"  otb-tcpretrans -d 10s | otb-expose          ten seconds, one page\n"
	"  otb-expose < records.jsonl                  of records written before\n"
	"  otb-tcpretrans | otb-expose -i 15s --textfile /var/lib/prometheus/node-exporter/tcp.prom\n"
	"\n"
	"Full documentation: man otb-expose";

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "Where to:", 1 },
	{ "once", OPTION_ONCE, NULL, 0, "One page at the end of input (the default)", 1 },
	{ "textfile", OPTION_TEXTFILE, "PATH", 0,
	  "Write the page to PATH, for node_exporter, at the end of input and every --interval", 1 },
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ 0 },
};

/* Labels of the metrics and fields of the stats record: no --label may be called so. */
static const char *const names[] = {
	"reason", "comm",    "error",     "where",   "le",         "metric",      "otel_metric_overflow",
	"lines",  "records", "bad_lines", "ignored", "bad_values", "duration_ns", NULL,
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_ONCE:
		options->once = true;
		return 0;
	case OPTION_TEXTFILE:
		if (!*arg)
			cli_refuse(state, "textfile", arg, "a path");
		options->textfile = arg;
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse_argument(state, arg);
	case ARGP_KEY_END:
		if (options->once && options->textfile)
			argp_error(state, "--once and --textfile: only one can be");
		if (options->cli.interval_ns && !options->textfile)
			argp_error(state, "--interval needs --textfile");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp own = { option_table, parse_option, NULL, documentation, NULL, NULL, NULL };

	*options = (struct options){ .cli = { .program = "otb-expose", .groups = CLI_INTERVAL, .names = names } };
	cli_parse(&options->cli, &own, options, argc, argv);
}
