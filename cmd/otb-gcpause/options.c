/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-gcpause/options.h"

#include <string.h>

#include "cmd/otb-gcpause/event.h"
#include "common/cli/parse.h"

enum { OPTION_EXE = 0x2000, OPTION_ALL, OPTION_ASSISTS, OPTION_REASON, OPTION_MIN_DURATION, OPTION_HISTOGRAM };

static const char documentation[] =
	"Print every stop of the world of Go programs, with its reason and length, and what each GC cycle cost."
	"\v"
	"One of --pid, --exe and --all says which programs. They need no symbols, no restart and no import; Go 1.17 to "
	"1.27.\n"
	"\n"
	"Examples:\n"
	"  otb-gcpause -p 1234                     every pause and cycle of a process\n"
	"  otb-gcpause -p 1234 --min-duration 1ms  only those of a millisecond or more\n"
	"  otb-gcpause --all -d 10s -s             all Go programs, summed up\n"
	"  otb-gcpause --exe /usr/bin/prometheus   all processes of a file, also later\n"
	"\n"
	"Full documentation: man otb-gcpause";

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "What to show:", 1 },
	{ "exe", OPTION_EXE, "PATH", 0, "Every process that runs this file, now or later", 1 },
	{ "all", OPTION_ALL, NULL, 0, "Every Go program that runs now or starts later", 1 },
	{ "assists", OPTION_ASSISTS, NULL, 0, "A record for each assist, too", 1 },
	{ "reason", OPTION_REASON, "NAME[,NAME...]", 0,
	  "Only pauses for these reasons (gc: both of the GC), and no cycles", 1 },
	{ "min-duration", OPTION_MIN_DURATION, "TIME", 0, "Only pauses, assists and cycles that took TIME or longer",
	  1 },
	{ "histogram", OPTION_HISTOGRAM, NULL, 0, "A summary with a histogram of each reason, drawn", 1 },
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ 0 },
};

static void add_path(struct go_selection *selection, const char *path, const struct argp_state *state)
{
	if (selection->n_paths == GO_PATHS_MAX)
		argp_error(state, "--exe: more than %d files", GO_PATHS_MAX);
	selection->paths[selection->n_paths++] = path;
}

static void want_reason(struct options *options, unsigned int number)
{
	options->wants_reason[number] = true;
	options->filter.reasons |= UINT64_C(1) << number;
	/* What has no name here. */
	if (number == REASON_NAMES_MAX - 1)
		options->filter.reasons |= UINT64_MAX << number;
}

static void add_reasons(struct options *options, const char *text, const struct argp_state *state)
{
	for (const char *name = text;; name++) {
		size_t length = strcspn(name, ",");
		unsigned int number = reason_find(name, length);

		if (length == 2 && !strncmp(name, "gc", 2)) {
			want_reason(options, REASON_MARK_TERMINATION);
			want_reason(options, REASON_SWEEP_TERMINATION);
		} else if (number == REASON_NAMES_MAX) {
			cli_refuse(state, "reason", text,
				   "a list of reasons (gc, read_mem_stats, ...: see man otb-gcpause)");
		} else {
			want_reason(options, number);
		}
		name += length;
		if (!*name)
			return;
	}
}

static void check_selection(const struct options *options, const struct argp_state *state)
{
	unsigned int ways = (options->cli.n_pids > 0) + (options->selection.n_paths > 0) + options->selection.all;

	if (!ways)
		argp_error(state, "which programs? Give --pid, --exe or --all");
	if (ways > 1)
		argp_error(state, "--pid, --exe and --all do not go together");
}

static void check_combination(struct options *options, const struct argp_state *state)
{
	struct cli *cli = &options->cli;

	check_selection(options, state);
	if (options->histogram && cli->form == CLI_FORM_JSON)
		argp_error(state, "--histogram is drawn, and does not go with --json");
	if (options->histogram) {
		cli->summary = true;
		cli->form = CLI_FORM_TABLE;
	}
	if (cli->interval_ns && !cli->summary)
		argp_error(state, "--interval goes with --summary");
	if (options->filter.assists && cli->summary)
		argp_error(state, "--assists does not go with --summary");
	options->filter.cycles = !cli->summary && !options->filter.reasons;
	if (!options->filter.reasons)
		for (unsigned int number = 0; number < REASON_NAMES_MAX; number++)
			want_reason(options, number);
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
	case OPTION_ASSISTS:
		options->filter.assists = true;
		return 0;
	case OPTION_REASON:
		add_reasons(options, arg, state);
		return 0;
	case OPTION_MIN_DURATION:
		if (!parse_duration(arg, (uint64_t *)&options->filter.min_duration_ns))
			cli_refuse(state, "min-duration", arg, "a time (100us, 5ms, 1s)");
		return 0;
	case OPTION_HISTOGRAM:
		options->histogram = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse_argument(state, arg);
	case ARGP_KEY_END:
		check_combination(options, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = { option_table, parse_option, NULL, documentation, NULL, NULL, NULL };

	*options = (struct options){
		.cli = {
			.program = "otb-gcpause",
			.groups = CLI_TRACER | CLI_FORM | CLI_SUMMARY | CLI_INTERVAL,
			.names = event_field_names,
		},
	};
	options->selection.cli = &options->cli;
	cli_parse(&options->cli, &argp, options, argc, argv);
}
