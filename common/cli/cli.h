/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line that all tools share: options, exit codes, help and version.
 *
 * A tool sets its program name, its field names and other defaults in its struct cli, names the groups of shared options it takes, and calls cli_parse() with
 * its own argp. cli_parse() prints help or version and exits 0, or prints what is wrong with an option and exits
 * EXIT_USAGE; else it returns with everything filled in. Strings point into argv.
 */
#ifndef OTB_CLI_H
#define OTB_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OTB_VERSION "0.1.0"

/* Every exit code there is. EXIT_FAILED beats EXIT_LOSSY, and EXIT_LOSSY beats EXIT_DONE (see exit_worse()). */
enum exit_code {
	EXIT_DONE = 0,           /* done; also after a signal, --duration, --count or a closed pipe */
	EXIT_FAILED = 1,         /* failed while running, a failed write included */
	EXIT_USAGE = 2,          /* unknown option, a value that is none */
	EXIT_CANNOT_OBSERVE = 3, /* no privilege, no BTF, no such process, cgroup or namespace */
	EXIT_LOSSY = 4,          /* --strict, and something was lost or malformed */
};

/* The groups of shared options; a tool takes some of them. -q, -v, -h, -V, -d, -n, -o, -l, --strict, --stats and
 * --ready-fd come with every tool. */
enum cli_group {
	CLI_TRACER = 1 << 0,   /* --pid, --buffer */
	CLI_FORM = 1 << 1,     /* --json, --table */
	CLI_SUMMARY = 1 << 2,  /* --summary */
	CLI_INTERVAL = 1 << 3, /* --interval */
};

enum cli_form {
	CLI_FORM_AUTO, /* before cli_parse(): a table on a terminal, JSON Lines anywhere else */
	CLI_FORM_JSON,
	CLI_FORM_TABLE,
	CLI_FORM_OTLP, /* of a tool with an option --otlp of its own, which sets it; what it says of itself is on stderr */
};

enum { CLI_PIDS_MAX = 64, CLI_LABELS_MAX = 32, CLI_LABEL_KEY_MAX = 64, CLI_LABEL_BYTES_MAX = 256 };

struct cli_label {
	const char *name;
	const char *value;
};

struct cli {
	const char *program;      /* "otb-tcpretrans" */
	unsigned int groups;      /* of enum cli_group */
	const char *const *names; /* every field name of its own records, ended by NULL: no label may repeat one */

	pid_t pids[CLI_PIDS_MAX];
	unsigned int n_pids;
	uint64_t duration_ns; /* 0: until a signal */
	uint64_t count;       /* 0: no limit */
	uint64_t interval_ns; /* 0: none */
	uint64_t buffer_bytes;
	enum cli_form form;
	struct cli_label labels[CLI_LABELS_MAX];
	unsigned int n_labels;
	const char *output_path; /* NULL: stdout */
	int ready_fd;            /* -1, which cli_parse() sets: none */
	int verbosity;           /* -1 with -q, 0, 1, 2, ... */
	bool summary, strict, stats;
};

/* The worse of two codes, in the order 1, 3, 2, 4, 0. */
enum exit_code exit_worse(enum exit_code a, enum exit_code b);

/* Parses the command line. `own` holds the tool's options, its documentation and its parser, whose input is `context`;
 * arguments that are no options go to that parser too. */
void cli_parse(struct cli *cli, const struct argp *own, void *context, int argc, char **argv);

/* For the tool's own parser: says that the value of --option is none and exits EXIT_USAGE; `expected` completes
 * "is not ...". */
void cli_refuse(const struct argp_state *state, const char *option, const char *value, const char *expected)
	__attribute__((noreturn));

/* The same for an argument that is no option, where the tool takes none. */
void cli_refuse_argument(const struct argp_state *state, const char *argument) __attribute__((noreturn));

/* Whether there is a --label of this name. */
bool cli_has_label(const struct cli *cli, const char *name);

#endif
