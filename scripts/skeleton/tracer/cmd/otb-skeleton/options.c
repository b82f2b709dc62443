/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-skeleton/options.h"

#include "cmd/otb-skeleton/event.h"

_Static_assert(SKELETON_PIDS_MAX == (int)CLI_PIDS_MAX, "the filter holds every --pid");

static const char documentation[] = "Print TODO."
				    "\v"
				    "Examples:\n"
				    "  otb-skeleton                  everything, as it happens\n"
				    "  otb-skeleton -p 1234 -d 10s   one process, for ten seconds\n"
				    "\n"
				    "Full documentation: man otb-skeleton";

/* TODO: the tool's own options; parse_option() takes them. */
static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_ARG:
		cli_refuse_argument(state, arg);
	}
	return ARGP_ERR_UNKNOWN;
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = { option_table, parse_option, NULL, documentation, NULL, NULL, NULL };

	*options = (struct options){
		.cli = {
			.program = "otb-skeleton",
			.groups = CLI_TRACER | CLI_FORM,
			.names = event_field_names,
		},
	};
	cli_parse(&options->cli, &argp, options, argc, argv);
	options->filter.n_pids = options->cli.n_pids;
	for (unsigned int i = 0; i < options->cli.n_pids; i++)
		options->filter.pids[i] = (__u32)options->cli.pids[i];
}
