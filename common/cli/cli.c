/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/cli/parse.h"

/* Long options without a letter. */
enum { OPTION_BUFFER = 0x1000, OPTION_READY_FD, OPTION_STRICT, OPTION_STATS, OPTION_USAGE };

/* How --help sorts: the tool's own options first (groups 0 and up), then these. */
enum { HELP_COMMON = 50, HELP_LAST = 90 };

struct shared_option {
	unsigned int group; /* of enum cli_group; 0: every tool */
	struct argp_option option;
};

static const struct shared_option shared_options[] = {
	{ CLI_TRACER, { "pid", 'p', "PID", 0, "Only this process; may be given several times", HELP_COMMON } },
	{ CLI_TRACER, { "buffer", OPTION_BUFFER, "SIZE", 0, "Size of the ring buffer (4K to 1G; 2M)", HELP_COMMON } },
	{ 0, { "duration", 'd', "TIME", 0, "Stop after TIME (500ms, 10s, 1m30s)", HELP_COMMON } },
	{ 0, { "count", 'n', "N", 0, "Stop after N records", HELP_COMMON } },
	{ CLI_SUMMARY, { "summary", 's', NULL, 0, "Aggregates instead of single events", HELP_COMMON } },
	{ CLI_INTERVAL, { "interval", 'i', "TIME", 0, "How often aggregates are written", HELP_COMMON } },
	{ CLI_FORM, { "json", 'j', NULL, 0, "JSON Lines (the default, but on a terminal)", HELP_COMMON } },
	{ CLI_FORM, { "table", 't', NULL, 0, "A table (the default on a terminal)", HELP_COMMON } },
	{ 0, { "label", 'l', "KEY=VALUE", 0, "A constant field on every record", HELP_COMMON } },
	{ 0, { "output", 'o', "FILE", 0, "Append to FILE; SIGHUP opens it again", HELP_COMMON } },
	{ 0, { "ready-fd", OPTION_READY_FD, "FD", 0, "Write a byte to FD once everything is set up", HELP_COMMON } },
	{ 0, { "strict", OPTION_STRICT, NULL, 0, "Exit 4 if anything was lost or malformed", HELP_COMMON } },
	{ 0, { "stats", OPTION_STATS, NULL, 0, "A stats record at the end", HELP_COMMON } },
	{ 0, { "quiet", 'q', NULL, 0, "Only errors on stderr", HELP_COMMON } },
	{ 0, { "verbose", 'v', NULL, 0, "More on stderr; twice for yet more", HELP_COMMON } },
	{ 0, { "help", 'h', NULL, 0, "Print this help", HELP_LAST } },
	{ 0, { "usage", OPTION_USAGE, NULL, 0, "Print a short usage message", HELP_LAST } },
	{ 0, { "version", 'V', NULL, 0, "Print the version", HELP_LAST } },
};

#define N_SHARED (sizeof(shared_options) / sizeof(shared_options[0]))

struct cli_input {
	struct cli *cli;
	void *own_context;
};

enum exit_code exit_worse(enum exit_code a, enum exit_code b)
{
	static const int rank[] = {
		[EXIT_DONE] = 0, [EXIT_LOSSY] = 1, [EXIT_USAGE] = 2, [EXIT_CANNOT_OBSERVE] = 3, [EXIT_FAILED] = 4,
	};

	return rank[a] >= rank[b] ? a : b;
}

/* Not argp_error(), which would hand what it quotes to the terminal as it is. */
static void __attribute__((noreturn)) fail_usage(const struct argp_state *state)
{
	argp_state_help(state, stderr, ARGP_HELP_SEE);
	exit(EXIT_USAGE);
}

void cli_refuse(const struct argp_state *state, const char *option, const char *value, const char *expected)
{
	diag_print(DIAG_ERROR, "--%s: '%s' is not %s", option, value, expected);
	fail_usage(state);
}

void cli_refuse_argument(const struct argp_state *state, const char *argument)
{
	diag_print(DIAG_ERROR, "'%s' is not an option, and no argument is expected", argument);
	fail_usage(state);
}

static bool is_field_name(const char *name, size_t length)
{
	/* What begins with "__" is Prometheus' own. */
	if (!length || length > CLI_LABEL_KEY_MAX || (name[0] >= '0' && name[0] <= '9') ||
	    (length >= 2 && name[0] == '_' && name[1] == '_'))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_", name[i]))
			return false;
	return true;
}

static bool name_is_taken(const struct cli *cli, const char *name)
{
	static const char *const everywhere[] = { "time", "event", "tool", "truncated", NULL };
	/* What common/bpf/tracer.c writes of any tracer. */
	static const char *const of_tracers[] = {
		"count",      "where", "duration_ns", "seen",          "written", "filtered",
		"suppressed", "lost",  "probe_runs",  "probe_time_ns", NULL,
	};
	const char *const *lists[] = { cli->names, everywhere, of_tracers };
	unsigned int n_lists = cli->groups & CLI_TRACER ? 3 : 2;

	for (unsigned int i = 0; i < n_lists; i++)
		for (const char *const *at = lists[i]; at && *at; at++)
			if (!strcmp(*at, name))
				return true;
	return false;
}

bool cli_has_label(const struct cli *cli, const char *name)
{
	for (unsigned int i = 0; i < cli->n_labels; i++)
		if (!strcmp(cli->labels[i].name, name))
			return true;
	return false;
}

static void add_label(struct cli *cli, char *text, const struct argp_state *state)
{
	char *equals = strchr(text, '=');

	if (!equals || !is_field_name(text, (size_t)(equals - text)))
		cli_refuse(state, "label", text, "KEY=VALUE with a KEY of at most 64 characters of a-z, 0-9 and _");
	if (strlen(equals + 1) > CLI_LABEL_BYTES_MAX)
		argp_error(state, "--label: the value of '%.*s' is longer than %d bytes", (int)(equals - text), text,
			   CLI_LABEL_BYTES_MAX);
	if (cli->n_labels == CLI_LABELS_MAX)
		argp_error(state, "--label: more than %d labels", CLI_LABELS_MAX);
	*equals = '\0';
	if (cli_has_label(cli, text))
		argp_error(state, "--label: a second '%s'", text);
	if (name_is_taken(cli, text))
		argp_error(state, "--label: the records have a field '%s' already", text);
	cli->labels[cli->n_labels++] = (struct cli_label){ text, equals + 1 };
}

static void add_pid(struct cli *cli, const char *text, const struct argp_state *state)
{
	uint64_t pid;

	/* PID_MAX_LIMIT, include/linux/threads.h */
	if (!parse_uint(text, 1, 4 * 1024 * 1024, &pid))
		cli_refuse(state, "pid", text, "a process id");
	/* Probes that are there twice tell everything twice. */
	for (unsigned int i = 0; i < cli->n_pids; i++)
		if (cli->pids[i] == (pid_t)pid)
			return;
	if (cli->n_pids == CLI_PIDS_MAX)
		argp_error(state, "--pid: more than %d processes", CLI_PIDS_MAX);
	cli->pids[cli->n_pids++] = (pid_t)pid;
}

static void set_duration(uint64_t *ns, const char *option, const char *text, const struct argp_state *state)
{
	if (!parse_duration(text, ns))
		cli_refuse(state, option, text, "a time (500ms, 10s, 1m30s)");
}

static void set_ready_fd(struct cli *cli, const char *text, const struct argp_state *state)
{
	uint64_t fd;

	if (!parse_uint(text, 0, INT32_MAX, &fd) || fcntl((int)fd, F_GETFD) < 0)
		cli_refuse(state, "ready-fd", text, "an open file descriptor");
	cli->ready_fd = (int)fd;
}

static void print_version(const struct cli *cli)
{
	printf("%s %s\n", cli->program, OTB_VERSION);
	exit(EXIT_DONE);
}

/* The options that take a value. */
static error_t parse_value(int key, char *arg, struct argp_state *state, struct cli *cli)
{
	switch (key) {
	case 'p':
		add_pid(cli, arg, state);
		return 0;
	case 'd':
		set_duration(&cli->duration_ns, "duration", arg, state);
		return 0;
	case 'i':
		set_duration(&cli->interval_ns, "interval", arg, state);
		return 0;
	case 'n':
		if (!parse_uint(arg, 1, UINT64_MAX, &cli->count))
			cli_refuse(state, "count", arg, "a number of records");
		return 0;
	case OPTION_BUFFER:
		if (!parse_size(arg, &cli->buffer_bytes) || cli->buffer_bytes < 4096 || cli->buffer_bytes > 1 << 30)
			cli_refuse(state, "buffer", arg, "a size of 4K to 1G");
		return 0;
	case 'l':
		add_label(cli, arg, state);
		return 0;
	case 'o':
		cli->output_path = arg;
		return 0;
	case OPTION_READY_FD:
		set_ready_fd(cli, arg, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_shared(int key, char *arg, struct argp_state *state)
{
	const struct cli_input *input = state->input;
	struct cli *cli = input->cli;

	switch (key) {
	case ARGP_KEY_INIT:
		/* argp hands the input of the tool's own parser on by way of this one. */
		state->child_inputs[0] = input->own_context;
		return 0;
	case 's':
		cli->summary = true;
		return 0;
	case 'j':
		cli->form = CLI_FORM_JSON;
		return 0;
	case 't':
		cli->form = CLI_FORM_TABLE;
		return 0;
	case 'q':
		cli->verbosity = -1;
		return 0;
	case 'v':
		cli->verbosity = cli->verbosity < 0 ? 1 : cli->verbosity + 1;
		return 0;
	case OPTION_STRICT:
		cli->strict = true;
		return 0;
	case OPTION_STATS:
		cli->stats = true;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case OPTION_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case 'V':
		print_version(cli);
		return 0;
	}
	return parse_value(key, arg, state, cli);
}

/* --help > /dev/full is a failed write as any other. */
static void check_stdout(void)
{
	if ((!fflush(stdout) && !ferror(stdout)) || errno == EPIPE)
		return;
	diag_print_errno(DIAG_ERROR, errno, "cannot write to stdout");
	_exit(EXIT_FAILED);
}

/* A descriptor that the parent closed would be given to the first file we open, and be read or written as if it were
 * stdin or stderr. A closed stdout is an error, which who writes to it reports. */
static void open_standard_files(void)
{
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
		exit(EXIT_FAILED);
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 && open("/dev/null", O_WRONLY) < 0)
		exit(EXIT_FAILED);
}

void cli_parse(struct cli *cli, const struct argp *own, void *context, int argc, char **argv)
{
	struct argp_option options[N_SHARED + 1] = { 0 };
	struct argp_child children[2] = { { own, 0, NULL, 0 } };
	struct argp shared = { options, parse_shared, NULL, NULL, children, NULL, NULL };
	struct cli_input input = { cli, context };
	unsigned int n = 0;

	for (unsigned int i = 0; i < N_SHARED; i++)
		if (!shared_options[i].group || shared_options[i].group & cli->groups)
			options[n++] = shared_options[i].option;

	open_standard_files();
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2), and no failure */
	cli->ready_fd = -1;
	argp_err_exit_status = EXIT_USAGE;
	diag_init(cli->program, 0);
	atexit(check_stdout);
	argv[0] = (char *)cli->program; /* the one name in every message, whatever path it was started by */
	error_t error = argp_parse(&shared, argc, argv, ARGP_NO_HELP, NULL, &input);
	/* Without memory it has parsed nothing, and what was to be redacted, say, must not pass as it is. */
	if (error) {
		diag_print_errno(DIAG_ERROR, error, "cannot read the command line");
		exit(EXIT_FAILED);
	}
	if (cli->form == CLI_FORM_AUTO)
		cli->form = !cli->output_path && isatty(STDOUT_FILENO) ? CLI_FORM_TABLE : CLI_FORM_JSON;
	diag_init(cli->program, cli->verbosity);
}
