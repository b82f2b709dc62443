/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *diag_program = "otb";
static int diag_level;

void diag_init(const char *program, int verbosity)
{
	diag_program = program;
	diag_level = verbosity;
}

int diag_verbosity(void)
{
	return diag_level;
}

/* What is quoted may come from anywhere; a terminal must not be steered by it, neither by C0 nor by C1 (U+0080 to
 * U+009F, which is \xc2 and a byte in UTF-8). */
static void blank_controls(char *text, size_t length)
{
	unsigned char before = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0))
			text[i] = '?';
		before = byte;
	}
}

static void print_line(int error, const char *format, va_list arguments)
{
	char line[2048];
	const size_t room = sizeof(line) - 1; /* for the LF */
	size_t length = (size_t)snprintf(line, room, "%s: ", diag_program);

	length += (size_t)vsnprintf(line + length, room - length, format, arguments);
	if (length < room && error)
		length += (size_t)snprintf(line + length, room - length, ": %s", strerror(abs(error)));
	if (length >= room)
		length = room - 1;
	blank_controls(line, length);
	line[length++] = '\n';
	/* Nobody is left to be told where stderr fails. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

void diag_print(enum diag_level level, const char *format, ...)
{
	va_list arguments;

	if ((int)level > diag_level)
		return;
	va_start(arguments, format);
	print_line(0, format, arguments);
	va_end(arguments);
}

void diag_print_errno(enum diag_level level, int error, const char *format, ...)
{
	va_list arguments;

	if ((int)level > diag_level)
		return;
	va_start(arguments, format);
	print_line(error, format, arguments);
	va_end(arguments);
}
