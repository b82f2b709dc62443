/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-gcpause/reason.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { OTHER = REASON_NAMES_MAX - 1 };

const char *const reason_names[REASON_NAMES_MAX] = {
	"unknown",
	"gc_mark_termination",
	"gc_sweep_termination",
	"write_heap_dump",
	"goroutine_profile",
	"goroutine_profile_cleanup",
	"all_goroutines_stack_trace",
	"read_mem_stats",
	"all_threads_syscall",
	"gomaxprocs",
	"start_trace",
	"stop_trace",
	/* 12 to 16 are the runtime's own tests. */
	"count_pages_in_use",
	"read_metrics_slow",
	"read_mem_stats_slow",
	"page_cache_pages_leaked",
	"reset_debug_log",
	"other",
};

/* What 1.17 to 1.20 said, and the number of today. */
static const struct {
	const char *text;
	unsigned int number;
} texts[] = {
	{ "write heap dump", 3 },
	{ "profile", 4 },
	{ "profile cleanup", 5 },
	{ "stack trace", 6 },
	{ "read mem stats", 7 },
	{ "doAllThreadsSyscall", 8 },
	{ "GOMAXPROCS", 9 },
	{ "start tracing", 10 },
	{ "stop tracing", 11 },
	{ "CountPagesInUse", 12 },
	{ "ReadMetricsSlow", 13 },
	{ "ReadMemStatsSlow", 14 },
	{ "PageCachePagesLeaked", 15 },
	{ "ResetDebugLog", 16 },
};

unsigned int reason_find(const char *name, size_t length)
{
	unsigned int number = 0;

	while (number < REASON_NAMES_MAX &&
	       (strlen(reason_names[number]) != length || strncmp(reason_names[number], name, length) != 0))
		number++;
	return number;
}

unsigned int reason_from_text(const char *text)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i].text, text))
			return texts[i].number;
	return OTHER;
}

void reason_format(unsigned int number, const char *text, char name[REASON_NAME_SIZE])
{
	if (number < OTHER) {
		snprintf(name, REASON_NAME_SIZE, "%s", reason_names[number]);
		return;
	}
	if (!*text) {
		snprintf(name, REASON_NAME_SIZE, "stw_%u", number);
		return;
	}
	snprintf(name, REASON_NAME_SIZE, "%s", text);
	for (char *at = name; *at; at++)
		*at = (char)(isalnum((unsigned char)*at) ? tolower((unsigned char)*at) : '_');
}
