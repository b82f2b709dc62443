/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of otb-skeleton. */
#ifndef OTB_SKELETON_OPTIONS_H
#define OTB_SKELETON_OPTIONS_H

#include "bpf/skeleton.h"
#include "common/cli/cli.h"

struct options {
	struct cli cli;
	struct skeleton_filter filter; /* as the BPF side takes it */
};

/* Parses the command line: exits on help, version and usage errors. */
void options_parse(struct options *options, int argc, char **argv);

#endif
