/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of otb-tcpretrans. */
#ifndef OTB_TCPRETRANS_OPTIONS_H
#define OTB_TCPRETRANS_OPTIONS_H

#include "bpf/tcpretrans.h"
#include "common/cli/cli.h"

enum summary_key { BY_FLOW, BY_PEER, BY_PROCESS, BY_CGROUP, BY_REASON, BY_NONE };

struct options {
	struct cli cli;
	struct tcpretrans_filter filter; /* as the BPF side takes it */
	const char *netns, *cgroup;      /* as given; NULL: all */
	uint64_t max_rate;               /* 0: no limit */
	enum summary_key by;
};

extern const char *const summary_key_names[]; /* by enum summary_key */

/* Parses the command line: exits on help, version and usage errors. */
void options_parse(struct options *options, int argc, char **argv);

/* Looks up what the options name in the kernel (--netns, --cgroup). What is not there has been said. */
enum exit_code options_resolve(struct options *options);

#endif
