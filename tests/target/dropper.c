/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dropper DEVICE ingress|egress [RULE]...
 *
 * Drops TCP packets on a device of the network namespace it runs in, by rules that are given as arguments or, while it
 * runs, as lines on stdin. It answers each with one line, prints "ready" when its filter is in place and the rules of
 * the arguments are in force, and at the end of stdin, on SIGINT and on SIGTERM takes its filter and qdisc away again.
 *
 *   drop KIND[,KIND]... [WORD]...	adds a rule, at most 8; answer "rule I"
 *		KIND		syn synack data fin ack rst any; data with a FIN is both
 *		port P		P is the local or the peer port
 *		ipv4, ipv6	only this version
 *		first		only packets that bring new sequence numbers, so no retransmission
 *		skip N		let the first N matching packets pass
 *		every N		then drop one in N
 *		count N		until N are dropped; else without end
 *   clear				removes all rules and their counts; answer "cleared"
 *   report [I]				of rule I, or of all rules; answer "matched M dropped D segments S"
 *   wait N [I]				answers like report, once at least N are dropped
 *
 * A packet is asked about rule by rule until one drops it; each rule counts those it was asked about and applies to.
 *
 * Loss on the wire is ingress at the receiver. Egress at the sender is another thing: the sender's TCP sees its
 * transmission fail (NET_XMIT_DROP), does not take the packet for sent, and tries again.
 * A packet is an skb: with TSO or GSO on it may hold many segments (net_offload in tests/lib/net.bash).
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/target/dropper.h"
#include "tests/target/dropper.skel.h"

struct dropper {
	struct dropper_bpf *bpf;
	struct bpf_tc_hook hook;
	struct bpf_tc_opts filter;
	struct ring_buffer *drops;
	unsigned int rules;
	bool waiting;
	unsigned long wait_count;
	int wait_rule; /* -1: all of them */
};

static const struct {
	const char *name;
	__u32 kinds;
} kind_names[] = {
	{ "syn", PACKET_SYN }, { "synack", PACKET_SYNACK }, { "data", PACKET_DATA }, { "fin", PACKET_FIN },
	{ "ack", PACKET_ACK }, { "rst", PACKET_RST },       { "any", PACKET_ANY },
};

static bool number_parse(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return !*end && !errno && *number <= max;
}

/* Takes the kinds out of "data,fin"; 0 if there is a word among them that is no kind. */
static __u32 kinds_parse(char *text)
{
	__u32 kinds = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		size_t i = 0;

		while (i < sizeof(kind_names) / sizeof(*kind_names) && strcmp(kind_names[i].name, word) != 0)
			i++;
		if (i == sizeof(kind_names) / sizeof(*kind_names))
			return 0;
		kinds |= kind_names[i].kinds;
	}
	return kinds;
}

/* One word of a rule, and its number where it has one. */
static bool rule_parse_word(struct dropper_rule *rule, const char *word, char **rest)
{
	unsigned long number;

	if (!strcmp(word, "ipv4") || !strcmp(word, "ipv6")) {
		rule->version = (__u8)(word[3] - '0');
		return true;
	}
	if (!strcmp(word, "first")) {
		rule->first = 1;
		return true;
	}
	if (!number_parse(strtok_r(NULL, " ", rest), !strcmp(word, "port") ? 65535 : 0xffffffff, &number))
		return false;
	if (!strcmp(word, "port"))
		rule->port = (__u16)number;
	else if (!strcmp(word, "skip"))
		rule->skip = (__u32)number;
	else if (!strcmp(word, "every") && number)
		rule->every = (__u32)number;
	else if (!strcmp(word, "count") && number)
		rule->count = (__u32)number;
	else
		return false;
	return true;
}

static bool rule_parse(struct dropper_rule *rule, char **rest)
{
	char *word = strtok_r(NULL, " ", rest);

	*rule = (struct dropper_rule){ .every = 1 };
	rule->kinds = word ? kinds_parse(word) : 0;
	if (!rule->kinds)
		return false;
	while ((word = strtok_r(NULL, " ", rest)))
		if (!rule_parse_word(rule, word, rest))
			return false;
	return true;
}

static bool rule_read(const struct dropper *dropper, unsigned int index, struct dropper_rule *rule)
{
	__u32 key = index;

	return !bpf_map_lookup_elem_flags(bpf_map__fd(dropper->bpf->maps.rules), &key, rule, BPF_F_LOCK);
}

static bool rule_write(const struct dropper *dropper, unsigned int index, const struct dropper_rule *rule)
{
	__u32 key = index;

	return !bpf_map_update_elem(bpf_map__fd(dropper->bpf->maps.rules), &key, rule, BPF_F_LOCK);
}

static void dropper_add(struct dropper *dropper, char **rest)
{
	struct dropper_rule rule;

	if (dropper->rules == DROPPER_RULES)
		printf("error: there are %d rules already\n", DROPPER_RULES);
	else if (!rule_parse(&rule, rest))
		printf("error: this is no rule\n");
	else if (!rule_write(dropper, dropper->rules, &rule))
		printf("error: cannot write the rule: %s\n", strerror(errno));
	else
		printf("rule %u\n", dropper->rules++);
}

static void dropper_clear(struct dropper *dropper)
{
	const struct dropper_rule none = { 0 };

	while (dropper->rules && rule_write(dropper, dropper->rules - 1, &none))
		dropper->rules--;
	printf(dropper->rules ? "error: cannot remove a rule\n" : "cleared\n");
}

static struct dropper_rule dropper_sum(const struct dropper *dropper, int index)
{
	struct dropper_rule sum = { 0 }, rule;

	for (unsigned int i = 0; i < dropper->rules; i++) {
		if ((index >= 0 && (unsigned int)index != i) || !rule_read(dropper, i, &rule))
			continue;
		sum.matched += rule.matched;
		sum.dropped += rule.dropped;
		sum.segments += rule.segments;
	}
	return sum;
}

static void sum_print(const struct dropper_rule *sum)
{
	printf("matched %llu dropped %llu segments %llu\n", sum->matched, sum->dropped, sum->segments);
}

/* Answers the wait that is pending, if what it waits for has happened. */
static void dropper_answer(struct dropper *dropper)
{
	struct dropper_rule sum;

	if (!dropper->waiting)
		return;
	sum = dropper_sum(dropper, dropper->wait_rule);
	if (sum.dropped < dropper->wait_count)
		return;
	dropper->waiting = false;
	sum_print(&sum);
}

/* The index of a rule there is, or -1 where none is given; false if it is no such index. */
static bool index_parse(const struct dropper *dropper, const char *word, int *index)
{
	unsigned long number;

	*index = -1;
	if (!word)
		return true;
	if (!number_parse(word, DROPPER_RULES, &number) || number >= dropper->rules)
		return false;
	*index = (int)number;
	return true;
}

static void dropper_report(const struct dropper *dropper, char **rest)
{
	struct dropper_rule sum;
	int index;

	if (!index_parse(dropper, strtok_r(NULL, " ", rest), &index)) {
		printf("error: there is no such rule\n");
		return;
	}
	sum = dropper_sum(dropper, index);
	sum_print(&sum);
}

static void dropper_wait(struct dropper *dropper, char **rest)
{
	if (!number_parse(strtok_r(NULL, " ", rest), 0xffffffff, &dropper->wait_count) ||
	    !index_parse(dropper, strtok_r(NULL, " ", rest), &dropper->wait_rule)) {
		printf("error: wait for how many?\n");
		return;
	}
	dropper->waiting = true;
	dropper_answer(dropper);
}

static void dropper_obey(struct dropper *dropper, char *line)
{
	char *rest = NULL;
	const char *word;

	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line, " ", &rest);
	if (!word)
		printf("error: an empty line\n");
	else if (!strcmp(word, "drop"))
		dropper_add(dropper, &rest);
	else if (!strcmp(word, "clear"))
		dropper_clear(dropper);
	else if (!strcmp(word, "report"))
		dropper_report(dropper, &rest);
	else if (!strcmp(word, "wait"))
		dropper_wait(dropper, &rest);
	else
		printf("error: unknown word '%s'\n", word);
}

static int drop_ignore(void *context, void *data, size_t size)
{
	(void)context, (void)data, (void)size;
	return 0;
}

static bool dropper_load(struct dropper *dropper)
{
	dropper->bpf = dropper_bpf__open_and_load();
	if (!dropper->bpf) {
		fprintf(stderr, "dropper: cannot load the BPF program: %s\n", strerror(errno));
		return false;
	}
	dropper->drops = ring_buffer__new(bpf_map__fd(dropper->bpf->maps.drops), drop_ignore, NULL, NULL);
	if (!dropper->drops)
		fprintf(stderr, "dropper: cannot open the ring buffer: %s\n", strerror(errno));
	return dropper->drops;
}

/* Takes the qdisc away with everything that hangs on it: it is our own, for a foreign one stops the start. */
static void dropper_detach(struct dropper *dropper)
{
	dropper->hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&dropper->hook);
}

static bool dropper_attach(struct dropper *dropper, const char *device, const char *direction)
{
	int error;

	dropper->hook.sz = sizeof(dropper->hook);
	dropper->hook.ifindex = (int)if_nametoindex(device);
	dropper->hook.attach_point = strcmp(direction, "egress") ? BPF_TC_INGRESS : BPF_TC_EGRESS;
	if (!dropper->hook.ifindex) {
		fprintf(stderr, "dropper: there is no device '%s'\n", device);
		return false;
	}
	error = bpf_tc_hook_create(&dropper->hook);
	if (error) {
		fprintf(stderr, "dropper: cannot add a qdisc to %s: %s\n", device, strerror(-error));
		return false;
	}
	dropper->filter.sz = sizeof(dropper->filter);
	dropper->filter.prog_fd = bpf_program__fd(dropper->bpf->progs.dropper);
	error = bpf_tc_attach(&dropper->hook, &dropper->filter);
	if (!error)
		return true;
	fprintf(stderr, "dropper: cannot attach to %s: %s\n", device, strerror(-error));
	dropper_detach(dropper);
	return false;
}

/* False if one of the arguments is not a rule that could be added. */
static bool dropper_start(struct dropper *dropper, char **rules, int count)
{
	for (int i = 0; i < count; i++)
		dropper_obey(dropper, rules[i]);
	if (dropper->rules != (unsigned int)count)
		return false;
	printf("ready\n");
	return true;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void dropper_loop(struct dropper *dropper, int signals)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = ring_buffer__epoll_fd(dropper->drops), .events = POLLIN },
	};
	char line[512];

	/* Unbuffered, so that no second line hides from poll behind the first. */
	setvbuf(stdin, NULL, _IONBF, 0);
	while (poll(fds, sizeof(fds) / sizeof(*fds), -1) >= 0) {
		if (fds[1].revents)
			return;
		if (fds[2].revents) {
			ring_buffer__consume(dropper->drops);
			dropper_answer(dropper);
		}
		if (fds[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return;
			dropper_obey(dropper, line);
		}
	}
}

int main(int argc, char **argv)
{
	struct dropper dropper = { 0 };
	int signals, status = 1;

	if (argc < 3 || (strcmp(argv[2], "ingress") != 0 && strcmp(argv[2], "egress") != 0)) {
		fprintf(stderr, "usage: dropper DEVICE ingress|egress [RULE]...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signals = signals_open();
	if (signals >= 0 && dropper_load(&dropper) && dropper_attach(&dropper, argv[1], argv[2])) {
		status = dropper_start(&dropper, argv + 3, argc - 3) ? 0 : 2;
		if (!status)
			dropper_loop(&dropper, signals);
		dropper_detach(&dropper);
	}
	ring_buffer__free(dropper.drops);
	dropper_bpf__destroy(dropper.bpf);
	return status;
}
