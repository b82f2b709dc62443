/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/options.h"

#include <netdb.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/metrics/series.h"

enum {
	OPTION_ONCE = 0x2000,
	OPTION_TEXTFILE,
	OPTION_LISTEN,
	OPTION_OTLP,
	OPTION_LINGER,
	OPTION_TLS_CERTIFICATE,
	OPTION_TLS_KEY,
	OPTION_BASIC_AUTH,
	OPTION_BEARER_TOKEN,
	OPTION_NO_BUILTIN,
	OPTION_PRINT_RULES,
	OPTION_TTL,
	OPTION_SERIES,
	OPTION_CREATED,
	OPTION_SEED,
};

enum { ADDRESS_SIZE = 64 }; /* an IPv6 address and the name of an interface */

static const char documentation[] =
	"Turn records on stdin into Prometheus metrics: a page at the end of input, a textfile, or an HTTP endpoint."
	"\v"
	"Examples:\n"
	"  otb-tcpretrans -d 10s | otb-expose          ten seconds, one page\n"
	"  otb-expose < records.jsonl                  of records written before\n"
	"  otb-tcpretrans | otb-expose --listen :9464  a target for Prometheus\n"
	"  otb-gcpause --all -d 30s | otb-expose --textfile gc.prom\n"
	"  otb-expose -m 'counter errors_total{path} where status >= 500' < log\n"
	"\n"
	"Full documentation: man otb-expose";

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "Where to:", 1 },
	{ "once", OPTION_ONCE, NULL, 0, "One page at the end of input (the default)", 1 },
	{ "textfile", OPTION_TEXTFILE, "PATH", 0,
	  "Add to the page in PATH, for node_exporter, at the end of input and every --interval", 1 },
	{ "listen", OPTION_LISTEN, "[ADDR]:PORT", 0, "Serve /metrics over HTTP; ADDR is 127.0.0.1 without one", 1 },
	{ "otlp", OPTION_OTLP, NULL, 0, "OTLP/JSON instead of a page, at the end of input and every --interval", 1 },
	{ NULL, 0, NULL, 0, "What:", 10 },
	{ "metric", 'm', "RULE", 0, "A metric of your own: TYPE NAME{LABELS} CLAUSES; may be given several times", 10 },
	{ "rules", 'r', "FILE", 0, "Metrics from a JSON file, read again on SIGHUP and when it changes", 10 },
	{ "no-builtin", OPTION_NO_BUILTIN, NULL, 0, "None of the program's own rules", 10 },
	{ "print-rules", OPTION_PRINT_RULES, NULL, 0, "Print the rules in force, and exit", 10 },
	{ "series", OPTION_SERIES, "N", 0, "At most N series a metric, 2000 without it; the rest becomes one", 10 },
	{ "ttl", OPTION_TTL, "TIME", 0, "Forget series not seen for TIME", 10 },
	{ "seed", OPTION_SEED, "N", 0, "Round the weights of sampled records alike in every run", 10 },
	{ NULL, 0, NULL, 0, "Serving:", 20 },
	{ "linger", OPTION_LINGER, NULL, 0, "Go on serving at the end of input", 20 },
	{ "tls-certificate", OPTION_TLS_CERTIFICATE, "FILE", 0, "Serve over TLS; PEM, with --tls-key", 20 },
	{ "tls-key", OPTION_TLS_KEY, "FILE", 0, "The key of the certificate; PEM", 20 },
	{ "basic-auth-file", OPTION_BASIC_AUTH, "FILE", 0, "Ask for the user:password in FILE", 20 },
	{ "bearer-token-file", OPTION_BEARER_TOKEN, "FILE", 0, "Ask for the token in FILE", 20 },
	{ "created", OPTION_CREATED, NULL, 0, "Say in OpenMetrics when each series began", 20 },
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ 0 },
};

/* Fields of the stats record. Labels of metrics are looked at with the rules. */
static const char *const names[] = { "duration_ns", "lines", "records", "ignored", "bad_lines", "bad_values", NULL };

static void set_kind(struct argp_state *state, enum output_kind kind)
{
	struct options *options = state->input;
	static bool given;

	if (given && kind != options->kind)
		argp_error(state, "--once, --textfile, --listen and --otlp: only one can be");
	given = true;
	options->kind = kind;
}

/* "[ADDR]:PORT", where an IPv6 address has brackets of its own: "[::1]:9464". False: it is none. */
static bool parse_listen(const char *arg, struct http_options *http)
{
	static const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					       .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(arg, ':');
	int length = colon ? (int)(colon - arg) : 0;
	char host[ADDRESS_SIZE] = "127.0.0.1";
	struct addrinfo *found;
	uint64_t port;

	if (!colon || !parse_uint(colon + 1, 0, 65535, &port) || length >= ADDRESS_SIZE)
		return false;
	if (*arg == '[' && colon[-1] == ']')
		snprintf(host, sizeof(host), "%.*s", length - 2, arg + 1);
	else if (memchr(arg, ':', (size_t)length))
		return false;
	else if (length)
		snprintf(host, sizeof(host), "%.*s", length, arg);
	if (getaddrinfo(host, colon + 1, &hints, &found))
		return false;
	memcpy(&http->address, found->ai_addr, found->ai_addrlen);
	http->address_size = found->ai_addrlen;
	http->any_port = !port;
	freeaddrinfo(found);
	return true;
}

static void add_metric(struct options *options, const char *arg, struct argp_state *state)
{
	if (options->n_metrics == OPTIONS_METRICS_MAX)
		argp_error(state, "--metric: more than %d; a file for --rules takes more", OPTIONS_METRICS_MAX);
	options->metrics[options->n_metrics++] = arg;
}

static void check_together(const struct options *options, struct argp_state *state)
{
	const struct http_options *http = &options->http;
	bool serves = options->kind == OUTPUT_LISTEN;

	if (options->cli.interval_ns && options->kind != OUTPUT_TEXTFILE && options->kind != OUTPUT_OTLP)
		argp_error(state, "--interval needs --textfile or --otlp");
	if (!http->certificate != !http->key)
		argp_error(state, "--tls-certificate and --tls-key: one needs the other");
	if (!serves &&
	    (options->linger || http->certificate || http->basic_file || http->bearer_file || options->created))
		argp_error(state,
			   "--linger, --created, --tls-*, --basic-auth-file and --bearer-token-file need --listen");
}

static error_t parse_path(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	static const struct {
		int key;
		const char *name;
	} paths[] = { { OPTION_TEXTFILE, "textfile" },
		      { 'r', "rules" },
		      { OPTION_TLS_CERTIFICATE, "tls-certificate" },
		      { OPTION_TLS_KEY, "tls-key" },
		      { OPTION_BASIC_AUTH, "basic-auth-file" },
		      { OPTION_BEARER_TOKEN, "bearer-token-file" } };
	const char **places[] = { &options->textfile, &options->rules_path,      &options->http.certificate,
				  &options->http.key, &options->http.basic_file, &options->http.bearer_file };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i].key != key)
			continue;
		if (!*arg)
			cli_refuse(state, paths[i].name, arg, "a path");
		*places[i] = arg;
		if (key == OPTION_TEXTFILE)
			set_kind(state, OUTPUT_TEXTFILE);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_number(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	uint64_t number;

	switch (key) {
	case OPTION_SERIES:
		if (!parse_uint(arg, 1, 1000000, &number))
			cli_refuse(state, "series", arg, "a number from 1 to 1000000");
		options->series_max = (unsigned int)number;
		return 0;
	case OPTION_TTL:
		if (!parse_duration(arg, &options->ttl_ns))
			cli_refuse(state, "ttl", arg, "a time, as 10m");
		return 0;
	case OPTION_SEED:
		if (!parse_uint(arg, 1, UINT64_MAX, &options->seed))
			cli_refuse(state, "seed", arg, "a number from 1 on");
		return 0;
	}
	return parse_path(key, arg, state);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_ONCE:
		set_kind(state, OUTPUT_ONCE);
		return 0;
	case OPTION_LISTEN:
		set_kind(state, OUTPUT_LISTEN);
		if (!parse_listen(arg, &options->http))
			cli_refuse(state, "listen", arg, "an IP address and a port, as :9464 or [::1]:9464");
		return 0;
	case OPTION_OTLP:
		set_kind(state, OUTPUT_OTLP);
		return 0;
	case OPTION_LINGER:
		options->linger = true;
		return 0;
	case OPTION_CREATED:
		options->created = true;
		return 0;
	case OPTION_NO_BUILTIN:
		options->no_builtin = true;
		return 0;
	case OPTION_PRINT_RULES:
		options->print_rules = true;
		return 0;
	case 'm':
		add_metric(options, arg, state);
		return 0;
	case ARGP_KEY_ARG:
		cli_refuse_argument(state, arg);
	case ARGP_KEY_END:
		check_together(options, state);
		return 0;
	}
	return parse_number(key, arg, state);
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp own = { option_table, parse_option, NULL, documentation, NULL, NULL, NULL };

	*options = (struct options){ .cli = { .program = "otb-expose", .groups = CLI_INTERVAL, .names = names },
				     .series_max = METRIC_SERIES_MAX };
	cli_parse(&options->cli, &own, options, argc, argv);
}
