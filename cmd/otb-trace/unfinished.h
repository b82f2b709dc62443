/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests whose end is never told: their process has ended before them, or the tracer has. Each is counted once, in a
 * record `unfinished`, and forgotten.
 */
#ifndef OTB_TRACE_UNFINISHED_H
#define OTB_TRACE_UNFINISHED_H

#include "common/run/session.h"

/* Counts and forgets the spans of processes that have ended, or have become another program; to be called every few
 * seconds. `spans` and `processes` are the maps. */
void unfinished_sweep(struct session *session, int spans, int processes);

/* Counts those that are under way when the tracer stops. */
void unfinished_report(struct session *session, int spans);

#endif
