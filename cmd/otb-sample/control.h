/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --control: tells a tracer by which threshold it may sample in the kernel, through a map that the tracer has pinned in
 * bpffs: an array of one u64, the threshold T from 0 (every record is wanted) to 2^56 (none is). The tracer owns the map;
 * here it is only written to, at most once a tick and when the threshold has changed.
 */
#ifndef OTB_SAMPLE_CONTROL_H
#define OTB_SAMPLE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct control {
	const char *path;
	int fd; /* -1: none */
	uint64_t written;
	bool has_written, has_failed; /* the last has been said */
};

/* Opens the map. The tracer may take some seconds to pin it, for which this waits, unless SIGINT or SIGTERM, which are
 * blocked, come: then there is no map, and nobody will miss it. False: there is none, said on stderr. */
bool control_open(struct control *control, const char *path);
void control_close(struct control *control);

void control_write(struct control *control, uint64_t threshold);

#endif
