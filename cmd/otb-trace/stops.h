/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the GC had stopped the worlds of the processes that are traced: the last STOPS_EACH stops of each of STOPS_PROCESSES,
 * and how long a span was in them. It takes 32 KB for each of those that run. Times are CLOCK_MONOTONIC in ns.
 */
#ifndef OTB_TRACE_STOPS_H
#define OTB_TRACE_STOPS_H

#include <stdbool.h>
#include <stdint.h>

enum { STOPS_PROCESSES = 256, STOPS_EACH = 2048 };

struct stops_of_process;

struct stops {
	struct stops_of_process *processes[STOPS_PROCESSES]; /* by a hash of the pid; another one's gives way */
	uint64_t known_since_ns[STOPS_PROCESSES];            /* nothing is missing from here on */
};

void stops_close(struct stops *stops);

/* Notes a stop. In their order. */
void stops_add(struct stops *stops, uint32_t pid, uint64_t start_ns, uint64_t end_ns);

/* Forgets the processes that have ended, and had at the last call: their last spans are read by then. */
void stops_sweep(struct stops *stops, uint64_t now_ns);

/* A stop of some process is not known of: nothing is known of what began before. */
void stops_miss(struct stops *stops, uint64_t now_ns);

/* How much of a span a process's world was stopped. False where that is not known: it began before what is kept. */
bool stops_overlap(const struct stops *stops, uint32_t pid, uint64_t start_ns, uint64_t end_ns, uint64_t *overlap_ns);

#endif
