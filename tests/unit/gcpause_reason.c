/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of reasons, against the texts of the releases themselves: stwReasonStrings of Go 1.21 to 1.27 and the
 * stopTheWorld() calls of 1.17 to 1.20, copied here as they stand in runtime/.
 */
#include "cmd/otb-gcpause/reason.h"

#include <string.h>

#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const runtime_strings[] = {
	"unknown",
	"GC mark termination",
	"GC sweep termination",
	"write heap dump",
	"goroutine profile",
	"goroutine profile cleanup",
	"all goroutines stack trace",
	"read mem stats",
	"AllThreadsSyscall",
	"GOMAXPROCS",
	"start trace",
	"stop trace",
	"CountPagesInUse (test)",
	"ReadMetricsSlow (test)",
	"ReadMemStatsSlow (test)",
	"PageCachePagesLeaked (test)",
	"ResetDebugLog (test)",
};

/* Words without their spaces and underscores, in lower case: "AllThreadsSyscall" and "all_threads_syscall" are one. */
static void squeeze(const char *text, char squeezed[64])
{
	size_t length = 0;

	for (; *text && *text != '(' && length < 63; text++)
		if (*text != ' ' && *text != '_')
			squeezed[length++] = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
	squeezed[length] = '\0';
}

static void check_numbers(void)
{
	char name[REASON_NAME_SIZE], ours[64], theirs[64];

	for (unsigned int i = 0; i < COUNT(runtime_strings); i++) {
		reason_format(i, "", name);
		squeeze(name, ours);
		squeeze(runtime_strings[i], theirs);
		check(!strcmp(ours, theirs), "%u is the runtime's '%s': %s", i, runtime_strings[i], name);
		check(reason_find(name, strlen(name)) == i, "and %s is found", name);
	}
	reason_format(17, "", name);
	check(!strcmp(name, "stw_17"), "an unknown number is shown as one: %s", name);
	reason_format(255, "", name);
	check(!strcmp(name, "stw_255"), "the largest too: %s", name);
	check(reason_find("stw_17", 6) == REASON_NAMES_MAX, "and it has no name to be found by");
	check(reason_find("gc", 2) == REASON_NAMES_MAX && reason_find("", 0) == REASON_NAMES_MAX,
	      "nor has a part of one");
}

static void check_text(const char *text, const char *expected)
{
	char name[REASON_NAME_SIZE];

	reason_format(reason_from_text(text), text, name);
	check(!strcmp(name, expected), "'%s' is %s: %s", text, expected, name);
}

static void check_texts(void)
{
	check_text("write heap dump", "write_heap_dump");
	check_text("profile", "goroutine_profile");
	check_text("profile cleanup", "goroutine_profile_cleanup");
	check_text("stack trace", "all_goroutines_stack_trace");
	check_text("read mem stats", "read_mem_stats");
	check_text("doAllThreadsSyscall", "all_threads_syscall");
	check_text("GOMAXPROCS", "gomaxprocs");
	check_text("start tracing", "start_trace");
	check_text("stop tracing", "stop_trace");
	check_text("ReadMemStatsSlow", "read_mem_stats_slow");
	check_text("Something New", "something_new");
	check_text("\x1b[2J\xff", "__2j_");
	check_text("0123456789012345678901234567890123456789012345678901234567890123",
		   "01234567890123456789012345678901234567890123456");
}

int main(void)
{
	check_numbers();
	check_texts();
	return finish_tests();
}
