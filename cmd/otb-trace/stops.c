/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/stops.h"

#include <stdlib.h>

#include "common/host/process.h"

struct stop {
	uint64_t start_ns, end_ns;
};

struct stops_of_process {
	uint32_t pid;
	uint32_t next;                 /* where the next one goes */
	bool is_gone;                  /* it had ended when it was last looked at */
	struct stop stops[STOPS_EACH]; /* a ring; zeroed: none yet */
};

void stops_close(struct stops *stops)
{
	for (unsigned int i = 0; i < STOPS_PROCESSES; i++)
		free(stops->processes[i]);
}

/* The process that was there before gives way; what the new one had before this start is not known. */
static struct stops_of_process *process_take(struct stops *stops, uint32_t pid, uint64_t start_ns)
{
	struct stops_of_process **slot = &stops->processes[pid % STOPS_PROCESSES];
	struct stops_of_process *before = *slot;

	if (before && before->pid == pid)
		return before;
	if (before)
		stops->known_since_ns[pid % STOPS_PROCESSES] = start_ns;
	free(before);
	*slot = calloc(1, sizeof(**slot));
	if (*slot)
		(*slot)->pid = pid;
	return *slot;
}

void stops_add(struct stops *stops, uint32_t pid, uint64_t start_ns, uint64_t end_ns)
{
	uint64_t *known_since_ns = &stops->known_since_ns[pid % STOPS_PROCESSES];
	struct stops_of_process *process;
	struct stop *stop;

	if (end_ns < start_ns)
		return;
	process = process_take(stops, pid, start_ns);
	if (!process) {
		*known_since_ns = end_ns;
		return;
	}
	stop = &process->stops[process->next++ % STOPS_EACH];
	if (stop->end_ns > *known_since_ns)
		*known_since_ns = stop->end_ns;
	*stop = (struct stop){ start_ns, end_ns };
}

void stops_sweep(struct stops *stops, uint64_t now_ns)
{
	for (unsigned int i = 0; i < STOPS_PROCESSES; i++) {
		struct stops_of_process *process = stops->processes[i];
		bool was_gone = process && process->is_gone;

		if (!process)
			continue;
		process->is_gone = !process_exists((pid_t)process->pid);
		if (!was_gone || !process->is_gone)
			continue;
		free(process);
		stops->processes[i] = NULL;
		stops->known_since_ns[i] = now_ns;
	}
}

void stops_miss(struct stops *stops, uint64_t now_ns)
{
	for (unsigned int i = 0; i < STOPS_PROCESSES; i++)
		stops->known_since_ns[i] = now_ns;
}

bool stops_overlap(const struct stops *stops, uint32_t pid, uint64_t start_ns, uint64_t end_ns, uint64_t *overlap_ns)
{
	const struct stops_of_process *process = stops->processes[pid % STOPS_PROCESSES];

	*overlap_ns = 0;
	if (start_ns < stops->known_since_ns[pid % STOPS_PROCESSES])
		return false;
	if (!process)
		return true;
	if (process->pid != pid)
		return false;
	/* Backwards, up to the first one that was over before the span began. */
	for (uint32_t i = 1; i <= STOPS_EACH; i++) {
		const struct stop *stop = &process->stops[(process->next - i) % STOPS_EACH];
		uint64_t from = stop->start_ns > start_ns ? stop->start_ns : start_ns;
		uint64_t to = stop->end_ns < end_ns ? stop->end_ns : end_ns;

		if (stop->end_ns <= start_ns)
			break;
		if (from < to)
			*overlap_ns += to - from;
	}
	return true;
}
