/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one voice on stderr: "otb-trace: cannot open '/x': No such file or directory".
 *
 * Every message is one line, begins with the program's name, has no capital and no full stop, and names the thing it
 * speaks of in single quotes. Control characters in what it quotes are shown as '?'. Messages are written with one
 * write(2).
 */
#ifndef OTB_DIAG_H
#define OTB_DIAG_H

enum diag_level {
	DIAG_ERROR = -1, /* always */
	DIAG_WARN = 0,   /* not with -q */
	DIAG_INFO = 1,   /* with -v */
	DIAG_DEBUG = 2,  /* with -vv */
};

/* Sets the name that begins each line (not copied), and how much is said. */
void diag_init(const char *program, int verbosity);

void diag_print(enum diag_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with ": " and the text of `error` (an errno, positive or negative) behind it. */
void diag_print_errno(enum diag_level level, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The verbosity in force: -1 with -q, 0, 1 with -v, ... */
int diag_verbosity(void);

#endif
