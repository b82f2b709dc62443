/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests print: a TAP line for each check, and the plan at the end. */
#ifndef OTB_TAP_H
#define OTB_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int n_tests, n_failed;

static inline __attribute__((format(printf, 2, 3))) void check(bool passed, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	for (char *c = what; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '#')
			*c = '?';
	printf("%sok %u - %s\n", passed ? "" : "not ", ++n_tests, what);
	fflush(stdout); /* a child must not have it to print again, nor a crash swallow it */
	n_failed += !passed;
}

static inline void skip(const char *what, const char *reason)
{
	printf("ok %u - %s # SKIP %s\n", ++n_tests, what, reason);
	fflush(stdout);
}

/* Prints the plan and returns the exit status. */
static inline int finish_tests(void)
{
	printf("1..%u\n", n_tests);
	return n_failed ? 1 : 0;
}

#endif
