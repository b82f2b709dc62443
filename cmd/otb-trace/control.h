/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --control: the map with the threshold in force, pinned in bpffs so that otb-sample --control can write to it
 * (otb-records(7)). A map that is pinned there already, as a tracer that was killed leaves it, is taken over with what it
 * holds.
 */
#ifndef OTB_TRACE_CONTROL_H
#define OTB_TRACE_CONTROL_H

#include "common/cli/cli.h"

struct bpf_map;

struct control {
	const char *path; /* NULL: no --control */
	bool is_pinned;
	bool is_taken; /* it was there already */
};

/* Before the load: takes the map over that is at the path, if there is one. What is wrong has been said. */
enum exit_code control_open(struct control *control, struct bpf_map *map, const char *path);

/* After the load: sets the threshold that traces begin with (not of a map that was taken over, unless `is_given`), and
 * pins the map. */
enum exit_code control_pin(struct control *control, struct bpf_map *map, uint64_t threshold, bool is_given);

void control_close(struct control *control);

#endif
