/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-skeleton/options.h"

#include <stddef.h>

static const char documentation[] = "Read JSON Lines from standard input, and write TODO."
				    "\v"
				    "Examples:\n"
				    "  otb-skeleton < records.jsonl\n"
				    "\n"
				    "Full documentation: man otb-skeleton";

/* Of its `stats` record. */
static const char *const names[] = { "duration_ns", "lines", "records", "kept", "dropped", "bad_lines", NULL };

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

	*options = (struct options){ .cli = { .program = "otb-skeleton", .names = names } };
	cli_parse(&options->cli, &argp, options, argc, argv);
}
