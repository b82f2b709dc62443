/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of otb-gcpause.
 */
#ifndef OTB_GCPAUSE_OPTIONS_H
#define OTB_GCPAUSE_OPTIONS_H

#include "bpf/gcpause.h"
#include "cmd/otb-gcpause/reason.h"
#include "common/cli/cli.h"
#include "common/go/targets.h"

struct options {
	struct cli cli;
	struct go_selection selection;
	struct gcpause_filter filter;
	bool wants_reason[REASON_NAMES_MAX]; /* --reason; all of them without it */
	bool histogram;
};

/* Parses the command line, or exits. */
void options_parse(struct options *options, int argc, char **argv);

#endif
