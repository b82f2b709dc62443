/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of methods that spans point to (of a driver's connection, of an error), by their address in the file. A look
 * into the file's pclntab takes a few reads, and the same few methods come again and again: names are kept.
 */
#ifndef OTB_TRACE_METHODS_H
#define OTB_TRACE_METHODS_H

#include "common/go/targets.h"

enum { METHODS_KEPT = 128 };

struct method {
	bool is_known;
	unsigned int target;
	uint64_t address;
	char name[GO_NAME_SIZE];
};

struct methods {
	struct method kept[METHODS_KEPT]; /* by a hash; another one's gives way */
};

/* The name of the function that an address in a target's file is in; "" where there is none. Good until the next call. */
const char *method_name(struct methods *methods, const struct go_targets *targets, unsigned int target,
			uint64_t address);

/* Forgets these targets' names. */
void methods_forget(struct methods *methods, const bool gone[GO_TARGETS_MAX]);

#endif
