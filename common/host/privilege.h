/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tracer may do, and what it gives up once it does it.
 */
#ifndef OTB_PRIVILEGE_H
#define OTB_PRIVILEGE_H

#include <stdbool.h>

/* Whether this process has the capabilities that a tracer needs, to look at `others` too or only at what is open to it
 * (process_is_open()); which ones are missing, and what for, has been said. */
bool privilege_is_held(bool others);

enum privilege_use {
	PRIVILEGE_OBSERVE,        /* reading maps, iterating over tasks and looking at other processes */
	PRIVILEGE_ATTACH,         /* and attaching uprobes */
	PRIVILEGE_ATTACH_BY_PERF, /* and that by perf_event_open(2), where there are no multi-uprobe links */
};

/* Drops everything but what a use takes, for good (no_new_privs). Says so where that fails. */
void privilege_drop(enum privilege_use use);

#endif
