/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a Go program stopped: runtime.stwReason under names that do not change.
 *
 * From Go 1.21 on it is a number (runtime/proc.go, stwReasonStrings; 1.21.13 to 1.27.4 are the same), before it was a
 * text, which differs for some (the stopTheWorld() calls of runtime/ in 1.17 to 1.20). The names are the runtime's
 * wording in snake_case.
 */
#ifndef OTB_GCPAUSE_REASON_H
#define OTB_GCPAUSE_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REASON_NAMES_MAX = 18, REASON_NAME_SIZE = 48 };

/* The names by number; the last one, "other", stands for every number and text that is not known. */
extern const char *const reason_names[REASON_NAMES_MAX];

/* The number of a name; REASON_NAMES_MAX where there is none. */
unsigned int reason_find(const char *name, size_t length);

/* The number of what stopTheWorld() was given to 1.20; that of "other" where the text is not known. */
unsigned int reason_from_text(const char *text);

/* What is shown: the name of a known number, else "stw_NUMBER"; of a text that is not known its words in snake_case. */
void reason_format(unsigned int number, const char *text, char name[REASON_NAME_SIZE]);

#endif
