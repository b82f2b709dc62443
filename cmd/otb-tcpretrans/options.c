/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-tcpretrans/options.h"

#include <string.h>

#include "cmd/otb-tcpretrans/event.h"
#include "common/cli/parse.h"
#include "common/host/kernel_object.h"

enum { OPTION_COMM = 0x2000, OPTION_PORT, OPTION_LOCAL_PORT, OPTION_PEER_PORT, OPTION_PEER, OPTION_NETNS };
enum { OPTION_CGROUP = 0x2100, OPTION_REASON, OPTION_MAX_RATE, OPTION_BY };

static const char documentation[] =
	"Print every TCP retransmission of this machine, with the process that owns the socket and the reason."
	"\v"
	"Lists may be given by repeating an option; different options must all fit.\n"
	"\n"
	"Examples:\n"
	"  otb-tcpretrans                           everything, as it happens\n"
	"  otb-tcpretrans -p 1234 --reason rto,syn  one process, timeouts only\n"
	"  otb-tcpretrans -d 10s -s --by peer       ten seconds, by peer\n"
	"  otb-tcpretrans | otb-expose              as Prometheus metrics\n"
	"\n"
	"Full documentation: man otb-tcpretrans";

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "What to show:", 1 },
	{ "comm", OPTION_COMM, "NAME", 0, "Only processes of this name", 1 },
	{ "port", OPTION_PORT, "PORT", 0, "Only this port, on either side", 1 },
	{ "local-port", OPTION_LOCAL_PORT, "PORT", 0, "Only this local port", 1 },
	{ "peer-port", OPTION_PEER_PORT, "PORT", 0, "Only this port of the peer", 1 },
	{ "peer", OPTION_PEER, "CIDR", 0, "Only peers in this network (192.0.2.0/24, 2001:db8::1)", 1 },
	{ "ipv4", '4', NULL, 0, "Only IPv4, v4-mapped IPv6 included", 1 },
	{ "ipv6", '6', NULL, 0, "Only IPv6", 1 },
	{ "netns", OPTION_NETNS, "INODE|PATH", 0, "Only this network namespace", 1 },
	{ "cgroup", OPTION_CGROUP, "PATH", 0, "Only sockets made in this cgroup or below it", 1 },
	{ "reason", OPTION_REASON, "NAME[,NAME...]", 0, "Only these reasons: syn, rto, loss_recovery, fast, tlp, other",
	  1 },
	{ "max-rate", OPTION_MAX_RATE, "N", 0, "At most N events a second; the rest is counted", 1 },
	{ "by", OPTION_BY, "KEY", 0, "With --summary: flow, peer (the default), process, cgroup or reason", 1 },
	{ NULL, 0, NULL, 0, "How:", 50 },
	{ 0 },
};

const char *const summary_key_names[] = {
	[BY_FLOW] = "flow",     [BY_PEER] = "peer",     [BY_PROCESS] = "process",
	[BY_CGROUP] = "cgroup", [BY_REASON] = "reason",
};

static void add_port(__u16 ports[FILTER_VALUES_MAX], __u32 *n, const char *option, const char *text,
		     const struct argp_state *state)
{
	uint64_t port;

	if (!parse_uint(text, 1, UINT16_MAX, &port))
		cli_refuse(state, option, text, "a port (1 to 65535)");
	if (*n == FILTER_VALUES_MAX)
		argp_error(state, "--%s: more than %d ports", option, FILTER_VALUES_MAX);
	ports[(*n)++] = (__u16)port;
}

static void add_comm(struct tcpretrans_filter *filter, const char *text, const struct argp_state *state)
{
	if (!*text || strlen(text) >= TCPRETRANS_COMM_SIZE)
		cli_refuse(state, "comm", text, "a process name (1 to 15 bytes)");
	if (filter->n_comms == FILTER_VALUES_MAX)
		argp_error(state, "--comm: more than %d names", FILTER_VALUES_MAX);
	memcpy(filter->comms[filter->n_comms++], text, strlen(text));
}

static void add_peer(struct tcpretrans_filter *filter, const char *text, const struct argp_state *state)
{
	struct tcpretrans_prefix *prefix = &filter->peers[filter->n_peers];
	struct cidr cidr;

	if (!parse_cidr(text, &cidr))
		cli_refuse(state, "peer", text, "an address or network (192.0.2.0/24, 2001:db8::/32)");
	if (filter->n_peers == FILTER_VALUES_MAX)
		argp_error(state, "--peer: more than %d networks", FILTER_VALUES_MAX);
	memcpy(prefix->address, cidr.address, sizeof(prefix->address));
	prefix->is_ipv4 = cidr_is_ipv4(&cidr);
	for (unsigned int bit = 0; bit < cidr.bits; bit++)
		prefix->mask[bit / 8] |= (__u8)(0x80 >> bit % 8);
	filter->n_peers++;
}

static __u32 reason_find(const char *name, size_t length)
{
	for (__u32 reason = 0; reason < REASON_MAX; reason++)
		if (strlen(reason_names[reason]) == length && !strncmp(reason_names[reason], name, length))
			return reason;
	return REASON_MAX;
}

static void add_reasons(struct tcpretrans_filter *filter, const char *text, const struct argp_state *state)
{
	for (const char *name = text;; name++) {
		size_t length = strcspn(name, ",");
		__u32 reason = reason_find(name, length);

		if (reason == REASON_MAX)
			cli_refuse(state, "reason", text, "a list of syn, rto, loss_recovery, fast, tlp, other");
		filter->reasons |= 1U << reason;
		name += length;
		if (!*name)
			return;
	}
}

static void set_key(struct options *options, const char *text, const struct argp_state *state)
{
	for (unsigned int key = 0; key < BY_NONE; key++) {
		if (strcmp(summary_key_names[key], text))
			continue;
		options->by = key;
		return;
	}
	cli_refuse(state, "by", text, "one of flow, peer, process, cgroup, reason");
}

static void check_combination(struct options *options, const struct argp_state *state)
{
	if (options->by != BY_NONE && !options->cli.summary)
		argp_error(state, "--by goes with --summary");
	if (options->cli.interval_ns && !options->cli.summary)
		argp_error(state, "--interval goes with --summary");
	if (options->by == BY_NONE)
		options->by = BY_PEER;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct tcpretrans_filter *filter = &options->filter;

	switch (key) {
	case OPTION_COMM:
		add_comm(filter, arg, state);
		return 0;
	case OPTION_PORT:
		add_port(filter->ports, &filter->n_ports, "port", arg, state);
		return 0;
	case OPTION_LOCAL_PORT:
		add_port(filter->local_ports, &filter->n_local_ports, "local-port", arg, state);
		return 0;
	case OPTION_PEER_PORT:
		add_port(filter->peer_ports, &filter->n_peer_ports, "peer-port", arg, state);
		return 0;
	case OPTION_PEER:
		add_peer(filter, arg, state);
		return 0;
	case '4':
	case '6':
		/* Both together are no filter. */
		filter->families = filter->families && filter->families != (__u32)(key - '0') ? 0 : (__u32)(key - '0');
		return 0;
	case OPTION_NETNS:
		options->netns = arg;
		return 0;
	case OPTION_CGROUP:
		options->cgroup = arg;
		return 0;
	case OPTION_REASON:
		add_reasons(filter, arg, state);
		return 0;
	case OPTION_MAX_RATE:
		if (!parse_uint(arg, 1, UINT32_MAX, &options->max_rate))
			cli_refuse(state, "max-rate", arg, "a number of events a second");
		return 0;
	case OPTION_BY:
		set_key(options, arg, state);
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
			.program = "otb-tcpretrans",
			.groups = CLI_TRACER | CLI_FORM | CLI_SUMMARY | CLI_INTERVAL,
			.names = event_field_names,
		},
		.by = BY_NONE,
	};
	cli_parse(&options->cli, &argp, options, argc, argv);
	options->filter.n_pids = options->cli.n_pids;
	for (unsigned int i = 0; i < options->cli.n_pids; i++)
		options->filter.pids[i] = (__u32)options->cli.pids[i];
}

enum exit_code options_resolve(struct options *options)
{
	uint64_t inode;

	if (options->netns) {
		if (!netns_inode_from_text(options->netns, &inode))
			return EXIT_CANNOT_OBSERVE;
		options->filter.netns = (__u32)inode;
	}
	if (options->cgroup && !cgroup_id_from_path(options->cgroup, (uint64_t *)&options->filter.cgroup))
		return EXIT_CANNOT_OBSERVE;
	return EXIT_DONE;
}
