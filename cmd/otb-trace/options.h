/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of otb-trace.
 */
#ifndef OTB_TRACE_OPTIONS_H
#define OTB_TRACE_OPTIONS_H

#include "bpf/trace.h"
#include "common/cli/cli.h"
#include "common/go/targets.h"

enum { HEADER_FIELD_SIZE = sizeof("http_request_header_") + TRACE_HEADER_NAME_SIZE };

struct options {
	struct cli cli;
	struct go_selection selection;
	const char *headers[TRACE_HEADERS_MAX]; /* --header, as given */
	char header_fields[TRACE_HEADERS_MAX][HEADER_FIELD_SIZE];
	unsigned int n_headers;
	uint64_t threshold; /* --ratio; 0 without it */
	bool has_ratio;
	const char *control_path; /* NULL: no --control */
	bool wants_query, wants_db_text, wants_sched;
	bool wants_metrics; /* --metrics, or --summary, which is the same without spans */
};

/* Parses the command line, or exits. */
void options_parse(struct options *options, int argc, char **argv);

#endif
