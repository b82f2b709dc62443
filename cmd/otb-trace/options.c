/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/otb-trace/event.h"
#include "common/cli/parse.h"
#include "common/record/threshold.h"

enum {
	OPTION_EXE = 0x2000,
	OPTION_ALL,
	OPTION_RATIO,
	OPTION_CONTROL,
	OPTION_HEADER,
	OPTION_URL_QUERY,
	OPTION_DB_TEXT,
	OPTION_SCHED,
	OPTION_OTLP,
	OPTION_METRICS,
};

#define METRICS_INTERVAL_NS UINT64_C(10000000000)

static const char documentation[] =
	"Print a span for every request that Go programs serve or make, with the caller's trace id, route, status and "
	"duration."
	"\v"
	"One of --pid, --exe and --all says which programs. They need no symbols, no restart and no import. Seen are "
	"net/http, gRPC-Go and database/sql of programs built with Go 1.17 to 1.27.\n"
	"\n"
	"Examples:\n"
	"  otb-trace -p 1234                       every request of a process\n"
	"  otb-trace --exe /bin/shop --ratio 0.01  one trace in a hundred\n"
	"  otb-trace --all --header x-tenant-id    all Go programs, with a header\n"
	"\n"
	"Full documentation: man otb-trace";

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "What to show:", 1 },
	{ "exe", OPTION_EXE, "PATH", 0, "Every process that runs this file, now or later", 1 },
	{ "all", OPTION_ALL, NULL, 0, "Every Go program that runs now or starts later", 1 },
	{ "header", OPTION_HEADER, "NAME", 0, "This header of requests, too; up to 8 names", 1 },
	{ "url-query", OPTION_URL_QUERY, NULL, 0, "The query of URLs, too; secrets may be in it", 1 },
	{ "db-text", OPTION_DB_TEXT, NULL, 0,
	  "Queries of databases as they are, not with ? for each literal; secrets may be in them", 1 },
	{ "sched", OPTION_SCHED, NULL, 0, "How long goroutines were ready and did not run, too; this costs more", 1 },
	{ NULL, 0, NULL, 0, "Sampling, in the kernel:", 2 },
	{ "ratio", OPTION_RATIO, "RATIO", 0,
	  "Keep this share (0.01) of the traces that begin here; where the caller has decided, that holds", 2 },
	{ "control", OPTION_CONTROL, "PATH", 0, "Pin a BPF map here, in which otb-sample --control sets the share", 2 },
	{ "metrics", OPTION_METRICS, NULL, 0,
	  "Count all requests of HTTP and their durations, too, sampled or not, every --interval (10s); --summary does "
	  "only that",
	  2 },
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ "otlp", OPTION_OTLP, NULL, 0, "OTLP/JSON, an export request for each span", 50 },
	{ 0 },
};

static void add_path(struct go_selection *selection, const char *path, const struct argp_state *state)
{
	if (selection->n_paths == GO_PATHS_MAX)
		argp_error(state, "--exe: more than %d files", GO_PATHS_MAX);
	selection->paths[selection->n_paths++] = path;
}

/* The field of a header, as the semantic conventions name it: http.request.header.<key>, lower case. */
static void add_header(struct options *options, const char *name, const struct argp_state *state)
{
	size_t length = strlen(name);
	char *field;
	int prefix;

	if (options->n_headers == TRACE_HEADERS_MAX)
		argp_error(state, "--header: more than %d names", TRACE_HEADERS_MAX);
	field = options->header_fields[options->n_headers];
	if (!length || length >= TRACE_HEADER_NAME_SIZE ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != length)
		cli_refuse(state, "header", name, "the name of a header");
	prefix = snprintf(field, HEADER_FIELD_SIZE, "http_request_header_");
	for (size_t i = 0; i <= length; i++)
		field[(size_t)prefix + i] =
			name[i] == '-' || name[i] == '.' ? '_' : (char)tolower((unsigned char)name[i]);
	for (unsigned int i = 0; i < options->n_headers; i++)
		if (!strcmp(options->header_fields[i], field))
			argp_error(state, "--header: a second '%s'", field);
	options->headers[options->n_headers++] = name;
}

static void set_ratio(struct options *options, const char *arg, const struct argp_state *state)
{
	double ratio;

	if (!parse_fraction(arg, 1, &ratio))
		cli_refuse(state, "ratio", arg, "a number from 0 to 1, as 0.01");
	options->threshold = threshold_of_ratio(ratio, THRESHOLD_PRECISION);
	options->has_ratio = true;
}

static void set_metrics(struct options *options, const struct argp_state *state)
{
	struct cli *cli = &options->cli;

	if (options->wants_metrics && !cli->interval_ns)
		cli->interval_ns = METRICS_INTERVAL_NS;
	options->wants_metrics |= cli->summary;
	if (cli->interval_ns && !options->wants_metrics)
		argp_error(state, "--interval goes with --metrics or --summary");
	if (cli->form == CLI_FORM_OTLP && options->wants_metrics)
		argp_error(state, "--otlp is for spans: it does not go with --metrics and --summary");
}

static void check(const struct options *options, const struct argp_state *state)
{
	unsigned int ways = (options->cli.n_pids > 0) + (options->selection.n_paths > 0) + options->selection.all;

	if (!ways)
		argp_error(state, "which programs? Give --pid, --exe or --all");
	if (ways > 1)
		argp_error(state, "--pid, --exe and --all do not go together");
	for (unsigned int i = 0; i < options->n_headers; i++)
		if (cli_has_label(&options->cli, options->header_fields[i]))
			argp_error(state, "--label: the records have a field '%s' already", options->header_fields[i]);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_EXE:
		add_path(&options->selection, arg, state);
		return 0;
	case OPTION_ALL:
		options->selection.all = true;
		return 0;
	case OPTION_HEADER:
		add_header(options, arg, state);
		return 0;
	case OPTION_RATIO:
		set_ratio(options, arg, state);
		return 0;
	case OPTION_CONTROL:
		options->control_path = arg;
		return 0;
	case OPTION_URL_QUERY:
		options->wants_query = true;
		return 0;
	case OPTION_DB_TEXT:
		options->wants_db_text = true;
		return 0;
	case OPTION_SCHED:
		options->wants_sched = true;
		return 0;
	case OPTION_OTLP:
		options->cli.form = CLI_FORM_OTLP;
		return 0;
	case OPTION_METRICS:
		options->wants_metrics = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse_argument(state, arg);
	case ARGP_KEY_END:
		check(options, state);
		set_metrics(options, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = { option_table, parse_option, NULL, documentation, NULL, NULL, NULL };

	*options = (struct options){
		.cli = {
			.program = "otb-trace",
			.groups = CLI_TRACER | CLI_FORM | CLI_SUMMARY | CLI_INTERVAL,
			.names = event_field_names,
		},
	};
	options->selection.cli = &options->cli;
	cli_parse(&options->cli, &argp, options, argc, argv);
}
