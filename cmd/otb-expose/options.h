/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of otb-expose. */
#ifndef OTB_EXPOSE_OPTIONS_H
#define OTB_EXPOSE_OPTIONS_H

#include "common/cli/cli.h"

struct options {
	struct cli cli;
	bool once;            /* --once was given, which is the default too */
	const char *textfile; /* NULL: the page goes to the output */
};

/* Parses the command line: exits on help, version and usage errors. */
void options_parse(struct options *options, int argc, char **argv);

#endif
