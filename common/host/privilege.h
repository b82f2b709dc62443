/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tracer may do, and what it gives up once it does it.
 */
#ifndef OTB_PRIVILEGE_H
#define OTB_PRIVILEGE_H

#include <stdbool.h>

/* Whether this process has the capabilities that a tracer needs; which ones are missing has been said. */
bool privilege_is_held(void);

/* Drops everything but what reading maps, iterating over tasks and looking at other processes takes, and where
 * `keeps_attaching` what attaching uprobes takes, for good (no_new_privs). Says so where that fails. */
void privilege_drop(bool keeps_attaching);

#endif
